"""Tests of the statements of notebooks 05 to 09 and 11: memory, frozen models, (IA)³, adapters, MAD-X, LoRA."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from course_utils.results import tasks
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

GLUE = ("CoLA", "SST-2", "MRPC", "RTE", "STS-B")
FOUR = ("sentiment, English", "sentiment, Indonesian", "second task", "names")
TWO = ("sentiment", "second task")
FULL = "full fine-tuning"


def _over(rows: pd.DataFrame, exhibit: str, method: str, data: Sequence[str], **settings: Any) -> pd.Series:
    """The mean over several data sets, by seed."""
    return average([scores(rows, exhibit, method, name, **settings) for name in data])


def _glue(rows: pd.DataFrame, method: str) -> pd.Series:
    """The mean over GLUE's five tasks, by seed; empty until all are there."""
    found = among(rows, exhibit="GLUE", method=method)
    runs = tasks.one_run_a_seed(found, [method], GLUE) if len(found) else found
    return average([by_seed(among(runs, data=name)) for name in GLUE])


def memory(rows: pd.DataFrame) -> Parts:
    """S27."""
    label, metric = "language model: {}", "largest batch on a T4"
    batch = {name: scores(rows, "E15", label.format(name), metric=metric) for name in (FULL, "LoRA")}
    activations = scores(rows, "E15", "LoRA", metric="activations (share of full)")
    return {
        "largest batch with LoRA over that of full fine-tuning (times)": Part(
            (batch["LoRA"] / batch[FULL]).dropna(), above=1
        ),
        "activations with LoRA, of those of full fine-tuning (share)": Part(activations),
    }


def frozen_features(rows: pd.DataFrame) -> Parts:
    """S28. The mean over the tasks that the task model was trained on."""
    data = (FOUR[0], FOUR[3])
    model = _over(rows, "E16", "task model on frozen embeddings", data)
    head, full = (_over(rows, "E17", method, data) for method in ("head only", FULL))
    return {
        "task model minus head alone (points)": Part(minus(model, head), above=0),
        f"{FULL} minus task model (points)": Part(minus(full, model), above=0),
    }


def top_layers(rows: pd.DataFrame) -> Parts:
    """S29. The mean over the tasks that each was trained on."""
    one, two = _over(rows, "E17", "top layer", FOUR), _over(rows, "E16", "top layers", FOUR[1:3], k=2)
    return {
        f"{FULL} minus last layer (points)": Part(minus(_over(rows, "E17", FULL, FOUR), one), above=0),
        f"{FULL} minus last two layers (points)": Part(
            minus(_over(rows, "E17", FULL, FOUR[1:3]), two), above=0
        ),
    }


def bitfit(rows: pd.DataFrame) -> Parts:
    """S30."""
    if track_of(rows) == "real":
        values = minus(_glue(rows, "BitFit"), _glue(rows, FULL))
    else:
        values = minus(_over(rows, "E17", "BitFit", FOUR), _over(rows, "E17", FULL, FOUR))
    return {f"BitFit minus {FULL}, average (points)": Part(values, above=-1, below=1)}


def _few(rows: pd.DataFrame, method: str, **settings: int) -> pd.Series:
    """The mean over a run's draws: their seeds are the run's, and hundreds more."""
    found = among(rows, exhibit="E18", method=method, data="few", **settings)
    return by_seed(found.assign(seed=found["seed"] % 100)) if len(found) else pd.Series(dtype=float)


def ia3(rows: pd.DataFrame) -> Parts:
    """S32."""
    mine, told = "(IA)³", f"(IA)³ minus {FULL}, "
    at = {
        f"{told}32 examples a class (points)": minus(
            _few(rows, mine, examples_per_class=32), _few(rows, FULL, examples_per_class=32)
        )
    }
    beside = minus(_few(rows, mine, examples=32), _few(rows, FULL, examples=32))
    if track_of(rows) == "real":
        data = "NusaX, English, 32 a class"
        found = among(rows, notebook="07_few_shot")
        at[f"{told}language model, 32 reviews a class (points)"] = minus(
            scores(found, "E18", mine, data), scores(found, "E18", FULL, data)
        )
    parts = {name: Part(values, above=0) for name, values in at.items()}
    return {**parts, f"{told}32 examples in all (points)": Part(beside)}


def _adapters(rows: pd.DataFrame) -> pd.Series:
    if track_of(rows) == "real":
        return _glue(rows, "adapters of 96")
    return _over(rows, "E19", "adapters of 32", TWO)


def adapters(rows: pd.DataFrame) -> Parts:
    """S34."""
    full = _glue(rows, FULL) if track_of(rows) == "real" else _over(rows, "E19", FULL, TWO)
    values = minus(_adapters(rows), full)
    return {f"adapters minus {FULL}, average (points)": Part(values, above=-1, below=1)}


def adapters_over_top_layer(rows: pd.DataFrame) -> Parts:
    """S35. The adapters have as many parameters as the layer, within one per cent."""
    if track_of(rows) == "real":
        values = minus(_glue(rows, "adapters of 192"), _glue(rows, "top layer"))
    else:
        values = minus(_over(rows, "E19", "adapters of 95", TWO), _over(rows, "E19", "top layer", TWO))
    return {"adapters minus top layer, as many parameters (points)": Part(values, above=0)}


def swapping(rows: pd.DataFrame) -> Parts:
    """S37."""
    size = "adapters of 96" if track_of(rows) == "real" else "adapters of 32"
    pairs = {task: (scores(rows, "E19", size, task), scores(rows, "E19", FULL, task)) for task in TWO}
    pairs["names"] = scores(rows, "E20", size, "names"), scores(rows, "E17", FULL, "names")
    return {
        f"its adapters minus its own {FULL}, {task} (points)": Part(minus(*pair), above=-1, below=1)
        for task, pair in pairs.items()
    }


def _transfer(rows: pd.DataFrame, method: str, target: str) -> pd.Series:
    """The score in a language whose labels were not read: the mean over the other languages, as sources."""
    if track_of(rows) == "real":
        return scores(among(rows, notebook="09_transfer"), "E21", method, f"NusaX, {target.capitalize()}")
    found = among(rows, exhibit="E21", method=method, target=target)
    return by_seed(found[found["source"] != target]) if len(found) else by_seed(found)


def language_adapters(rows: pd.DataFrame) -> Parts:
    """S38."""
    real = track_of(rows) == "real"
    alone = "task adapter alone" if real else "alone"
    parts = {}
    for target in ("minangkabau" if real else "english", "indonesian", "javanese", "sundanese"):
        with_adapters = _transfer(rows, "MAD-X", target)
        for name, method in {"without language adapters": alone, f"{FULL} carried over": FULL}.items():
            values = minus(with_adapters, _transfer(rows, method, target))
            parts[f"MAD-X minus {name}, in {target.capitalize()} (points)"] = Part(values, above=0)
    return parts


def _ranks(rows: pd.DataFrame, task: str, weights: str) -> dict[int, pd.Series]:
    """The accuracy of each rank on one set of weight types."""
    return {
        rank: found
        for rank in (1, 2, 4, 8, 64)
        if len(found := scores(rows, "E26", "LoRA", task, rank=rank, weights=weights))
    }


SLIDES_WEIGHTS = ("Wq", "Wq Wv", "Wq Wk Wv Wo")
EMPTY = pd.Series(dtype=float)


def rank_one(rows: pd.DataFrame) -> Parts:
    """S46."""
    parts = {}
    for task in TWO:
        by_rank = _ranks(rows, task, "Wq Wv")
        values = minus(by_rank.get(1, EMPTY), best(list(by_rank.values()) or [EMPTY]))
        parts[f"rank 1 minus the best rank, Wq Wv, {task} (points)"] = Part(values, above=-1)
    return parts


def more_types(rows: pd.DataFrame) -> Parts:
    """S47."""
    parts = {}
    for task in TWO:
        four, one = (_ranks(rows, task, weights) for weights in (SLIDES_WEIGHTS[2], SLIDES_WEIGHTS[0]))
        values = minus(four.get(1, EMPTY), one.get(64, EMPTY))
        parts[f"four types at rank 1 minus one at rank 64, {task} (points)"] = Part(values, above=0)
    return parts


def rank_sixty_four(rows: pd.DataFrame) -> Parts:
    """S48. The mean over the slide's three sets of weight types."""
    parts = {}
    for task in TWO:
        found = [_ranks(rows, task, weights) for weights in SLIDES_WEIGHTS]
        high, low = (average([ranks.get(rank, EMPTY) for ranks in found]) for rank in (64, 8))
        parts[f"rank 64 minus rank 8, {task} (points)"] = Part(minus(high, low), above=-1, below=1)
    return parts


def merged(rows: pd.DataFrame) -> Parts:
    """S49."""
    times = scores(rows, "E27", "LoRA, merged", metric="latency (times the base's)")
    return {"latency, merged over base (times)": Part(times, above=0.98, below=1.02)}


def _lora(rows: pd.DataFrame, method: str) -> pd.Series:
    return _glue(rows, method) if track_of(rows) == "real" else _over(rows, "E28", method, TWO)


def lora(rows: pd.DataFrame) -> Parts:
    """S50."""
    return {
        f"LoRA minus {FULL}, average (points)": Part(
            minus(_lora(rows, "LoRA"), _lora(rows, FULL)), above=-0.5
        )
    }


def lora_best(rows: pd.DataFrame) -> Parts:
    """S51. The adapters are those of S34, which have several times as many parameters as LoRA, as on the slide."""
    small = {"larger adapters": _adapters(rows), "BitFit": _lora(rows, "BitFit")}
    return {
        f"LoRA minus {name}, average (points)": Part(minus(_lora(rows, "LoRA"), values), above=0)
        for name, values in small.items()
    }


TESTS = {
    "S27": memory, "S28": frozen_features, "S29": top_layers, "S30": bitfit, "S32": ia3, "S34": adapters,
    "S35": adapters_over_top_layer, "S37": swapping, "S38": language_adapters, "S46": rank_one, "S47": more_types,
    "S48": rank_sixty_four, "S49": merged, "S50": lora, "S51": lora_best,
}  # fmt: skip
