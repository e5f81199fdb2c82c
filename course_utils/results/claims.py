"""What a notebook claims, written down with what was measured and whether it holds."""

from typing import Any

from course_utils import assets, session
from course_utils.paths import BUILD, setting
from course_utils.results import rows


def claim(exhibit: str, text: str, measured: Any, holds: bool) -> None:
    """Write down whether a conclusion of the notebook holds in this run; stop the notebook if it does not.

    measured: the number, or the words, that the reader should see beside the claim. Raises AssertionError if
    `holds` is false, except under COURSE_CLAIMS=record, where all claims of a notebook are gathered.
    """
    row = {
        "time": rows.now(),
        "notebook": session.notebook,
        "track": assets.track(),
        "exhibit": exhibit,
        "text": text,
        "measured": measured,
        "holds": bool(holds),
        "seed": session.seed(),
    }
    rows.append(BUILD / "results" / "claims.jsonl", row)
    shown = f"{measured:.3f}" if isinstance(measured, float) else measured
    if not holds and setting("COURSE_CLAIMS") != "record":
        raise AssertionError(
            f"This run does not bear out the claim of {exhibit}: {text} Measured: {shown}. If you changed "
            "something above, that may be why, and it is worth a thought. If not, run again with another "
            "COURSE_SEED."
        )
    print(f"{exhibit}  {'holds' if holds else 'DOES NOT HOLD'}: {text} (measured: {shown})")
