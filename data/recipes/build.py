"""Make every byte of `data/`: corpora, tokenizers, models, student shapes, cards, hashes. `make bundle` calls this.

One part is made only where it is asked for, on the real track: `COURSE_TRACK=real python data/recipes/build.py --only
multilingual` reads published texts and a published encoder.

`--corpora` makes the corpora only (seconds). The encoder and the ladder take about half an hour each on 2 cores; a run
that was cut off goes on from its last checkpoint when the command is given again.
"""

import argparse
import hashlib
import shutil
import sys

import cards
import chat
import corpora
import encoder
import general
import ladder
import languages
import multilingual
import own
import report
import translator

from course_utils import session
from course_utils.assets import large_models
from course_utils.commands import tables
from course_utils.paths import BUILD, DATA

MODELS = DATA / "models"


def hashes() -> None:
    """Write `data/SHA256SUMS`: what `assets.py` and the tests hold every bundled file to."""
    folders = ("corpora", "models", "own")
    paths = [path for folder in folders for path in (DATA / folder).rglob("*") if path.is_file()]
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(DATA).as_posix()}\n"
        for path in sorted(paths)
        if path.suffix != ".md"  # cards may be reworded without breaking anybody's copy
    ]
    (DATA / "SHA256SUMS").write_text("".join(lines), encoding="utf-8", newline="\n")


def build_corpora() -> None:
    """Make the corpora anew, from nothing."""
    shutil.rmtree(DATA / "corpora", ignore_errors=True)
    names = corpora.write(DATA / "corpora")
    print(
        f"{len(names)} corpus files, {sum((DATA / 'corpora' / n).stat().st_size for n in names) / 1e6:.1f} MB"
    )
    own.write(DATA / "own", DATA / "corpora")
    cards.write_corpora(DATA / "corpora")


def build_models() -> None:
    """Pretrain the encoder, and put it and the shapes of its students into place."""
    work = BUILD / "bundle"
    facts = encoder.pretrain(DATA / "corpora", work / "encoder", work / "checkpoint")
    shutil.copytree(work / "encoder", MODELS / "encoder", dirs_exist_ok=True)
    encoder.write_student(MODELS / "encoder", MODELS / "student")
    cards.write_encoder(MODELS / "encoder", facts)
    cards.write_student(MODELS / "student", encoder.STUDENT)
    ladder.main()
    places = MODELS / "encoder", MODELS / "student", MODELS / "student-general"
    cards.write_general(
        MODELS / "student-general", general.distil(DATA / "corpora", *places, work / "general")
    )


def build_translators() -> None:
    """Train the translation teacher, write its beams, and the shape of its student."""
    work, teacher, student = BUILD / "bundle", MODELS / "translation-teacher", MODELS / "translation-student"
    facts = translator.train_teacher(DATA / "corpora", work / "translator", work / "checkpoint-translator")
    shutil.copytree(work / "translator", teacher, dirs_exist_ok=True)
    translator.write_beams(DATA / "corpora", teacher)
    translator.write_student(teacher, student)
    cards.write_translators(teacher, student, facts, translator.STUDENT)


def build_chat() -> None:
    """Train the two chat models."""
    for name, shape in (("teacher", chat.TEACHER), ("base", chat.BASE)):
        work, folder = BUILD / "bundle" / f"chat-{name}", MODELS / f"chat-{name}"
        facts = chat.train(name, shape, work, BUILD / "bundle" / f"checkpoint-chat-{name}")
        shutil.copytree(work, folder, dirs_exist_ok=True)
        cards.write_chat(folder, name, facts)


def build_languages() -> None:
    """Train the language adapters."""
    work, folder = BUILD / "bundle" / "languages", MODELS / "language-adapters"
    facts = languages.train(
        DATA / "corpora", MODELS / "encoder", work, BUILD / "bundle" / "checkpoint-languages"
    )
    shutil.copytree(work, folder, dirs_exist_ok=True)
    cards.write_languages(folder, facts)


def build_multilingual() -> None:
    """Train the language adapters of the published encoder, and ship them and the rows of their losses.

    Raises SystemExit where the published texts and the encoder cannot be had.
    """
    session.set_threads()
    session.quiet()
    if not large_models.ready(multilingual.ROLES, large_models.lacking(gpu=False)):
        raise SystemExit(1)
    work, folder = BUILD / "bundle" / "multilingual", MODELS / "multilingual-adapters"
    facts = multilingual.train(work)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*work.glob("*.safetensors"), work / "loss.jsonl"):
        shutil.copyfile(path, folder / path.name)
    cards.write_multilingual(folder, facts)
    print(f"Stored: {tables.keep(multilingual.NAME)}")


BUNDLED = {
    "encoder": build_models,
    "translator": build_translators,
    "chat": build_chat,
    "languages": build_languages,
}
PARTS = {**BUNDLED, "multilingual": build_multilingual}


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", action="store_true", help="make the corpora only")
    parser.add_argument(
        "--only",
        choices=PARTS,
        action="append",
        help="make this part's models only, on the corpora that are there",
    )
    given = parser.parse_args()
    if not given.only:
        build_corpora()
    parts = [] if given.corpora else given.only or list(BUNDLED)
    for part in parts:
        PARTS[part]()
    hashes()
    rows = report.measure(seeds=(0, 1, 2)) if "encoder" in parts else []
    for row in rows:
        print(
            f"{row['property']:45} {row['measured']:.3f}  {row['bound']:14} {'kept' if row['kept'] else 'BROKEN'}"
        )
    return 0 if all(row["kept"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
