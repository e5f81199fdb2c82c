"""The real section of notebook 12, played by a small Llama with random weights."""

import time
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_language_model as small
import torch
import torch.nn.functional as F
from real_sections import cells, run, told_on_the_bundled_track
from torch import Tensor, nn

from course_utils import assets, data, models, results
from course_utils.methods import quantization
from course_utils.methods.quantization import Int8Linear, int8_linear

CELLS = cells("12_choosing", "bey-lm-")


def names() -> dict[str, Any]:
    """What the notebook has by the time it comes to the section."""
    return {
        "assets": assets,
        "data": data,
        "models": models,
        "results": results,
        "torch": torch,
        "pd": pd,
        "time": time,
        "warnings": warnings,
        "deepcopy": deepcopy,
        "display": print,
        "seed": 0,
        "F": F,
        "nn": nn,
        "Tensor": Tensor,
        "quantization": quantization,
        "Int8Linear": Int8Linear,
        "int8_linear": int8_linear,
        "dynamic": getattr(torch.ao.quantization, "quantize_dynamic", None),
    }


def test_the_section_finds_outliers_measures_and_judges(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.stand_in(monkeypatch, tmp_path, "12_choosing", id="org/small")
    load = models.load_language_model

    def with_an_outlier(role: str) -> nn.Module:
        """One inner feature is a hundred times as large, and the weight that meets it as much smaller."""
        model = load(role)
        inner = model.model.layers[0].mlp
        with torch.no_grad():
            inner.up_proj.weight[3] *= 1000
            inner.down_proj.weight[:, 3] /= 1000
        return model

    monkeypatch.setattr(models, "load_language_model", with_an_outlier)
    found = run(CELLS, names())
    assert 3 in found["outliers"]["model.layers.0.mlp.down_proj"]
    assert found["found"].loc["down_proj", "largest"] > 6
    table = pd.DataFrame(found["lines"]).T
    off = (table["perplexity"] / table.loc["float32", "perplexity"] - 1).abs()
    assert off["bfloat16"] < 0.02
    assert off["int8, outliers kept"] < off["int8"] / 2
    sizes = table["size (MB)"]
    assert sizes["float32"] == 2 * sizes["bfloat16"]
    assert sizes["bfloat16"] > sizes["int8, outliers kept"] > sizes["int8"] > sizes["4 bits (NF4)"]
    recorded = results.load("12").query("source == 'yours'")
    assert len(recorded) == 4 * len(table)
    accuracy = recorded[recorded["metric"] == "accuracy"].set_index("method")["value"]
    assert accuracy["language model: int8"] == pytest.approx(table.loc["int8", "accuracy (%)"] / 100)
    out = capsys.readouterr().out
    assert "S54  " in out and out.count("200 runs") == len(table) - 2


def test_on_the_bundled_track_one_line_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = told_on_the_bundled_track(CELLS, names(), monkeypatch, capsys)
    assert "98.4 MB" in line
