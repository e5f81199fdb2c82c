"""The slides' statements: each test can end in every verdict, and what ships says what the rows say."""

import re
import tomllib
from pathlib import Path

import made_up_rows
import pandas as pd
import pytest

from course_utils import assets, results, session
from course_utils.paths import DATA
from course_utils.results import exhibits, rows
from course_utils.results.statements import NOT_MEASURED, TESTS, Part, asking, shown
from course_utils.results.verdicts import WORDS

LISTED = results.statements()
ASKED = [(name, track) for name, facts in LISTED.items() for track in facts.tracks if facts.judged]


def test_the_list_is_whole() -> None:
    assert len(LISTED) == 49
    known = {exhibit["id"] for exhibit in exhibits.exhibits()} | {"recap"}
    for facts in LISTED.values():
        assert facts.exhibit in known and facts.says and facts.test
        assert set(facts.tracks) <= set(assets.TRACKS) and facts.tracks
        assert facts.judged or facts.identity, f"{facts.id} has no test"
    assert set(TESTS) <= set(LISTED)


@pytest.mark.parametrize(("name", "track"), ASKED)
def test_a_test_can_end_in_every_verdict(name: str, track: str) -> None:
    """Made-up rows: it holds with all five seeds, with none, and with three of five."""
    seeds = {"holds": ["holds"] * 5, "mixed": ["holds", "fails"] * 2 + ["holds"], "fails": ["fails"] * 5}
    words = [
        results.statement(name, made_up_rows.frame(name, track, values)).word for values in seeds.values()
    ]
    assert tuple(words) == WORDS


@pytest.mark.parametrize(("name", "track"), ASKED)
def test_without_rows_nothing_is_judged(name: str, track: str) -> None:
    outcome = results.statement(name, pd.DataFrame())
    assert outcome.word == NOT_MEASURED and "no runs yet" in outcome.deciding
    others = pd.DataFrame([{"exhibit": "E99", "method": "m", "data": "d", "metric": "accuracy", "notebook": "x",
                            "value": 1.0, "seed": 0, "track": track}])  # fmt: skip
    assert results.statement(name, others).word == NOT_MEASURED


@pytest.mark.parametrize(("name", "track"), ASKED)
def test_fewer_than_three_seeds_reproduce_nothing(name: str, track: str) -> None:
    assert results.statement(name, made_up_rows.frame(name, track, ["holds"] * 2)).word == WORDS[1]


def test_a_part_that_fails_decides_even_where_another_is_missing() -> None:
    made = made_up_rows.frame("S06", "bundled", ["fails"] * 5)
    without = made[made["method"] != "Indonesian, tuned without descriptions"]
    assert results.statement("S06", without).word == WORDS[2]
    made = made_up_rows.frame("S06", "bundled", ["holds"] * 5)
    without = made[made["method"] != "Indonesian, tuned without descriptions"]
    outcome = results.statement("S06", without)
    assert outcome.word == NOT_MEASURED and "tuned without descriptions" in outcome.deciding


def test_what_stands_beside_a_test_does_not_decide() -> None:
    made = made_up_rows.frame("S08", "bundled", ["holds"] * 5)
    outcome = results.statement("S08", made)
    assert outcome.word == WORDS[0] and len(outcome.missing) == 1
    (beside,) = (part for part in outcome.parts.values() if not part.judged)
    assert beside.verdict is None and beside.bound == ""


def test_a_bound_is_told_in_words() -> None:
    values = pd.Series([1.0, 2.0])
    assert Part(values, above=10).bound == "above 10" and Part(values, below=5).bound == "below 5"
    assert Part(values, above=-1, below=1).bound == "between -1 and 1"


def test_scores_leave_out_other_settings_and_refuse_a_mix() -> None:
    def row(seed: int, value: float, **more: object) -> dict[str, object]:
        fixed = {
            "exhibit": "E07",
            "method": "KD",
            "data": "some",
            "metric": "accuracy",
            "seed": seed,
            "value": value,
        }
        return {**fixed, **more}

    made = pd.DataFrame([row(0, 0.5), row(1, 0.6), row(0, 0.9, temperature=8.0)])
    assert asking.scores(made, "E07", "KD").tolist() == [50, 60]
    assert asking.scores(made, "E07", "KD", temperature=8.0).tolist() == [90]
    longer = pd.DataFrame([row(0, 0.5, steps=10), row(0, 0.7, steps=40)])
    assert asking.scores(longer, "E07", "KD").tolist() == [70]
    with pytest.raises(ValueError, match="several rows of one seed.*'other', 'some'"):
        asking.scores(pd.DataFrame([row(0, 0.5), row(0, 0.6, data="other")]), "E07", "KD")


def test_an_id_without_a_test_is_refused() -> None:
    with pytest.raises(ValueError, match="S05 has no test on rows"):
        results.statement("S05", pd.DataFrame())


# What ships


@pytest.mark.parametrize("track", assets.TRACKS)
def test_what_is_not_reproduced_has_its_reason(track: str) -> None:
    found = {name for name, outcome in shown.shipped(track).items() if outcome.word == WORDS[2]}
    assert found == {name for name, facts in LISTED.items() if track in facts.why}


def test_a_reason_has_no_figure_typed_in() -> None:
    """What was measured stands beside it, from the rows."""
    for facts in LISTED.values():
        for why in facts.why.values():
            assert "What would tell: " in why or "What tells: " in why
            figures = re.findall(r"\d[\d.]*", why.replace("rank 1", "").replace("notebook 01", ""))
            assert figures in ([], ["500"])


@pytest.mark.parametrize("track", assets.TRACKS)
def test_the_counts_are_of_all_statements_that_a_track_is_asked(track: str) -> None:
    assert sum(shown.counts(track).values()) == sum(track in facts.tracks for facts in LISTED.values())
    assert f"On the {track} track " in shown.summary(track)


def test_the_list_of_exhibits_names_every_statement_and_verdict() -> None:
    text = results.exhibits_table()
    assert all(text.count(f"     {name}  ") == 1 for name in LISTED)
    assert all(f"{number}  " in text for number in (f"E{i:02d}" for i in range(1, 33)))
    assert text.count("bundled: ") + text.count("real: ") == sum(
        len(facts.tracks) for facts in LISTED.values()
    )


def test_a_notebook_shows_its_statements_beside_its_own_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rows, "BUILD", tmp_path)
    monkeypatch.setattr(assets, "track", lambda: "bundled")
    monkeypatch.setattr(session, "notebook", "02_logit_distillation")
    monkeypatch.delenv("COURSE_SEED", raising=False)
    results.show_statements()
    before = capsys.readouterr().out
    assert "S08  reproduced" in before and "this run –; shipped runs " in before and "S14" not in before
    how = {"model": "m", "seed": 0, "trainable_parameters": 1, "metric": "accuracy", "seconds": 1.0}
    shipped = rows.load("02", "bundled", own=False)
    for exhibit, method, value in (("E06", "teacher", 0.9), ("E07", "gold labels", 0.4)):
        model = shipped.loc[shipped["method"] == method, "model"].iloc[0]
        results.record(
            session.notebook, exhibit, method, **{**how, "model": model}, data="500 sentences", value=value
        )
    results.show_statements()
    assert "this run 50.0; shipped runs " in capsys.readouterr().out


def test_two_seeds_have_a_mean_and_no_interval() -> None:
    """Two equal ones would have an interval of no width, which looks like certainty."""
    assert shown._figure(asking.Part(pd.Series([0.4, 0.4]))) == "0.40, 2 seeds"
    assert shown._figure(asking.Part(pd.Series([0.4]))) == "0.40"
    assert shown._figure(asking.Part(pd.Series([0.4, 0.4, 0.4]))) == "0.40 [0.40, 0.40], 3 seeds"


def test_rows_with_a_setting_named_source_are_this_run_s_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MAD-X: the language of the labels is called source, as the column that tells whose rows they are."""
    monkeypatch.setattr(rows, "BUILD", tmp_path)
    monkeypatch.setattr(assets, "track", lambda: "bundled")
    monkeypatch.setattr(session, "notebook", "09_madx")
    monkeypatch.delenv("COURSE_SEED", raising=False)
    how = {
        "model": "m",
        "data": "d",
        "seed": 0,
        "trainable_parameters": 1,
        "metric": "seqeval",
        "seconds": 1.0,
    }
    results.record(
        session.notebook, "E21", "full fine-tuning", value=0.4, source="javanese", target="sundanese", **how
    )
    results.show_statements()
    shown_here = capsys.readouterr().out.partition("carried over, in Sundanese")[2]
    assert re.match(r".*\n +this run -?\d", shown_here)


def test_a_run_shows_the_part_that_the_shipped_runs_chose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """S41: in one run another size may lack room than in the mean of the shipped runs."""
    (name,) = shown.shipped("bundled")["S41"].parts
    first, last, task = re.fullmatch(r"gap at (\w+) minus gap at (\w+), (.+) \(points\)", name).groups()  # type: ignore[union-attr]
    monkeypatch.setattr(rows, "BUILD", tmp_path)
    monkeypatch.setattr(assets, "track", lambda: "bundled")
    monkeypatch.setattr(session, "notebook", "10_prompts")
    monkeypatch.delenv("COURSE_SEED", raising=False)
    how = {"model": "ladder", "data": task, "seed": 0, "trainable_parameters": 1, "metric": "accuracy"}
    for size, tuned, prompted in ((first, 0.4, 0.1), (last, 0.98, 0.78)):
        for method, value in (("model tuning", tuned), ("prompt tuning", prompted)):
            results.record(session.notebook, "E23", method, value=value, seconds=1.0, size=size, **how)
    assert results.statement("S41", rows.load(track="bundled").query("seed == 0")).word == NOT_MEASURED
    results.show_statements()
    assert f"{name}, needs above 0\n       this run 10.0; shipped runs -" in capsys.readouterr().out


def test_every_exhibit_says_where_its_statements_are_asked() -> None:
    facts = tomllib.loads((DATA / "results" / "statements.toml").read_text(encoding="utf-8"))
    assert list(facts) == sorted(facts), "in the order of the course"
