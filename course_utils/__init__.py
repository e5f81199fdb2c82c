"""The plumbing that the notebooks import. The ideas being taught live in the notebooks and in `methods/`."""

from course_utils import assets, paths, session

__version__ = "0.2.0"
__all__ = ["hint", "progress", "start"]

# Before anything of Hugging Face is imported: those libraries read the environment once.
session.prepare_environment(assets.track())


def start(notebook: str) -> None:
    """Begin a notebook: print the track, the models and the data that it gets, and quieten the libraries.

    `notebook` is the file's name without its ending ("02_logit_distillation"); result rows carry it.
    """
    session.notebook = notebook
    session.forgive_output()
    session.leave_a_lost_folder()
    threads = session.set_threads()
    session.quiet()
    print(f"{notebook} · track: {assets.track()} ({assets.track_reason()})")
    roles = assets.notebook_roles(notebook)
    print(assets.summary(roles))
    if lent := assets.stand_ins(roles):
        print(f"On the real track too, what is bundled stands in for {', '.join(lent)}.")
        if assets.later_roles(notebook):
            print("A section near the end goes on with published ones.")
    print(f"torch uses {threads} CPU thread{'s' if threads > 1 else ''}; the seed is {session.seed()}")
    if paths.NOT_WRITABLE:
        print(
            f"{paths.NOT_WRITABLE} cannot be written, so your results go to {paths.BUILD}. "
            "To choose another folder, set COURSE_BUILD and restart the kernel."
        )


def hint(id: str, all: bool = False) -> None:
    """Print the next of an exercise's three hints, or with `all` the three at once."""
    from course_utils.checks import hint as show

    show(id, all)


def progress(reset: bool = False) -> None:
    """Show which exercises are solved so far and which is next. `reset` forgets everything first."""
    from course_utils.checks import progress as show

    show(reset)
