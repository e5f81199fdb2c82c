"""Published language models, asked one after the other: loaded, asked, and gone again before the next is loaded.

Their tokens are parts of words, so a prompt for them ends without a blank: the blank is the first part of the answer.
They compute in float32 on a GPU too: a T4 has no bfloat16 of its own, and half precision may overflow.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from course_utils import assets
from course_utils.assets import large_models
from course_utils.data.word_puzzles import END
from course_utils.models import ladder
from course_utils.models.classifiers import device as fastest_device

LADDER = ("published_70m", "published_160m", "published_410m", "published_1b")
"""One family, trained on the same text, the smallest first."""
ACROSS = ("published_410m", "published_multilingual")
"""Two models of a like size: one that was only trained, and one that was tuned on tasks in many languages."""
WITHOUT_GPU = 2  # sizes that a CPU can ask in minutes
Score = Callable[[Tensor, Tensor, Tensor], Tensor]


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
def _opened(role: str) -> Iterator[tuple[PreTrainedModel, PreTrainedTokenizerBase]]:
    """The role's model on this machine's fastest device, and its tokenizer. Afterwards the weights are gone."""
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


@torch.no_grad()
def write(role: str, prompts: Sequence[str], max_new_tokens: int = 20, batch_size: int = 64) -> list[str]:
    """What the role's model writes behind each prompt, greedily: the first line, without blanks around it.

    Raises `AssetError` where the model cannot be had.
    """
    written: list[str] = []
    with _opened(role) as (model, tokenizer):
        newline = tokenizer.tokenize(END)[0]  # a token may hold a new line and more
        ends = [token for text, token in tokenizer.get_vocab().items() if newline in text]
        for start in range(0, len(prompts), batch_size):
            batch = ladder.padded(prompts[start : start + batch_size], tokenizer, "left")
            batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
            tokens = model.generate(
                **batch,
                max_new_tokens=max_new_tokens,
                do_sample=False,
                eos_token_id=[*ends, model.config.eos_token_id],
                pad_token_id=tokenizer.pad_token_id,
            )
            new = tokens[:, batch["input_ids"].shape[1] :]
            written += tokenizer.batch_decode(new, skip_special_tokens=True)
    return [text.split(END)[0].strip() for text in written]


def choose(
    role: str, prompts: Sequence[str], answers: Sequence[str], score: Score, batch_size: int = 16
) -> list[int]:
    """For each prompt, the place of the answer that scores highest behind it.

    answers: the same for every prompt, such as " yes" and " no". score: takes logits (batch, length, vocabulary),
    input_ids and a mask that is True at the answer's tokens, both (batch, length), and returns (batch,); it gets the
    end of each row: the answer, and one token before it. Raises `AssetError`, and ValueError where an answer's tokens
    are others behind a prompt than alone.
    """
    with _opened(role) as (model, tokenizer):
        scores = [
            torch.stack([_scored(model, tokenizer, part, answer, score) for answer in answers], dim=-1)
            for start in range(0, len(prompts), batch_size)
            for part in [prompts[start : start + batch_size]]
        ]
    return torch.cat(scores).argmax(dim=-1).tolist()


@torch.no_grad()
def _scored(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    answer: str,
    score: Score,
) -> Tensor:
    """The score of one answer behind each prompt: (batch,). Only the end of a row becomes logits: they are large."""
    wanted = torch.tensor(tokenizer(answer)["input_ids"])
    length = len(wanted)
    batch = ladder.padded([prompt + answer for prompt in prompts], tokenizer, "left")
    batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
    ids = batch["input_ids"][:, -length - 1 :]
    if (ids[:, 1:].cpu() != wanted).any():
        raise ValueError(
            f"Behind a prompt, {answer!r} becomes other tokens than alone, so it cannot be scored. "
            "Let no prompt end in a blank, and let every answer begin with one."
        )
    hidden = model.base_model(**batch).last_hidden_state[:, -length - 1 :]
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[:, 0] = False
    return score(model.get_output_embeddings()(hidden), ids, mask).cpu()
