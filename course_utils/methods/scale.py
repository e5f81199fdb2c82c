"""Scale and prompting: what a language model costs, how it is prompted, and how its answer is scored.

Sources: Kaplan et al. (2020), "Scaling Laws for Neural Language Models", section 2.1 (6 N D and 2 N); Brown et al.
(2020), "Language Models are Few-Shot Learners", figure 2.1 (zero-, one- and few-shot prompts); Schaeffer, Miranda and
Koyejo (2023), "Are Emergent Abilities of Large Language Models a Mirage?", section 2 (exact match as a product over
tokens).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_utils.methods.validation import Given, checked, in_float32


def _answers_fit(given: Given) -> None:
    """Logits, ids and mask belong to the same tokens, and every row has an answer that is not its first token."""
    logits, ids, mask = given["logits"], given["input_ids"], given["answer_mask"]
    if logits.shape[:-1] != ids.shape or mask.shape != ids.shape:
        raise ValueError(
            f"logits has the shape {tuple(logits.shape)}, input_ids {tuple(ids.shape)} and answer_mask "
            f"{tuple(mask.shape)}; they must be (batch, length, vocabulary) and twice (batch, length)."
        )
    if (without := ~mask[:, 1:].any(dim=1)).any():
        raise ValueError(
            f"Row {int(without.nonzero()[0])} has no token of an answer, or only its first token, which nothing "
            "precedes: there is nothing to score. Has the text been cut to the model's length?"
        )
    given["logits"] = in_float32(logits)


def _pairs_fit(given: Given) -> None:
    prompts, answers = given["prompts"], given["answers"]
    if len(prompts) != len(answers):
        raise ValueError(f"There are {len(prompts)} prompts and {len(answers)} answers: one answer for each.")
    for i, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        if not (isinstance(prompt, list) and isinstance(answer, list)):
            raise ValueError(
                f"Pair {i} holds a {type(prompt).__name__} and a {type(answer).__name__}. Token ids come as lists "
                "here, which + joins; of two tensors it would add the numbers. Make lists of them: ids.tolist()."
            )
        if not (len(prompt) and len(answer)):
            raise ValueError(
                f"Pair {i} has {'no answer' if len(prompt) else 'an empty prompt'}. A model scores a token by the "
                "tokens before it, so both need a token; a tokenizer's first one (bos_token) will do for the prompt."
            )


def training_flops(parameters: float, tokens: float) -> float:
    """Floating-point operations to train a model once over its tokens: 6 N D (Kaplan et al. 2020, section 2.1).

    Each parameter takes one multiplication and one addition a token on the way forward, and twice that on the way
    back. (Kaplan et al. leave embeddings out of N: they are looked up, not multiplied.)
    """
    return 6 * parameters * tokens


def serving_bytes(
    parameters: float, layers: int, hidden_size: int, context: int, batch_size: int, bytes_per_number: int
) -> float:
    """Bytes that a model needs while it answers: its weights, and the keys and values of every token so far.

    Each layer keeps one key and one value, `hidden_size` numbers each, for each of the `context` tokens of each of the
    `batch_size` texts. The weights are there once, however many texts are answered together.
    """
    kept = 2 * layers * hidden_size * context * batch_size
    return (parameters + kept) * bytes_per_number


def build_prompt(description: str | None, examples: Sequence[tuple[str, str]], query: str) -> str:
    """The text that the model is to continue (Brown et al. 2020, figure 2.1).

    One line a part: the description with a colon, where there is one; each solved example as "given => answer"; and
    the query with " => " after it, where the answer is to begin. No example: zero-shot; one: one-shot; more: few-shot.
    """
    lines = [f"{description}:"] if description else []
    lines += [f"{given} => {answer}" for given, answer in examples]
    return "\n".join([*lines, f"{query} => "])


@checked(_pairs_fit)
def answer_batch(
    prompts: Sequence[list[int]], answers: Sequence[list[int]], pad_token_id: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Prompts with their answers after them, as one batch, padded on the right.

    prompts, answers: a list of token ids each; every one holds a token. Returns input_ids, attention_mask (1 at a
    token, 0 at padding) and answer_mask (bool, True at the tokens of the answer), all of shape (batch, longest).
    Raises ValueError where there is not one answer for each prompt, and for a prompt or answer that is empty or no
    list.
    """
    rows = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
    longest = max(len(row) for row in rows)
    input_ids = torch.full((len(rows), longest), pad_token_id)
    attention_mask = torch.zeros(len(rows), longest, dtype=torch.long)
    answer_mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, row in enumerate(rows):
        input_ids[i, : len(row)] = torch.tensor(row)
        attention_mask[i, : len(row)] = 1
        answer_mask[i, len(prompts[i]) : len(row)] = True
    return input_ids, attention_mask, answer_mask


@checked(_answers_fit)
def exact_match(logits: Tensor, input_ids: Tensor, answer_mask: Tensor) -> Tensor:
    """Whether each answer is, token for token, the one that greedy decoding would write.

    logits: (batch, length, vocabulary), at each place for the token at the next; input_ids, answer_mask: as
    `answer_batch` returns them. Returns (batch,), bool. Greedy decoding takes the most likely token every
    time. As long as it has written the answer so far, it sees what the model sees here; so it writes the whole
    answer exactly if the most likely token is the right one at each place.
    """
    right = logits[:, :-1].argmax(dim=-1) == input_ids[:, 1:]
    return (right | ~answer_mask[:, 1:]).all(dim=-1)


def answer_log_likelihood(
    model: nn.Module, prompts: Sequence[list[int]], answers: Sequence[list[int]], pad_token_id: int
) -> Tensor:
    """The log-probability, in nats, of each answer after its prompt: the sum over the answer's tokens.

    model: called with input_ids and attention_mask, (batch, length); returns `.logits`, (batch, length, vocabulary).
    prompts, answers: as in `answer_batch`. Returns (batch,), summed in float32. A token of the prompt may be
    impossible to the model: it does not count. Raises ValueError as `answer_batch` does.
    """
    input_ids, attention_mask, answer_mask = answer_batch(prompts, answers, pad_token_id)
    logits = model(input_ids=input_ids, attention_mask=attention_mask).logits.float()
    log_p = logits[:, :-1].log_softmax(dim=-1)
    next_ids, counted = input_ids[:, 1:], answer_mask[:, 1:]
    of_next = log_p.gather(-1, next_ids.unsqueeze(-1)).squeeze(-1)
    return of_next.masked_fill(~counted, 0.0).sum(dim=-1)
