"""`python -m course_utils COMMAND`: what the Makefile calls, and what a reader without make types."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from course_utils import session


def doctor(_: argparse.Namespace) -> int:
    """say on one screen what works on this machine"""
    from course_utils.commands.doctor import main

    return main()


def lab(arguments: argparse.Namespace) -> int:
    """open JupyterLab on the first notebook; what follows goes to JupyterLab, for example --no-browser"""
    from course_utils.commands.lab import open_lab

    return open_lab(arguments.others)


def course(arguments: argparse.Namespace) -> int:
    """run the notebooks headless, print a table, write an HTML report"""
    from course_utils.commands.report import course as run

    return run(only=arguments.only, store=arguments.store)


def statements(arguments: argparse.Namespace) -> int:
    """run the notebooks with five seeds, print the verdict on each of the slides' statements"""
    from course_utils.commands.five_seeds import statements as run

    return run(only=arguments.only, store=arguments.store)


def sweep(arguments: argparse.Namespace) -> int:
    """choose each method's learning rate on validation rows: the notebooks that compare methods, several times each"""
    from course_utils.commands.sweep import sweep as run

    return run(only=arguments.only, store=arguments.store)


def exhibits(_: argparse.Namespace) -> int:
    """list the exhibits of the slides: the paper's figure, the statements, ours, the verdict"""
    from course_utils.results import exhibits_table

    print(exhibits_table())
    return 0


def mirror(arguments: argparse.Namespace) -> int:
    """fill a folder or a USB stick with everything that the real track needs, for use without a network"""
    from course_utils.assets.mirror import fill

    return fill(arguments.folder, only=arguments.only, later=arguments.later)


def readme(_: argparse.Namespace) -> int:
    """for authors: write the measured parts of README.md from the results that ship"""
    from course_utils.commands.readme import main as write

    return write()


def ship(arguments: argparse.Namespace) -> int:
    """for authors: make the newest rows of a notebook the shipped ones"""
    from course_utils.commands.ship import main

    return main(arguments.notebook)


def solutions(arguments: argparse.Namespace) -> int:
    """for authors: write the solution under every exercise, or with --check say which notebooks lack theirs"""
    from course_utils.commands.solutions import main

    return main(check=arguments.check)


def tables(arguments: argparse.Namespace) -> int:
    """make the rows of a long table, run by run; broken off and started again, it goes on with the next run"""
    from course_utils.commands import glue_table, tables

    if arguments.table == "glue":
        return glue_table.main(arguments.only, arguments.store)
    if arguments.only:
        print(f"--only names tasks of the table glue. The table {arguments.table} has none: leave it out.")
        return 1
    return tables.main(arguments.table, arguments.store)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    command.__name__: command
    for command in (lab, doctor, course, statements, sweep, exhibits, mirror, readme, ship, solutions, tables)
}


def main() -> int:
    """Parse the command line, run the command, return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils", description="The commands of the course.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        if name == "ship":
            sub.add_argument("notebook", metavar="NN", help="the start of the notebook's name, e.g. 02")
        if name == "solutions":
            sub.add_argument(
                "--check", action="store_true", help="change nothing; status 1 if one is out of step"
            )
        if name == "mirror":
            sub.add_argument(
                "folder",
                metavar="DIR",
                type=lambda text: Path(text).expanduser(),  # Windows' shells leave ~ as it is
                help="where to; made if it is not there",
            )
            sub.add_argument(
                "--later", action="store_true",
                help="also the published models that sections near the end of notebooks take: gigabytes",
            )  # fmt: skip
        if name in ("course", "statements", "sweep", "mirror"):
            sub.add_argument(
                "--only", nargs="+", metavar="NN", help="notebooks whose names start so, e.g. 02"
            )
        if name == "tables":
            sub.add_argument(
                "table",
                choices=[
                    "glue",
                    "templates",
                    "prompts",
                    "few-shot",
                    "chat",
                    "translators",
                    "madx",
                    "intermediate",
                ],
                help="which one: ways of fine-tuning on tasks of GLUE; templates on arithmetic; learned prompts; "
                "few examples; a chat model distilled; translators distilled; MAD-X between languages; "
                "small students of two encoders",
            )
            sub.add_argument("--only", nargs="+", metavar="TASK", help="of glue: the tasks, e.g. CoLA SST-2")
        if name in ("course", "statements", "sweep", "tables"):
            sub.add_argument(
                "--store", action="store_true", help="for authors: keep the outcome in the repository"
            )
    session.forgive_output()
    arguments, others = parser.parse_known_args()
    if others and arguments.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    arguments.others = others
    return COMMANDS[arguments.command](arguments)


if __name__ == "__main__":
    sys.exit(main())
