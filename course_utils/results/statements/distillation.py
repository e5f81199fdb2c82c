"""Tests of the statements of notebooks 02 to 04: logits, intermediate layers, sequences."""

from collections.abc import Sequence

import pandas as pd

from course_utils.results.papers import paper
from course_utils.results.statements.asking import (
    Part,
    Parts,
    among,
    average,
    best,
    by_seed,
    minus,
    scores,
    track_of,
)  # fmt: skip

ALL = ("KD, all sentences", "logit MSE, all sentences", "KD and gold, all sentences")
TASKS = ("sentiment", "second task")
SMALL_BERTS = {
    "BERT (teacher)": "BERT-base (teacher)",
    "BERT-tiny, gold labels": "BERT-tiny",
    "BERT-small, gold labels": "BERT-small",
    "PKD": "BERT-4-PKD",
    "DistilBERT": "DistilBERT-4",
    "MobileBERT style": "MobileBERT-tiny",
    "TinyBERT": "TinyBERT-4",
}
"""Our rows of E10, and the paper's."""
AS_MANY_STEPS = {
    "bundled": ("E10", "logit KD, same total steps"),
    # There the general stage has as many steps as the task stage.
    "real": ("E09", "BERT-tiny, logit KD, twice the steps"),
}
"""By track, the exhibit and method of the logit-KD row with TinyBERT's steps in total."""


def gap(rows: pd.DataFrame) -> Parts:
    """S08."""
    teacher, gold = scores(rows, "E06", "teacher"), scores(rows, "E07", "gold labels")
    untrained = scores(rows, "E06", "teacher's size, random weights")
    return {
        "teacher minus student on gold labels (points)": Part(minus(teacher, gold), above=10),
        "the teacher's size from random weights, minus student on gold labels (points)": Part(
            minus(untrained, gold)
        ),
    }


def closing(rows: pd.DataFrame) -> Parts:
    """S09."""
    teacher, gold = scores(rows, "E06", "teacher"), scores(rows, "E07", "gold labels")
    student = best([scores(rows, "E07", method) for method in ALL])
    share = 100 * minus(student, gold) / minus(teacher, gold)
    return {"the gap closed by the best student (%)": Part(share.dropna(), above=80)}


def kd(rows: pd.DataFrame) -> Parts:
    """S10."""
    values = minus(scores(rows, "E07", "KD, labelled sentences"), scores(rows, "E07", "gold labels"))
    return {"KD minus gold labels, same sentences (points)": Part(values, above=0)}


def both_losses(rows: pd.DataFrame) -> Parts:
    """S11."""
    together = scores(rows, "E07", "KD and gold, labelled sentences")
    better = best([scores(rows, "E07", method) for method in ("KD, labelled sentences", "gold labels")])
    told = "KD and gold minus the better of the two, same sentences (points)"
    return {told: Part(minus(together, better), above=0)}


def optional_gold(rows: pd.DataFrame) -> Parts:
    """S12."""
    values = minus(scores(rows, "E07", ALL[0]), scores(rows, "E07", ALL[2]))
    return {"KD alone minus KD and gold, all sentences (points)": Part(values, above=-1)}


def unlabelled(rows: pd.DataFrame) -> Parts:
    """S13. Without unlabelled text the run is that of KD on the labelled sentences."""
    by_amount = {times: scores(rows, "E08", "KD, no gold label", times=times) for times in (1, 4, 16)}
    by_amount = {0: scores(rows, "E07", "KD, labelled sentences"), **by_amount}
    return {
        f"{more}x minus {less}x unlabelled text (points)": Part(
            minus(by_amount[more], by_amount[less]), above=0
        )
        for less, more in ((0, 1), (1, 4), (4, 16))
    }


def _inside_minus(rows: pd.DataFrame, other: str, told: str) -> Parts:
    """Logits and intermediate layers, with a learned projection, against another student of the same size."""
    inside = "BERT-tiny, logit KD and inside"
    return {
        f"{told}, {task} (points)": Part(
            minus(scores(rows, "E09", inside, task), scores(rows, "E09", other, task)), above=0
        )
        for task in TASKS
    }


def inside(rows: pd.DataFrame) -> Parts:
    """S14."""
    return _inside_minus(rows, "BERT-tiny, logit KD", "logits and inside minus logits alone")


def projection(rows: pd.DataFrame) -> Parts:
    """S15."""
    other = "BERT-tiny, logit KD and inside, first dimensions"
    return _inside_minus(rows, other, "learned projection minus the first dimensions")


def order_of_table(rows: pd.DataFrame) -> Parts:
    """S16."""
    parts = {}
    for task in TASKS:
        ours = {theirs: scores(rows, "E10", method, task) for method, theirs in SMALL_BERTS.items()}
        column = pd.DataFrame(ours).dropna().T  # a row for each model, a column for each seed
        rho = column.rank().corrwith(paper("E10")["mnli_m"].reindex(column.index).rank())
        parts[f"Spearman's rho with the paper's MNLI-m, {task}"] = Part(rho.dropna(), above=0.6)
    return parts


def _mean_of_tasks(rows: pd.DataFrame, exhibit: str, method: str) -> pd.Series:
    return average([scores(rows, exhibit, method, task) for task in TASKS])


def tinybert_best(rows: pd.DataFrame) -> Parts:
    """S17."""
    tiny = _mean_of_tasks(rows, "E10", "TinyBERT")
    parts = {
        f"TinyBERT minus {method}, mean of the tasks (points)": Part(
            minus(tiny, _mean_of_tasks(rows, "E10", method)), above=0
        )
        for method in list(SMALL_BERTS)[1:-1]
    }
    told = "TinyBERT minus logit KD, same total steps (points)"
    longer = AS_MANY_STEPS[track_of(rows)]
    return {**parts, told: Part(minus(tiny, _mean_of_tasks(rows, *longer)))}


def tinybert_nearly(rows: pd.DataFrame) -> Parts:
    """S18."""
    share = 100 * _mean_of_tasks(rows, "E10", "TinyBERT") / _mean_of_tasks(rows, "E10", "BERT (teacher)")
    return {"TinyBERT's score, of its teacher's (%)": Part(share.dropna(), above=97)}


def speed_up(rows: pd.DataFrame) -> Parts:
    """S19."""
    times = {method: scores(rows, "E10", method, metric="speed-up") for method in SMALL_BERTS}
    tiny, small = ("BERT-tiny, gold labels", "TinyBERT"), "BERT-small, gold labels"
    pairs = [(method, small) for method in tiny] + [(small, method) for method in ("PKD", "DistilBERT")]
    parts = {f"speed-up of {a} minus {b} (times)": Part(minus(times[a], times[b]), above=0) for a, b in pairs}
    return {**parts, "speed-up of TinyBERT (times)": Part(times["TinyBERT"], above=5)}


def _bleu(rows: pd.DataFrame, method: str) -> pd.Series:
    """BLEU on the test split with a beam of one; empty where there is none."""
    found = among(rows, exhibit="E11", method=method, metric="sacrebleu")
    found = found[~found["data"].str.contains("validation|beam of", regex=True)] if len(found) else found
    return by_seed(among(found, num_beams=1) if track_of(rows) == "bundled" else found)


def _bleu_lead(rows: pd.DataFrame, one: str, other: str) -> Parts:
    return {f"{one} minus {other} (BLEU)": Part(minus(_bleu(rows, one), _bleu(rows, other)), above=0)}


def word_kd(rows: pd.DataFrame) -> Parts:
    """S20."""
    return _bleu_lead(rows, "student: word-KD", "student: baseline")


def seq_kd(rows: pd.DataFrame) -> Parts:
    """S21."""
    return _bleu_lead(rows, "student: seq-KD", "student: word-KD")


def seq_kd_over_teacher(rows: pd.DataFrame) -> Parts:
    """S22."""
    return _bleu_lead(rows, "student: seq-KD", "teacher: baseline")


def seq_inter(rows: pd.DataFrame) -> Parts:
    """S23."""
    one, before = "teacher: baseline + seq-inter", "teacher: baseline"
    parts = _bleu_lead(rows, one, "teacher: baseline + gold")
    return {**parts, f"{one} minus {before} (BLEU)": Part(minus(_bleu(rows, one), _bleu(rows, before)))}


def _chat(rows: pd.DataFrame, method: str, metric: str) -> pd.Series:
    return by_seed(among(rows, exhibit="E12", method=method, metric=metric, data="Vicuna's questions"))


def chat(rows: pd.DataFrame) -> Parts:
    """S24."""
    if track_of(rows) == "real":
        told: Sequence[str] = ("log-likelihood", "ROUGE-L")
        found = {
            metric: (_chat(rows, "sequence-level", metric), _chat(rows, "before", metric)) for metric in told
        }
        return {f"{name}, after minus before": Part(minus(*pair), above=0) for name, pair in found.items()}
    pairs = {("instructions", "question"), ("conversations", "question"), ("conversations", "follow-up")}
    parts = {
        f"{tuned} minus base, {asked}s right (points)": Part(
            minus(scores(rows, "E12", tuned, asked=asked), scores(rows, "E12", "base", asked=asked)), above=0
        )
        for tuned, asked in sorted(pairs)
    }
    cost = scores(rows, "E12", "instructions", metric="operations (share of the base's)")
    return {**parts, "operations, of the base's training (share)": Part(cost)}


TESTS = {
    "S08": gap, "S09": closing, "S10": kd, "S11": both_losses, "S12": optional_gold, "S13": unlabelled,
    "S14": inside, "S15": projection, "S16": order_of_table, "S17": tinybert_best, "S18": tinybert_nearly,
    "S19": speed_up, "S20": word_kd, "S21": seq_kd, "S22": seq_kd_over_teacher, "S23": seq_inter, "S24": chat,
}  # fmt: skip
