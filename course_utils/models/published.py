"""Published language models, asked one after the other: loaded, asked, and gone again before the next is loaded.

Their tokens are parts of words, so a prompt for them ends without a blank: the blank is the first part of the answer.
They compute in float32 on a GPU too: a T4 has no bfloat16 of its own, and half precision may overflow.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import (
    AutoModelForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from course_utils import assets
from course_utils.assets import large_models
from course_utils.models.classifiers import device as fastest_device

LADDER = ("published_70m", "published_160m", "published_410m", "published_1b")
"""One family, trained on the same text, the smallest first."""
ACROSS = ("published_410m", "published_multilingual")
"""Two models of a like size: one that was only trained, and one that was tuned on tasks in many languages."""
WITHOUT_GPU = 2  # sizes that a CPU can ask in minutes


def has_gpu() -> bool:
    """Whether there is a GPU for the larger sizes."""
    return torch.cuda.is_available()


def chosen() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The roles that this session asks: those of the ladder, and those across languages. Prints one line that says why.

    Both are empty on the bundled track, and where the models cannot be had. Without a GPU there are the two smallest of
    the ladder alone.
    """
    if assets.track() == "bundled":
        print(
            "On the bundled track nothing is fetched. To ask them: COURSE_TRACK=real, and restart the kernel."
        )
        return (), ()
    roles = (LADDER, ACROSS) if has_gpu() else (LADDER[:WITHOUT_GPU], ())
    asked = sorted({*roles[0], *roles[1]})
    files = [file for role in asked for file in assets.entry(role).files]
    size = assets.readable(sum(file.size or 0 for file in files))
    what = "All of them" if has_gpu() else "No GPU: the smallest two alone, and not the multilingual one"
    print(f"{what}. That is {size}, to be fetched once.")
    return roles if large_models.ready(asked, "") else ((), ())


@contextmanager
def opened(role: str) -> Iterator[tuple[PreTrainedModel, PreTrainedTokenizerBase]]:
    """The role's model on this machine's fastest device, and its tokenizer. Afterwards the weights are gone.

    Raises `AssetError` where the model cannot be had.
    """
    folder = assets.fetch(role)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), clean_up_tokenization_spaces=False
    )
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(model.config.eos_token_id)
    try:
        yield model.to(fastest_device()).eval(), tokenizer
    finally:
        model.to("meta")  # whoever still has the model has no weights any more
        torch.cuda.empty_cache()
