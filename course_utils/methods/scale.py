"""Scale and prompting: what a language model costs, how it is prompted, and how its answer is scored.

Sources: Kaplan et al. (2020), "Scaling Laws for Neural Language Models", section 2.1 (6 N D and 2 N); Brown et al.
(2020), "Language Models are Few-Shot Learners", figure 2.1 (zero-, one- and few-shot prompts); Schaeffer, Miranda and
Koyejo (2023), "Are Emergent Abilities of Large Language Models a Mirage?", section 2 (exact match as a product over
tokens).
"""

from collections.abc import Sequence

from torch import Tensor

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
    the query with " => " behind it, where the answer is to begin. No example: zero-shot; one: one-shot; more: few-shot.
    """
    lines = [f"{description}:"] if description else []
    lines += [f"{given} => {answer}" for given, answer in examples]
    return "\n".join([*lines, f"{query} => "])


@checked(_answers_fit)
def answer_log_likelihood(logits: Tensor, input_ids: Tensor, answer_mask: Tensor) -> Tensor:
    """The mean log-probability, in nats, of the tokens of each answer, given all that stands before them.

    logits: (batch, length, vocabulary); input_ids: (batch, length); answer_mask: (batch, length), True at the
    tokens of the answer, of which every row has at least one, and never the first token.
    Returns (batch,), summed in float32. The logits at a place score the token at the next place. Raises ValueError
    where the shapes do not fit, or a row has no answer.
    """
    log_p = logits[:, :-1].log_softmax(dim=-1)
    next_ids, counted = input_ids[:, 1:], answer_mask[:, 1:]
    of_next = log_p.gather(-1, next_ids.unsqueeze(-1)).squeeze(-1)
    return of_next.masked_fill(~counted, 0.0).sum(dim=-1) / counted.sum(dim=-1)


@checked(_answers_fit)
def exact_match(logits: Tensor, input_ids: Tensor, answer_mask: Tensor) -> Tensor:
    """Whether each answer is, token for token, the one that greedy decoding would write.

    Shapes as in `answer_log_likelihood`. Returns (batch,), bool. Greedy decoding takes the most likely token every
    time. As long as it has written the answer so far, it sees what the model sees here; so it writes the whole
    answer exactly if the most likely token is the right one at each place.
    """
    right = logits[:, :-1].argmax(dim=-1) == input_ids[:, 1:]
    return (right | ~answer_mask[:, 1:]).all(dim=-1)
