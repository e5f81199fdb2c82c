"""Distilling a language model word by word, on anyone's texts: generalized JSD, reverse KL, and the loss in chunks.

Sources: Agarwal et al. (2024), "On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes",
section 3 and equation 1; Gu et al. (2024), "MiniLLM", section 2.1, for reverse KL. TRL's `generalized_jsd_loss`
computes the same. Chen et al. (2016), "Training Deep Nets with Sublinear Memory Cost", recompute in the backward pass.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from course_utils.methods.validation import Given, checked, in_float32, kind_of, two_distributions


def _two_models(given: Given) -> None:
    if not 0 <= given["beta"] <= 1:
        raise ValueError(
            f"beta must lie between 0 (forward KL) and 1 (reverse KL), and it is {given['beta']}. It is the "
            "teacher's share in the mixture that both are compared with."
        )
    two_distributions(given)


def _one_state_a_label(given: Given) -> None:
    labels, hidden, heads = given["labels"], given["hidden"], given["heads"]
    if len(hidden) != len(heads):
        raise ValueError(
            f"There are {len(hidden)} models' hidden states and {len(heads)} heads: one for each."
        )
    if unlike := [tuple(states.shape) for states in hidden if states.shape[:-1] != labels.shape]:
        raise ValueError(
            f"labels has the shape {tuple(labels.shape)} and hidden states have the shape {unlike[0]}: there must be "
            "one label for each position, (batch, length) against (batch, length, width)."
        )
    if given["chunk_size"] < 1:
        raise ValueError(f"chunk_size must be 1 token or more, and it is {given['chunk_size']}.")


@checked(_two_models)
def generalised_jsd(student_logits: Tensor, teacher_logits: Tensor, beta: float) -> Tensor:
    """How far the student's next-token distribution q is from the teacher's p, at each position.

    student_logits, teacher_logits: (..., vocabulary), after the same tokens. Returns (...). For 0 < beta < 1, with the
    mixture m = beta p + (1 - beta) q, it is beta KL(p || m) + (1 - beta) KL(q || m) (Agarwal et al. 2024, equation 1).
    That goes to 0 with beta, so the two ends are defined apart, as in TRL: beta 0 is the forward KL(p || q), which
    wants the student to cover all that the teacher would say; beta 1 is the reverse KL(q || p), which wants it to say
    nothing that the teacher would not. The gradient reaches the student only; sums are taken in float32. Raises
    ValueError where the shapes differ, and for a beta outside 0 to 1.
    """
    log_q = F.log_softmax(student_logits, dim=-1)
    log_p = F.log_softmax(teacher_logits.detach(), dim=-1)
    if beta == 0:
        return kl(log_p, log_q)
    if beta == 1:
        return kl(log_q, log_p)
    log_m = torch.logaddexp(log_p + math.log(beta), log_q + math.log(1 - beta))
    return beta * kl(log_p, log_m) + (1 - beta) * kl(log_q, log_m)


def kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) at each position, from log-probabilities. (..., vocabulary) twice -> (...)."""
    return F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(dim=-1)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p(label) at each position, in nats, in float32. logits: (tokens, vocabulary); labels, result: (tokens,)."""
    return F.cross_entropy(in_float32(logits), labels, reduction="none")


@checked(_one_state_a_label)
def chunked_loss(
    token_loss: Callable[..., Tensor],
    hidden: Sequence[Tensor],
    heads: Sequence[nn.Module],
    labels: Tensor,
    chunk_size: int = 64,
) -> Tensor:
    """The mean of a loss over the tokens that have a label, with the logits of `chunk_size` tokens at a time.

    token_loss: from the logits of each model, (tokens, vocabulary), and the labels, (tokens,), to (tokens,). hidden:
    for each model what its output layer reads, (batch, length, width of its own); heads: those output layers; labels:
    (batch, length), the next token, -100 where none counts. Returns a scalar, 0 where no token counts.

    The logits of a batch are its largest tensor by far: 8 texts of 100 tokens, with a vocabulary of 49,152, are 157 MB
    in float32, and a loss of two models makes six or more of that size. Here no more than a chunk's exist at once: the
    backward pass computes them again, chunk by chunk. Raises ValueError where the shapes do not fit.
    """
    counted = labels != -100

    def chunk_loss(labels: Tensor, *states: Tensor) -> Tensor:
        logits = [head(chunk) for head, chunk in zip(heads, states, strict=True)]
        return token_loss(*logits, labels).sum()

    rows = [labels[counted], *(states[counted] for states in hidden)]
    total = (rows[1] * 0.0).sum()  # a graph where no token counts; the sum itself could overflow in float16
    for chunk in zip(*(row.split(chunk_size) for row in rows), strict=True):
        total = total + checkpoint(chunk_loss, *chunk, use_reentrant=False)
    return total / counted.sum().clamp(min=1)


@torch.no_grad()
def _output_layer_comes_next(given: Given) -> None:
    """What the layers give is what the output layer reads, and what that gives are the logits."""
    model, was_training = given["model"], given["model"].training
    head, alike = model.get_output_embeddings(), False
    token = torch.full((1, 1), model.config.vocab_size - 1, device=model.device)
    inputs = {"input_ids": token, "attention_mask": torch.ones_like(token)}
    if head is not None and not model.config.is_encoder_decoder:
        model.eval()
        states = getattr(model.base_model(**inputs, use_cache=False), "last_hidden_state", None)
        if states is not None:
            logits = model(**inputs).logits.float()
            alike = torch.allclose(head(states).float(), logits, rtol=1e-3, atol=1e-3)
        model.train(was_training)
    if not alike:
        raise ValueError(
            f"{kind_of(model)} does not compute its logits by one output layer on its last hidden states: it scales, "
            "caps or transforms them, is no language model, or hides its layers. From these states chunked_loss would "
            "compute another loss. Take the logits of the whole model."
        )


class HiddenStates(nn.Module):
    """A language model that stops in front of its output layer: what `chunked_loss` reads.

    Its parameters are all of the model's, the output layer's too. `last_hidden_state`: (batch, length, width). Raises
    ValueError for a model whose output layer, given these states, does not return its logits.
    """

    @checked(_output_layer_comes_next)
    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> BaseModelOutput:
        """input_ids, attention_mask: (batch, length)."""
        body = self.model.base_model
        states = body(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
        return BaseModelOutput(last_hidden_state=states.last_hidden_state)
