"""Tests of notebook 12's statements: experts, linear attention, quantization, early exits."""

import pandas as pd

from course_utils.results.statements.asking import Part, Parts, minus, scores, track_of


def experts(rows: pd.DataFrame) -> Parts:
    """S52."""
    sparse, dense = (
        scores(rows, "E29", method, metric="loss")
        for method in ("8 experts, one a word", "dense, as many operations")
    )
    return {"loss of the dense model minus loss of the experts (nats)": Part(minus(dense, sparse), above=0)}


def linear_attention(rows: pd.DataFrame) -> Parts:
    """S53."""
    slope = scores(rows, "E30", "linear attention", metric="slope of log-log time beyond the crossing")
    lost = minus(
        scores(rows, "E30", "softmax attention", metric="accuracy"),
        scores(rows, "E30", "linear attention", metric="accuracy"),
    )
    return {
        "slope of time over length, both in logarithms": Part(slope, above=0.85, below=1.15),
        "accuracy lost in a trained model (points)": Part(lost, below=2),
    }


def quantization(rows: pd.DataFrame) -> Parts:
    """S54. On the real track it is the language model, and its perplexity stands beside the accuracy."""
    real, parts = track_of(rows) == "real", {}
    names = (
        ("language model: int8", "language model: 4 bits (NF4)") if real else ("int8, ours", "4 bits, ours")
    )
    whole, size, time = (
        ("language model: float32", "size (MB)", "seconds") if real else ("float32", "file (kB)", "ms")
    )
    exact = {metric: scores(rows, "E31", whole, metric=metric) for metric in ("accuracy", size, time)}
    for method in names:
        found = {metric: scores(rows, "E31", method, metric=metric) for metric in exact}
        share, times = ((found[metric] / exact[metric]).dropna() for metric in (size, time))
        parts[f"{method}: bytes (share of float32's)"] = Part(share, below=1)
        parts[f"{method}: accuracy lost (points)"] = Part(
            minus(exact["accuracy"], found["accuracy"]), below=1
        )
        parts[f"{method}: latency (times float32's)"] = Part(times)
        if real:
            gone, kept = (
                scores(rows, "E31", f"{method}{how}", metric="perplexity") for how in ("", ", outliers kept")
            )
            parts[f"{method}: perplexity, outliers not kept minus kept"] = Part(minus(gone, kept))
    return parts


def early_exit(rows: pd.DataFrame) -> Parts:
    """S55."""
    return {
        "layers computed (% of all)": Part(scores(rows, "E32", "early exit", metric="layers (%)"), below=70),
        "accuracy lost (points)": Part(scores(rows, "E32", "early exit", metric="points lost"), below=1),
    }


TESTS = {"S52": experts, "S53": linear_attention, "S54": quantization, "S55": early_exit}
