"""Exercise on what a language model thinks of answers after their prompts."""

import copy

import torch
from torch import Generator, Tensor, nn
from transformers.modeling_outputs import CausalLMOutput

from course_utils.checks.advice import LARGE_LOGITS
from course_utils.checks.compare import difference
from course_utils.checks.edits import edits
from course_utils.checks.scale.prompts import LISTS_CHANGED, batch_cases, changed_lists
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import scale


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
    pairs, kinds = batch_cases(generator), ((0.5, torch.float32),) * 3 + ((60.0, torch.float32),)
    cases = [*zip(pairs, kinds, strict=True), (pairs[0], (0.5, torch.bfloat16))]
    return [{"model": TinyLM(generator, *kind), **case} for case, kind in cases]


def _observe_likelihood(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    value = function(*given.values())
    changed = changed_lists(given, arguments)
    if difference(arguments["model"].state_dict(), given["model"].state_dict()):
        changed.append("model")
    return {INPUTS_CHANGED: ", ".join(changed) or None, RESULT: value}


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
        {"[:, :-1]": "", "[:, 1:]": ""},
        "each place is scored by its own logits. The logits at a place are for the next token: "
        "logits[:, :-1] score input_ids[:, 1:].",
        {"[:, :-1]": "[:, 1:]", "[:, 1:]": "[:, :-1]"},
        "the shift goes the wrong way: logits[:, :-1] score input_ids[:, 1:].",
        {"mask[:, 1:]": "mask[:, :-1]"},
        "the mask was not shifted with the tokens: it marks places of input_ids, so take answer_mask[:, 1:].",
        {"answer_mask[:, 1:]": "attention_mask[:, 1:].bool()"},
        "the tokens of the prompt count as well. Only those of the answer should.",
        {"mask[:, 1:]": "mask[:, 1:] | True"},
        "every token of the row counts. Those of the prompt and the padding should not.",
        {".sum(dim=-1)": ".sum(dim=-1) / counted.sum(dim=-1)"},
        "that is the mean over the tokens of the answer. The probability of the whole answer is a product, so its "
        "logarithm is the sum.",
        {".sum(dim=-1)": ".mean(dim=-1)"},
        "that is the mean over all places of the row, with a 0 for each that does not count. The probability of "
        "the answer is a product, so its logarithm is the sum.",
        {"~counted": "~(counted & answer_mask[:, :-1])"},
        "the first token of the answer does not count. It is scored too, by the logits of the prompt's last token.",
        {"~counted": "~(counted & answer_mask.roll(-1, 1)[:, 1:])"},
        "the last token of the answer does not count. Its own logits are for what would come next; it is scored by "
        "those one place before.",
        {"~counted": "~(counted | answer_mask.roll(-1, 1)[:, 1:])"},
        "the last token of the prompt counts as well. Does the mask begin one place too early?",
        {"~counted": "~answer_mask.roll(-1, 1)[:, 1:]"},
        "the mask stands one place too early: it was shifted twice. It is shifted once, as the tokens are.",
        {"~counted": "counted"},
        "the mask is turned round: the prompt and the padding count, and the answer does not.",
        {"~counted": "~(counted & (next_ids != pad_token_id))"},
        "a token of the answer that has the id of the padding is left out. Padding is known by its place alone: "
        "answer_mask.",
        {"batch(prompts, answers,": "batch(answers, prompts,"},
        "prompts and answers are exchanged.",
        {"sum(dim=-1)": "sum()"},
        "that is one number for the whole batch. Return one a row, of shape (batch,).",
        {"return ": "return -"},
        "the sign is turned: that is a loss. A log-likelihood is 0 at best, and below 0 otherwise.",
        {"return of_next": "return of_next.exp()"},
        "those are probabilities, added up. Take the sum of their logarithms.",
        {".log_softmax(dim=-1)": ""},
        "those are logits, not log-probabilities: log_softmax over the vocabulary first.",
        {"return of_next": "of_next = of_next / 0.6931471805599453\n    return of_next"},
        "those are bits. Nats, the natural logarithm, are wanted.",
        {"gather(-1, next_ids.unsqueeze(-1)).squeeze(-1)": "amax(dim=-1)"},
        "that is the most likely token at each place. Take the token that stands there: gather.",
        {"log_softmax(dim=-1)": "log_softmax(dim=1)"},
        "the softmax goes over the places. The vocabulary is the last dim: dim=-1.",
        {"log_softmax(dim=-1)": "log_softmax(dim=0)"},
        "the softmax goes over the texts of the batch. The vocabulary is the last dim: dim=-1.",
        {".sum(dim=-1)": ".sum(dim=-1).exp()"},
        "that is the probability of the answer. Stop at the sum of the logarithms.",
        {"ids[:, 1:]": "ids[:, :-1]"},
        "the tokens were not shifted: logits[:, :-1] score input_ids[:, 1:].",
        {"log_softmax(dim=-1)": "softmax(dim=-1).log()"},
        "the logarithm of a softmax is minus infinity where a probability rounds to 0. log_softmax stays finite.",
        {".logits.float()": ".logits"},
        "a model may answer in half precision, and sums stall there. Turn the logits into float32 first.",
        {".logits.float()": ".logits", "return of_next": "of_next = of_next.float()\n    return of_next"},
        "a model may answer in half precision, and the log_softmax of that has lost its digits. Turn the logits into "
        "float32, not what comes of them.",
        {"of_next.masked_fill(~counted, 0.0)": "(of_next * counted)"},
        _TIMES_MASK,
    ),
    advice={
        INPUTS_CHANGED: LISTS_CHANGED,
        "type": "return a tensor of shape (batch,): no .tolist() and no .item().",
        "nan": _TIMES_MASK,
        "value": LARGE_LOGITS,
        "shape": "one number a row is wanted, of shape (batch,): sum over the places, dim=-1.",
        "RuntimeError": _ONE_SHORTER,
        "IndexError": _ONE_SHORTER,
        "TypeError": "prompts and answers are lists of token ids. answer_batch makes the tensors that the model takes. "
        "(A plain 0 among tensors is a sum that had nothing to add up: an answer has at least one token.)",
    },
)
