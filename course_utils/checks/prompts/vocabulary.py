"""Exercises on the prompt and the vocabulary: where its vectors come from, and what they are nearest to."""

import torch
import torch.nn.functional as F
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import Arguments, Exercise, observe_values
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


_ROUNDS = "-(-num_virtual_tokens // len(token_ids))"  # rounded up

PROMPT_FROM_TOKENS = Exercise(
    reference=prompts.prompt_from_tokens,
    cases=_from_tokens_cases,
    observe=observe_values,
    mistakes=edits(
        prompts.prompt_from_tokens,
        {"[places]": "[:num_virtual_tokens]"},
        "where the tokens are fewer than the virtual tokens, rows are missing. Take the tokens again "
        "from the first one on, until there are enough.",
        {"[places]": f".repeat({_ROUNDS})"},
        "there are more rows than virtual tokens. Keep the first num_virtual_tokens.",
        {"% len(token_ids)": f"// {_ROUNDS}"},
        "each token is repeated on its own, a a b b. Take all of them in turn, and then again: a b a b.",
        {" % len(token_ids)": ".clamp(max=len(token_ids) - 1)"},
        "the last token fills the empty places. Begin again with the first one.",
        {"detach()": "detach() * (torch.arange(num_virtual_tokens) < len(token_ids)).unsqueeze(1)"},
        "zeros fill the empty places. Begin again with the first token.",
        {"(num_virtual_tokens": "(-num_virtual_tokens, 0"},
        "the last tokens are kept. Keep the first num_virtual_tokens.",
        {"% len(token_ids)": "% len(embeddings)", "token_ids[places]": "places"},
        "token_ids is not used: those are the first rows of the embeddings.",
        {"detach()": "detach().mean(dim=0).repeat(num_virtual_tokens, 1)"},
        "all rows are the mean of the tokens. Then the virtual tokens could hardly part: give each "
        "the embedding of one token.",
        {"detach()": "detach().T"},
        "the result lies on its side: (num_virtual_tokens, hidden), a row for each virtual token.",
        {"[places]": ".repeat(num_virtual_tokens // len(token_ids))[:num_virtual_tokens]"},
        "// rounds down, so a last round that is not full is missing. Round up, or take places modulo len(token_ids).",
        {"[places]": ".repeat(num_virtual_tokens // len(token_ids) + 1)"},
        "a round too many stands at the end, in whole or in part. Cut it: [:num_virtual_tokens].",
        {"token_ids[places]": "places"},
        "those are the rows of the places 0, 1, ..., not of the tokens. A place finds an id, and the id finds the "
        "row: embeddings[token_ids[places]].",
        {"token_ids[places]": "F.pad(token_ids, (0, num_virtual_tokens))[:num_virtual_tokens]"},
        "the token with the id 0 fills the empty places. Begin again with the first of token_ids.",
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


NEAREST_TOKENS = Exercise(
    reference=prompts.nearest_tokens,
    cases=_nearest_cases,
    observe=observe_values,
    mistakes=edits(
        prompts.nearest_tokens,
        {"F.normalize(embeddings, dim=-1)": "(embeddings / embeddings.square().sum(dim=-1, keepdim=True))"},
        "the product is divided by the square of the length, so short embeddings win. Divide by the length: "
        "F.normalize(..., dim=-1).",
        {"F.normalize(prompt, dim=-1)": "prompt", "F.normalize(embeddings, dim=-1)": "embeddings"},
        "that is the largest product, and a long embedding wins it whatever its direction. Divide both "
        "by their lengths first: F.normalize(..., dim=-1).",
        {
            "F.normalize(prompt, dim=-1) @ F.normalize": "-torch.cdist(prompt, ",
            "(embeddings, dim=-1).T": "embeddings)",
        },
        "that is the smallest distance. A learned vector may be far longer than any embedding; compare "
        "directions: the cosine.",
        {"return cosines": "return (-cosines)"},
        "that is the token that points the other way: take the largest cosine, not the smallest.",
        {"argmax(dim=-1": "argmax(dim=0"},
        "that gives each token its nearest virtual token. Take the best over the vocabulary: dim=-1.",
        {"prompt, dim=-1": "prompt, dim=0", "embeddings, dim=-1": "embeddings, dim=0"},
        "the vectors are normalised over the wrong dim. Each row is a vector: dim=-1.",
        {"argmax": "amax"},
        "that is the cosine itself. Return the id of the token: argmax.",
        {".argmax": ".abs().argmax"},
        "a token that points the other way counts as near. Leave the sign of the cosine.",
        {"argmax(dim=-1": "argmax(dim=-1, keepdim=True"},
        "the result is (num_virtual_tokens,), without a second dim.",
        {"embeddings, dim=-1": "embeddings, dim=0"},
        "the embeddings are normalised over the wrong dim. Each row is a vector: dim=-1.",
    ),
    advice={
        "type": "return a tensor of ids, (num_virtual_tokens,).",
        "dtype": "return ids, as argmax gives them: int64.",
        "shape": "the result is (num_virtual_tokens,): one id for each virtual token.",
        "RuntimeError": "shapes that do not go together. Each virtual token is to meet each embedding: "
        "(n, hidden) @ (hidden, vocabulary) gives all the products.",
    },
)
