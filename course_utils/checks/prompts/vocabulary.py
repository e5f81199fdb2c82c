"""Exercises on the prompt and the vocabulary: where its vectors come from, and what they are nearest to."""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.tasks import Arguments, Exercise, Mistake, observe_values, slips
from course_utils.methods import prompts


def _from_tokens_cases(generator: Generator) -> list[Arguments]:
    """Too few tokens, too many, just enough, one; none stands where its id says."""
    cases: list[Arguments] = []
    for ids, number in (([3, 1], 3), ([4, 2, 0, 3], 2), ([1, 4, 2], 3), ([5], 4), ([2, 2, 6, 0], 7)):
        embeddings = torch.randint(-9, 10, (7, 2), generator=generator).float()
        cases.append({
            "embeddings": embeddings, "token_ids": torch.tensor(ids), "num_virtual_tokens": number
        })  # fmt: skip
    return cases


def _loose_from_tokens(
    embeddings: Tensor,
    token_ids: Tensor,
    num_virtual_tokens: int,
    *,
    no_repeat: bool = False,
    no_cut: bool = False,
    each: bool = False,
    last_again: bool = False,
    zeros: bool = False,
    from_end: bool = False,
    ids_ignored: bool = False,
    mean: bool = False,
    turned: bool = False,
) -> Tensor:
    rounds = math.ceil(num_virtual_tokens / len(token_ids))
    ids = token_ids.repeat_interleave(rounds) if each else token_ids.repeat(1 if no_repeat else rounds)
    if ids_ignored:
        ids = torch.arange(num_virtual_tokens) % len(embeddings)
    missing = max(num_virtual_tokens - len(token_ids), 0)
    if last_again:
        ids = torch.cat([token_ids, token_ids[-1:].repeat(missing)])
    ids = ids if no_cut else ids[-num_virtual_tokens:] if from_end else ids[:num_virtual_tokens]
    rows = embeddings[ids]
    if zeros:
        rows = torch.cat([embeddings[token_ids], torch.zeros(missing, embeddings.shape[1])])
        rows = rows[:num_virtual_tokens]
    rows = rows.mean(dim=0).repeat(len(rows), 1) if mean else rows
    return rows.T if turned else rows


PROMPT_FROM_TOKENS = Exercise(
    reference=prompts.prompt_from_tokens,
    cases=_from_tokens_cases,
    observe=observe_values,
    mistakes=slips(
        _loose_from_tokens,
        {
            "no_repeat": "where the tokens are fewer than the virtual tokens, rows are missing. Take the tokens again "
            "from the first one on, until there are enough.",
            "no_cut": "there are more rows than virtual tokens. Keep the first num_virtual_tokens.",
            "each": "each token is repeated on its own, a a b b. Take all of them in turn, and then again: a b a b.",
            "last_again": "the last token fills the empty places. Begin again with the first one.",
            "zeros": "zeros fill the empty places. Begin again with the first token.",
            "from_end": "the last tokens are kept. Keep the first num_virtual_tokens.",
            "ids_ignored": "token_ids is not used: those are the first rows of the embeddings.",
            "mean": "all rows are the mean of the tokens. Then the virtual tokens could hardly part: give each "
            "the embedding of one token.",
            "turned": "the result lies on its side: (num_virtual_tokens, hidden), a row for each virtual token.",
        },
        Mistake(
            lambda embeddings, token_ids, num_virtual_tokens: embeddings[
                token_ids.repeat(num_virtual_tokens // len(token_ids))[:num_virtual_tokens]
            ],
            "// rounds down, so a last round that is not full is missing. Round up, or take places modulo "
            "len(token_ids).",
        ),
        Mistake(
            lambda embeddings, token_ids, num_virtual_tokens: embeddings[token_ids].repeat(
                num_virtual_tokens // len(token_ids) + 1, 1
            ),
            "a round too many stands at the end, in whole or in part. Cut it: [:num_virtual_tokens].",
        ),
        Mistake(
            lambda embeddings, token_ids, num_virtual_tokens: embeddings[
                torch.arange(num_virtual_tokens) % len(token_ids)
            ],
            "those are the rows of the places 0, 1, ..., not of the tokens. A place finds an id, and the id finds the "
            "row: embeddings[token_ids[places]].",
        ),
        Mistake(
            lambda embeddings, token_ids, num_virtual_tokens: embeddings[
                F.pad(token_ids, (0, max(num_virtual_tokens - len(token_ids), 0)))[:num_virtual_tokens]
            ],
            "the token with the id 0 fills the empty places. Begin again with the first of token_ids.",
        ),
    ),
    advice={
        "value": "those are not the rows of the tokens, in their order. The first virtual token gets the embedding "
        "of token_ids[0], the second that of token_ids[1], and so on.",
        "TypeError": "embeddings is a tensor, not a module: index it with the ids, embeddings[ids].",
        "type": "return a tensor of embeddings, (num_virtual_tokens, hidden).",
        "dtype": "return rows of embeddings, in their dtype; token_ids only say which rows.",
        "shape": "the result is (num_virtual_tokens, hidden): one row of embeddings for each virtual token.",
        "IndexError": "an index is too large. token_ids index the rows of embeddings; a place among the virtual tokens "
        "may be beyond the last token, so take it modulo len(token_ids).",
    },
)


def _nearest_cases(generator: Generator) -> list[Arguments]:
    """Embeddings of very different lengths, so that angle, product and distance disagree."""
    cases: list[Arguments] = []
    for number, vocabulary, hidden in ((1, 3, 2), (2, 5, 3), (6, 6, 4), (4, 20, 8)):
        lengths = torch.tensor([0.3, 1.0, 4.0])[torch.arange(vocabulary) % 3].unsqueeze(1)
        embeddings = F.normalize(torch.randn(vocabulary, hidden, generator=generator), dim=-1) * lengths
        prompt = 2 * torch.randn(number, hidden, generator=generator)
        cases.append({"prompt": prompt, "embeddings": embeddings})
    return cases


def _loose_nearest(
    prompt: Tensor,
    embeddings: Tensor,
    *,
    product: bool = False,
    distance: bool = False,
    farthest: bool = False,
    other_way: bool = False,
    across: bool = False,
    value: bool = False,
    absolute: bool = False,
    column: bool = False,
) -> Tensor:
    if distance:
        scores = -torch.cdist(prompt, embeddings)
    elif product:
        scores = prompt @ embeddings.T
    else:
        dim = 0 if across else -1
        scores = F.normalize(prompt, dim=dim) @ F.normalize(embeddings, dim=dim).T
    scores = scores.abs() if absolute else -scores if farthest else scores
    best = scores.max(dim=0 if other_way else -1, keepdim=column)
    return best.values if value else best.indices


NEAREST_TOKENS = Exercise(
    reference=prompts.nearest_tokens,
    cases=_nearest_cases,
    observe=observe_values,
    mistakes=slips(
        _loose_nearest,
        {
            "product": "that is the largest product, and a long embedding wins it whatever its direction. Divide both "
            "by their lengths first: F.normalize(..., dim=-1).",
            "distance": "that is the smallest distance. A learned vector may be far longer than any embedding; compare "
            "directions: the cosine.",
            "farthest": "that is the token that points the other way: take the largest cosine, not the smallest.",
            "other_way": "that gives each token its nearest virtual token. Take the best over the vocabulary: dim=-1.",
            "across": "the vectors are normalised over the wrong dim. Each row is a vector: dim=-1.",
            "value": "that is the cosine itself. Return the id of the token: argmax.",
            "absolute": "a token that points the other way counts as near. Leave the sign of the cosine.",
            "column": "the result is (num_virtual_tokens,), without a second dim.",
        },
        Mistake(
            lambda prompt, embeddings: (prompt @ F.normalize(embeddings, dim=0).T).argmax(dim=-1),
            "the embeddings are normalised over the wrong dim. Each row is a vector: dim=-1.",
        ),
    ),
    advice={
        "type": "return a tensor of ids, (num_virtual_tokens,).",
        "dtype": "return ids, as argmax gives them: int64.",
        "shape": "the result is (num_virtual_tokens,): one id for each virtual token.",
        "RuntimeError": "shapes that do not go together. Each virtual token is to meet each embedding: "
        "(n, hidden) @ (hidden, vocabulary) gives all the products.",
    },
)
