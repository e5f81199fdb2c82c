"""Write docs/models.md: which method works on which kind of model, tried on tiny random models, those of the tests.

python tools/models_table.py
"""

import sys
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

import any_model  # noqa: E402
import wrapping  # noqa: E402

from course_utils.methods import adapters, finding  # noqa: E402

PAGE = ROOT / "docs" / "models.md"
TEXT = """# Which method works on which model

Each method was put on a tiny random model of each kind and run once. The tests run the same matrix in float32,
bfloat16 and float16, and compare LoRA and (IA)³ with peft: outputs, gradients and merged weights agree. "yes" means
that the method works. A number means that it refuses before it changes anything, for the reason given below. This
page is made by `python tools/models_table.py`, and a test checks that it is up to date.

{matrix}

{reasons}

## What the layers are called

LoRA and (IA)³ take targets as peft does: a list of names, which fit where a layer's path ends in them, or one regular
expression as a string, which must match the whole path. The names of the linear layers differ from model to model.
Adapters find their places themselves: the last column shows those of the first layer.

{layers}

## On your own model

- **Half precision.** The parameters that LoRA, (IA)³ and adapters add stay in float32 beside a base in bfloat16 or
  float16, as in peft. They compute in the dtype of their input. Trained in float16, AdamW would divide by zero;
  trained in bfloat16, small updates would be rounded away.
- **Merging.** `merge_lora` and `merge_ia3` leave a plain model, which `save_pretrained` writes and `from_pretrained`
  loads. `replacing.merge` and `replacing.unmerge` keep the layers. In half precision, unmerging restores the base only
  approximately.
- **peft's format.** `save_lora` and `save_ia3` write a folder that `PeftModel.from_pretrained` loads. `load_lora` and
  `load_ia3` read a folder that peft wrote, and refuse settings that the course does not have, such as DoRA.
- **Tied weights.** A target that shares its weight with the embeddings, such as GPT-2's `lm_head`, is refused.
- **Fused matrices.** Where queries, keys and values lie in one matrix (`c_attn`, `query_key_value`, `Wqkv`), LoRA and
  (IA)³ change all three, as in peft.
- **Two methods.** LoRA, (IA)³ and adapters can be put on one model in any order, and all of them train. BitFit chooses
  among the model's own tensors, and is refused together with them. Quantize to int8 last, after merging.
- **Adapters.** In a model of BERT's build the two kinds compute what the papers write. Elsewhere an adapter follows the
  last linear layer of its sublayer, before the skip connection; Pfeiffer's kind takes the feed-forward network alone.
"""


def tried(method: str, name: str) -> str:
    """ "yes", or the sentence with which the method refuses this kind of model."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = applied(method, name)
        assert model(**any_model.batch()).logits.isfinite().all()
    except ValueError as refusal:
        return str(refusal)
    return "yes"


def applied(method: str, name: str) -> Any:
    """A tiny model of this kind with the method on it."""
    if method in wrapping.METHODS:
        return wrapping.applied(method, name)
    language, apply = any_model.METHODS[method]
    return apply(any_model.tiny(name, language))


def table(columns: list[str], rows: dict[str, list[str]]) -> str:
    """A table in Markdown: the heading, and for each row its name and its cells."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join([name, *cells]) + " |" for name, cells in rows.items())])


def matrix() -> tuple[str, str]:
    """The table of methods and models, and the numbered reasons of those that refuse."""
    methods = [*wrapping.METHODS, *any_model.METHODS]
    reasons: dict[tuple[str, str], list[str]] = {}
    numbers: dict[tuple[str, str], int] = {}
    rows: dict[str, list[str]] = {}
    for name in any_model.MODELS:
        rows[name] = []
        for method in methods:
            said = tried(method, name)
            if said != "yes":
                kind = type(any_model.tiny(name, any_model.METHODS.get(method, (False,))[0])).__name__
                key = method, said.replace(f"; {kind}", "; this model").replace(kind, "This model")
                numbers.setdefault(key, len(numbers) + 1)
                reasons.setdefault(key, []).append(name)
                said = f"({numbers[key]})"
            rows[name].append(said)
    lines = [f"{numbers[key]}. {key[0]} on {', '.join(names)}: {key[1]}" for key, names in reasons.items()]
    return table(["model", *methods], rows), "\n".join(lines)


def layers() -> str:
    """The table of what each model calls its linear layers, and where adapters go."""
    rows = {}
    for name in any_model.MODELS:
        model = any_model.tiny(name)
        linears = finding.linear_layers(model, any_model.head_of(model))
        names = dict.fromkeys(path.split(".")[-1] for path in linears)
        places = list(adapters.adapted_outputs(wrapping.applied("Houlsby adapters", name)))[:2]
        rows[name] = [", ".join(f"`{n}`" for n in names), ", ".join(f"`{place}`" for place in places)]
    return table(["model", "its linear layers", "adapters of the first layer"], rows)


def page() -> str:
    """The text of docs/models.md."""
    rows, reasons = matrix()
    return TEXT.format(matrix=rows, reasons=reasons, layers=layers())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
