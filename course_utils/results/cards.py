"""A model's card: the README.md that lies beside its weights and says what it was made of and what it is worth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from huggingface_hub import EvalResult, ModelCardData

from course_utils.paths import write_whole
from course_utils.results.rows import versions

CARD = """---
{header}
---

# {name}

{method} on {base}, made for a task of {classes} classes: {labels}.

## What it is worth

Measured once, on {rows} test rows of {data} that share {apart} with the rows it was trained on.
Accuracies are in percent, with their 95 % interval.

{table}

The interval tells what another draw of test rows would have changed. It does not tell how the model does on texts of
another kind.

## How it was made

{settings}
"""


def write_card(
    folder: str | Path,
    scores: pd.DataFrame,
    *,
    method: str,
    base: str,
    data: str,
    labels: Sequence[str],
    settings: Mapping[str, Any],
    group: str | None = None,
) -> Path:
    """Write the card of the model in `folder` as its README.md, in the format of the Hub. Returns the file's path.

    scores: lines as `own.baselines` has them (accuracy, low, high, correct, rows), one of them called `method`. group:
    what the splits were drawn by besides the text ("customer"). Raises KeyError where there is no such line.
    """
    folder, own = Path(folder), scores.loc[method]
    measured = EvalResult(
        task_type="text-classification",
        dataset_type="csv",
        dataset_name=data,
        metric_type="accuracy",
        metric_value=round(float(own["accuracy"]), 4),
    )
    header = ModelCardData(
        base_model=base, model_name=folder.name, eval_results=[measured], pipeline_tag="text-classification"
    )
    lines = [
        f"| {name} | {100 * line['accuracy']:.1f} | {100 * line['low']:.1f} to {100 * line['high']:.1f} |"
        for name, line in scores.iterrows()
    ]
    made = [f"- {name}: {value}" for name, value in {**settings, **versions()}.items()]
    text = CARD.format(
        header=header.to_yaml(),
        name=folder.name,
        method=method,
        base=base,
        classes=len(labels),
        labels=", ".join(labels),
        rows=int(own["rows"]),
        data=data,
        apart=f"no text and no {group}" if group else "no text",
        table="\n".join(["| | accuracy | interval |", "| --- | --- | --- |", *lines]),
        settings="\n".join(made),
    )
    write_whole(folder / "README.md", text)
    return folder / "README.md"
