"""Asking a language model: how likely answers are after a prompt, and what the model writes.

What all prompts begin with, such as a description and solved examples, is computed once (`prefix_cache`).
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from course_utils.data.answers import Request, Tokens, encode, tokens_of
from course_utils.models.prefix_cache import device_of, prefix_cache, repeated, takes
from course_utils.training.forward import eval_mode

PLAIN: dict[str, Any] = {
    "num_beams": 1,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_length": 0,
    **dict.fromkeys(("min_new_tokens", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens")),
}
"""For `generate`: the model's own distribution, without the penalties and bans that its own settings may ask for."""


def score(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    answers: Sequence[str],
    *,
    batch_size: int = 16,
    reuse_prefix: bool = True,
) -> Tensor:
    """The log-probability, in nats, of each answer after its prompt: the sum over the answer's tokens. (requests,).

    prompts, answers: as many of one as of the other; a prompt may come several times, with other answers. A prompt
    and its answer are read as one text, since that is how the model met such text in training. Padding stands on the
    right, and requests that begin alike share what they can: requests whose tokens differ in the last one alone are
    one row. reuse_prefix=False computes what all prompts share anew in each row, for comparison.

    Raises ValueError, before anything is computed, where an answer has no tokens of its own (`answers.encode`), where
    a text is longer than the model reads, and for a model that does not predict the next token.
    """
    requests = encode(tokenizer, prompts, answers)
    _refuse(model, max((len(request.tokens) - 1 for request in requests), default=0))
    scores = torch.zeros(len(requests))
    with eval_mode(model), torch.no_grad():
        rows, row_of = _rows(requests)
        most = min((request.start - 1 for request in requests), default=0)
        cache = prefix_cache(model, rows, most, sliding=True) if reuse_prefix else None
        shared = 0 if cache is None else cache.get_seq_length()
        asked: dict[int, list[int]] = {}
        for index, row in enumerate(row_of):
            asked.setdefault(row, []).append(index)
        for batch in _by_length(rows, batch_size):
            first = min(requests[index].start - 1 for row in batch for index in asked[row])
            logits = _logits(model, [rows[row][shared:] for row in batch], first - shared, cache)
            for place, row in enumerate(batch):
                for index in asked[row]:
                    tokens, start = requests[index]
                    following = logits[place, start - 1 - first : len(tokens) - 1 - first].float()
                    wanted = torch.tensor(tokens[start:], device=following.device)
                    scores[index] = -F.cross_entropy(following, wanted, reduction="sum")
    return scores


def score_choices(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    choices: Sequence[str],
    **how: Any,
) -> Tensor:
    """The log-probability, in nats, of each of `choices` after each prompt. (prompts, choices).

    Longer choices are not helped: it is the sum over the tokens. `how` goes to `score`, which raises.
    """
    every_prompt = [prompt for prompt in prompts for _ in choices]
    scores = score(model, tokenizer, every_prompt, [*choices] * len(prompts), **how)
    return scores.view(len(prompts), len(choices))


def choose(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    choices: Sequence[str],
    **how: Any,
) -> Tensor:
    """For each prompt, the index of the likeliest of `choices`, as `score_choices` has them. (prompts,), int64."""
    return score_choices(model, tokenizer, prompts, choices, **how).argmax(dim=-1)


def perplexity(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, batch_size: int = 16
) -> float:
    """How many tokens the model hesitates between, on average: e to the mean of -log p(token | those before it).

    The mean is over all tokens of all texts but the first of each, before which nothing stands. Raises ValueError where
    no text has two tokens, and as `score`.
    """
    rows = [row for row in tokens_of(tokenizer, texts) if len(row) > 1]
    if not rows:
        raise ValueError("Perplexity needs a text of two tokens or more: the first token has no probability.")
    _refuse(model, max(map(len, rows)) - 1)
    total, count = 0.0, sum(len(row) - 1 for row in rows)
    with eval_mode(model), torch.no_grad():
        for batch in _by_length(rows, batch_size):
            logits = _logits(model, [rows[index][:-1] for index in batch], 0, None)
            for place, index in enumerate(batch):
                wanted = torch.tensor(rows[index][1:], device=logits.device)
                total += F.cross_entropy(logits[place, : len(wanted)].float(), wanted, reduction="sum").item()
    return math.exp(total / count)


def write(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    *,
    max_new_tokens: int,
    stop: str | None = None,
    batch_size: int = 16,
    reuse_prefix: bool = True,
) -> list[str]:
    """What the model writes after each prompt, greedily, without blanks around it and without special tokens.

    A text ends at the model's end token, before `stop` (such as a line break), or after `max_new_tokens`. Sampling,
    penalties and bans that the model's own settings ask for are switched off. reuse_prefix: as in `score`. Raises
    ValueError where a prompt is empty, where it and the new tokens are more than the model reads, and for a model that
    does not predict the next token.
    """
    rows = tokens_of(tokenizer, prompts)
    if not all(rows):
        raise ValueError("An empty prompt leaves the model nothing to continue. Begin with the bos_token.")
    _refuse(model, max(map(len, rows), default=0) + max_new_tokens)
    written = [""] * len(rows)
    with eval_mode(model), torch.no_grad():
        most = min(map(len, rows), default=1) - 1
        # Padding follows the prefix, where it would push tokens of the prefix out of a sliding window.
        cache = prefix_cache(model, sorted(rows), most, sliding=False) if reuse_prefix else None
        how = {"max_new_tokens": max_new_tokens} | _stop_at(tokenizer, stop)
        for batch in _by_length(rows, batch_size):
            texts = _continued(model, tokenizer, [rows[row] for row in batch], cache, how)
            for row, text in zip(batch, texts, strict=True):
                written[row] = (text.split(stop)[0] if stop else text).strip()
    return written


def _refuse(model: nn.Module, length: int) -> None:
    causal = getattr(model, "can_generate", lambda: True)()
    if not causal or getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        raise ValueError(
            f"A {type(model).__name__} does not predict the next token of a text from those before it, so its outputs "
            "would be read wrongly. Load a decoder, with AutoModelForCausalLM."
        )
    limit = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    if limit and length > limit:
        raise ValueError(
            f"The longest text has {length} tokens, and this model has positions for {limit}. Give fewer examples, "
            "or cut the texts."
        )


def _rows(requests: Sequence[Request]) -> tuple[list[Tokens], list[int]]:
    """What must be computed, sorted: the inputs of the requests, without those that another one begins with. And for
    each request the index of its row."""
    inputs = [tuple(request.tokens[:-1]) for request in requests]
    ordered = sorted(set(inputs), reverse=True)  # what another one begins with comes right after it
    rows: list[tuple[int, ...]] = []
    place = {}
    for tokens in ordered:
        if not (rows and rows[-1][: len(tokens)] == tokens):
            rows.append(tokens)
        place[tokens] = len(rows) - 1
    return [list(row) for row in rows], [place[tokens] for tokens in inputs]


def _by_length(rows: Sequence[Tokens], batch_size: int) -> Iterator[list[int]]:
    """Indices of rows in batches of like length, the longest first: what does not fit into memory fails at once."""
    order = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def _logits(model: nn.Module, rows: Sequence[Tokens], first: int, cache: DynamicCache | None) -> Tensor:
    """The logits of the rows from their token `first` on: (rows, longest - first, vocabulary)."""
    longest, before = max(map(len, rows)), cache.get_seq_length() if cache is not None else 0
    ids = torch.tensor([row + [row[-1]] * (longest - len(row)) for row in rows], device=device_of(model))
    lengths = torch.tensor([before + len(row) for row in rows], device=ids.device)
    mask = (torch.arange(before + longest, device=ids.device) < lengths[:, None]).long()
    how: dict[str, Any] = {} if cache is None else {"past_key_values": repeated(cache, len(rows))}
    if takes(model, "logits_to_keep"):  # else logits of the whole vocabulary at every token: gigabytes
        how["logits_to_keep"] = longest - first
    logits = model(input_ids=ids, attention_mask=mask, **how).logits
    return logits[:, first - longest :]


def _stop_at(tokenizer: PreTrainedTokenizerBase, stop: str | None) -> dict[str, Any]:
    return {} if stop is None else {"stop_strings": [stop], "tokenizer": tokenizer}


def _continued(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Tokens],
    cache: DynamicCache | None,
    how: dict[str, Any],
) -> list[str]:
    """What follows each row. Padding comes after what the cache holds, and before the rest: rows end together."""
    longest, device = max(map(len, rows)), device_of(model)
    shared, gaps = 0 if cache is None else cache.get_seq_length(), [longest - len(row) for row in rows]
    ids = [row[:shared] + row[-1:] * gap + row[shared:] for row, gap in zip(rows, gaps, strict=True)]
    mask = [[1] * shared + [0] * gap + [1] * (longest - shared - gap) for gap in gaps]
    if cache is not None:
        how = how | {"past_key_values": repeated(cache, len(rows))}
    tokens = model.generate(
        input_ids=torch.tensor(ids, device=device),
        attention_mask=torch.tensor(mask, device=device),
        pad_token_id=tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        **PLAIN,
        **how,
    )
    return tokenizer.batch_decode(tokens[:, longest:], skip_special_tokens=True)
