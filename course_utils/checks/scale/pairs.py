"""Exercises on prompts with their answers: as one batch, and what a model thinks of each answer."""

import copy

import torch
from torch import Generator, Tensor, nn
from transformers.modeling_outputs import CausalLMOutput

from course_utils.checks.compare import difference
from course_utils.checks.edits import edits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import scale

PARTS = ("input_ids", "attention_mask", "answer_mask")
# Prompts, answers and the id of the padding. It also stands within a prompt: padding is known by its place alone.
PAIRS: tuple[tuple[list[list[int]], list[list[int]], int], ...] = (
    ([[1, 4], [1, 3, 5]], [[2, 3, 5], [2]], 7),
    ([[1, 3, 4, 6, 2]], [[5, 3]], 7),
    ([[1, 6, 0, 3], [1], [1, 0, 0, 5]], [[4, 2], [3, 5, 6, 4, 2, 5], [6, 6, 3, 4]], 0),
    ([[1, 2], [1, 2]], [[5, 4, 3], [3, 4, 5]], 7),
)


def _batch_cases(_: Generator) -> list[Arguments]:
    return [
        {"prompts": prompts, "answers": answers, "pad_token_id": padding}
        for prompts, answers, padding in PAIRS
    ]


def _changed(given: Arguments, arguments: Arguments) -> str | None:
    names = [name for name in ("prompts", "answers") if given[name] != arguments[name]]
    if "model" in given and difference(arguments["model"].state_dict(), given["model"].state_dict()):
        names.append("model")
    return ", ".join(names) or None


def _observe_batch(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    value = function(*given.values())
    seen: Observations = {INPUTS_CHANGED: _changed(given, arguments)}
    if not isinstance(value, tuple | list) or len(value) != len(PARTS):
        return {**seen, RESULT: value}
    return {**seen, RESULT: f"{len(PARTS)} parts", **dict(zip(PARTS, value, strict=True))}


LISTS_CHANGED = (
    "the lists of the caller are changed in place: `prompt += answer` and `prompt.append(...)` do that. Build a new "
    "list: prompt + answer."
)
OF_ANSWER = "len(prompts[i]) : len(row)"
ANSWER_BATCH = Exercise(
    reference=scale.answer_batch,
    cases=_batch_cases,
    observe=_observe_batch,
    mistakes=edits(
        scale.answer_batch,
        (
            {
                "[i, : len(row)]": "[i, longest - len(row) :]",
                f"[i, {OF_ANSWER}]": "[i, longest - len(row) + len(prompts[i]) :]",
            },
            "the padding stands on the left. Here every row begins at index 0, and the padding follows on the right.",
        ),
        (
            {OF_ANSWER: "len(prompts[i]) :"},
            "the padding is marked as answer too. The answer ends where its row ends.",
        ),
        (
            {OF_ANSWER: ": len(row)"},
            "the prompt is marked as answer too. The answer begins behind it, at len(prompt).",
        ),
        (
            {OF_ANSWER: "len(prompts[i]) - 1 : len(row) - 1"},
            "the mask is shifted by one. It marks the tokens themselves; the shift comes with the logits.",
        ),
        (
            {OF_ANSWER: "len(prompts[i]) : len(row) - 1"},
            "the last token of the answer is not marked. A slice leaves out its end, so the end is len(row).",
        ),
        ({OF_ANSWER: "len(prompts[i])"}, "only the first token of the answer is marked. Mark all of them."),
        (
            {"attention_mask[i, : len(row)]": "attention_mask[i, :]"},
            "the attention mask is 1 at the padding too, so the model reads padding as if it were text.",
        ),
        (
            {"attention_mask[i, : len(row)]": "attention_mask[i, : len(prompts[i])]"},
            "the attention mask leaves out the answer. It is 1 at every real token, of prompt and answer.",
        ),
        (
            {"attention_mask[i, : len(row)] = 1": "attention_mask = (input_ids != pad_token_id).long()"},
            "the attention mask is made from the ids, but the id of the padding may stand in a text as well. Only the "
            "lengths tell what is padding.",
        ),
        (
            {", pad_token_id)": ", 0)"},
            "the rows are filled up with 0, and the id of the padding is pad_token_id.",
        ),
        ({"prompt + answer": "answer + prompt"}, "the answer stands before its prompt."),
        (
            {"prompt + answer": "prompt"},
            "the answers are missing from input_ids: a row is a prompt and its answer.",
        ),
        ({"dtype=torch.bool": "dtype=torch.long"}, "answer_mask should hold truth values: dtype=torch.bool."),
        (
            {
                "attention_mask = torch.zeros(len(rows), longest, dtype=torch.long)": "attention_mask = torch.zeros("
                "len(rows), longest, dtype=torch.bool)"
            },
            "attention_mask should hold whole numbers, 1 and 0: dtype=torch.long.",
        ),
        (
            {", pad_token_id)": ", float(pad_token_id))"},
            "input_ids are floating-point numbers, and an embedding can look up whole numbers only.",
        ),
    ),
    advice={
        INPUTS_CHANGED: LISTS_CHANGED,
        "type": "return three tensors: input_ids, attention_mask, answer_mask.",
        "dtype": "input_ids and attention_mask are whole numbers, answer_mask is bool. Are they in this order?",
        "shape": "all three have the shape (batch, longest): longest is that of the longest prompt with its answer.",
        "ValueError": "rows of unequal length make no tensor. Fill them up to the longest first.",
        "RuntimeError": "rows of unequal length make no tensor. Fill them up to the longest first.",
    },
)

# --- the likelihood ---


class TinyLM(nn.Module):
    """A language model that sums what it has read so far. The token 0 is impossible to it."""

    read: Tensor
    said: Tensor

    def __init__(self, generator: Generator, scale: float, dtype: torch.dtype) -> None:
        super().__init__()
        read, said = torch.randn(2, 8, 8, generator=generator, dtype=torch.float64).to(torch.float32)
        self.register_buffer("read", (scale * read).to(dtype))
        self.register_buffer("said", said.to(dtype))

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> CausalLMOutput:
        """(batch, length) -> logits (batch, length, 8)."""
        logits = self.read[input_ids].cumsum(dim=1) @ self.said
        logits[..., 0] = -torch.inf
        return CausalLMOutput(logits=logits)


def _likelihood_cases(generator: Generator) -> list[Arguments]:
    pairs, kinds = _batch_cases(generator), ((0.5, torch.float32),) * 3 + ((60.0, torch.float32),)
    cases = [*zip(pairs, kinds, strict=True), (pairs[0], (0.5, torch.bfloat16))]
    return [{"model": TinyLM(generator, *kind), **case} for case, kind in cases]


def _observe_likelihood(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    value = function(*given.values())
    return {INPUTS_CHANGED: _changed(given, arguments), RESULT: value}


_TIMES_MASK = (
    "a token that the prompt should not hold has the log-probability minus infinity, and minus infinity times 0 is "
    "NaN. Put 0 in the place of what does not count: masked_fill or torch.where."
)
_ONE_SHORTER = (
    "shapes that do not go together. Logits lose their last place, tokens and mask their first: "
    "logits[:, :-1], input_ids[:, 1:], answer_mask[:, 1:]."
)
ANSWER_LOG_LIKELIHOOD = Exercise(
    reference=scale.answer_log_likelihood,
    cases=_likelihood_cases,
    observe=_observe_likelihood,
    mistakes=edits(
        scale.answer_log_likelihood,
        (
            {"[:, :-1]": "", "[:, 1:]": ""},
            "each place is scored by its own logits. The logits at a place are for the next token: "
            "logits[:, :-1] score input_ids[:, 1:].",
        ),
        (
            {"[:, :-1]": "[:, 1:]", "[:, 1:]": "[:, :-1]"},
            "the shift goes the wrong way: logits[:, :-1] score input_ids[:, 1:].",
        ),
        (
            {"mask[:, 1:]": "mask[:, :-1]"},
            "the mask was not shifted with the tokens: it marks places of input_ids, so take answer_mask[:, 1:].",
        ),
        (
            {"answer_mask[:, 1:]": "attention_mask[:, 1:].bool()"},
            "the tokens of the prompt count as well. Only those of the answer should.",
        ),
        (
            {"mask[:, 1:]": "mask[:, 1:] | True"},
            "every token of the row counts. Those of the prompt and the padding should not.",
        ),
        (
            {".sum(dim=-1)": ".sum(dim=-1) / counted.sum(dim=-1)"},
            "that is the mean over the tokens of the answer. The probability of the whole answer is a product, so its "
            "logarithm is the sum.",
        ),
        (
            {"sum(dim=-1)": "sum()"},
            "that is one number for the whole batch. Return one a row, of shape (batch,).",
        ),
        (
            {"return ": "return -"},
            "the sign is turned: that is a loss. A log-likelihood is 0 at best, and below 0 otherwise.",
        ),
        (
            {"return of_next": "return of_next.exp()"},
            "those are probabilities, added up. Take the sum of their logarithms.",
        ),
        (
            {".log_softmax(dim=-1)": ""},
            "those are logits, not log-probabilities: log_softmax over the vocabulary first.",
        ),
        (
            {"return of_next": "of_next = of_next / 0.6931471805599453\n    return of_next"},
            "those are bits. Nats, the natural logarithm, are wanted.",
        ),
        (
            {"gather(-1, next_ids.unsqueeze(-1)).squeeze(-1)": "amax(dim=-1)"},
            "that is the most likely token at each place. Take the token that stands there: gather.",
        ),
        (
            {"log_softmax(dim=-1)": "log_softmax(dim=1)"},
            "the softmax goes over the places. The vocabulary is the last dim: dim=-1.",
        ),
        (
            {".sum(dim=-1)": ".sum(dim=-1).exp()"},
            "that is the probability of the answer. Stop at the sum of the logarithms.",
        ),
        (
            {"ids[:, 1:]": "ids[:, :-1]"},
            "the tokens were not shifted: logits[:, :-1] score input_ids[:, 1:].",
        ),
        (
            {"log_softmax(dim=-1)": "softmax(dim=-1).log()"},
            "the logarithm of a softmax is minus infinity where a probability rounds to 0. log_softmax stays finite.",
        ),
        (
            {".logits.float()": ".logits"},
            "a model may answer in half precision, and sums stall there. Turn the logits into float32 first.",
        ),
        ({"of_next.masked_fill(~counted, 0.0)": "(of_next * counted)"}, _TIMES_MASK),
    ),
    advice={
        INPUTS_CHANGED: LISTS_CHANGED,
        "type": "return a tensor of shape (batch,): no .tolist() and no .item().",
        "nan": _TIMES_MASK,
        "shape": "one number a row is wanted, of shape (batch,): sum over the places, dim=-1.",
        "RuntimeError": _ONE_SHORTER,
        "IndexError": _ONE_SHORTER,
        "TypeError": "prompts and answers are lists of token ids. answer_batch makes the tensors that the model takes.",
    },
)
