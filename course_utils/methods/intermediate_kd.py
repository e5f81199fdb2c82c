"""Intermediate distillation: the student also learns from what goes on inside the teacher.

Sources: Jiao, Yin, Shang, Jiang, Chen, Li, Wang and Liu (2020), "TinyBERT: Distilling BERT for Natural Language
Understanding", section 3.1 (layer map, equations 6 to 9) and equation 11; Sun, Cheng, Gan and Liu (2019),
"Patient Knowledge Distillation for BERT Model Compression", section 3.2; Sanh, Debut, Chaumond and Wolf (2019),
"DistilBERT, a distilled version of BERT", section 2.
"""

import copy
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from course_utils.methods import keeping, validation
from course_utils.methods.freezing import encoder_layers
from course_utils.methods.validation import checked


@checked(validation.no_deeper_student)
def layer_map(student_layers: int, teacher_layers: int, kind: str) -> list[int]:
    """For each layer of the student the layer of the teacher that it learns from; both count from 1.

    kind: "uniform" (evenly spread, the last learns from the last: m * N / M, rounded down), "first" (the lowest
    layers) or "last" (the highest). 0 stands for the embeddings, which always learn from the embeddings and are
    not in the list (Jiao et al. 2020, section 3.1). Raises ValueError for another kind, and for a student
    that is deeper than its teacher.
    """
    steps = range(1, student_layers + 1)
    if kind == "uniform":
        return [step * teacher_layers // student_layers for step in steps]
    if kind == "first":
        return list(steps)
    if kind == "last":
        return [teacher_layers - student_layers + step for step in steps]
    raise ValueError(f"There is no layer map {kind!r}. There are uniform, first and last.")


@checked(validation.states_fit)
def hidden_loss(
    student_hidden: Tensor, teacher_hidden: Tensor, attention_mask: Tensor, projection: Tensor | None = None
) -> Tensor:
    """Mean squared difference of the hidden states, over the real tokens of the batch and the teacher's width.

    student_hidden: (batch, length, student width); teacher_hidden: (batch, length, teacher width);
    attention_mask: (batch, length), 1 at a token, 0 at padding. projection: (teacher width, student width), the
    transpose of W_h (Jiao et al. 2020, equation 8); None at equal widths. Returns a scalar, summed in float32. Its
    gradient reaches the student and the projection. Raises ValueError where the shapes do not fit.
    """
    projected = student_hidden if projection is None else F.linear(student_hidden, projection)
    squares = (projected - teacher_hidden.detach()).square().mean(dim=-1)
    return (squares * attention_mask).sum() / attention_mask.sum()


def attention_scores(query: Tensor, key: Tensor, heads: int) -> Tensor:
    """How much each token asks of each other one, before the softmax and before any mask.

    query, key: (batch, length, width), where the first width / heads features belong to the first head, and so
    on. Returns (batch, heads, length, length): the products Q K^T of each head, divided by the square root of
    the width of a head.
    """
    batch, length, width = query.shape
    of_each_head = (batch, length, heads, width // heads)
    q = query.reshape(of_each_head).transpose(1, 2)
    k = key.reshape(of_each_head).transpose(1, 2)
    return q @ k.transpose(-1, -2) / math.sqrt(width // heads)


@checked(validation.same_shape_and_mask)
def attention_loss(student_scores: Tensor, teacher_scores: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean squared difference of the attention scores, over heads and over the pairs of two real tokens.

    Both scores: (batch, heads, length, length), before the softmax (Jiao et al. 2020, equation 7);
    attention_mask: (batch, length). Returns a scalar, summed in float32. The gradient reaches the student only. Raises
    ValueError where the shapes, and so the heads, differ.
    """
    pairs = attention_mask[:, :, None] * attention_mask[:, None, :]
    squares = (student_scores - teacher_scores.detach()).square().mean(dim=1)
    return (squares * pairs).sum() / pairs.sum()


@checked(validation.same_shape)
def patient_loss(student_cls: Tensor, teacher_cls: Tensor) -> Tensor:
    """Squared distance of the [CLS] states once each is scaled to length 1 (Sun et al. 2019, section 3.2).

    Both: (..., width). Returns a scalar: summed over the width, averaged over all that stands in front. The
    gradient reaches the student only. Raises ValueError where the shapes differ.
    """
    student = F.normalize(student_cls, dim=-1)
    teacher = F.normalize(teacher_cls.detach(), dim=-1)
    return (student - teacher).square().sum(dim=-1).mean()


@checked(validation.same_shape_and_mask)
def cosine_loss(student_hidden: Tensor, teacher_hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """1 minus the cosine of the hidden states, averaged over the real tokens (Sanh et al. 2019, section 2).

    Both: (batch, length, width); attention_mask: (batch, length). Returns a scalar, 0 where all directions agree,
    whatever the lengths. The gradient reaches the student only. Raises ValueError where the shapes differ.
    """
    distance = 1 - F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1)
    return (distance * attention_mask).sum() / attention_mask.sum()


@checked(validation.attention_as_in_bert)
def score_map(model: PreTrainedModel, hidden_states: Sequence[Tensor], layer: int) -> Tensor:
    """The attention scores of one layer of a BERT, counted from 1: (batch, heads, length, length).

    hidden_states: the model's own, embeddings first. Layer m reads what stands in front of it, number m - 1.
    Unlike the attentions that transformers returns, these are there whatever the attention implementation. Raises
    ValueError for a model whose attention is not built as BERT's.
    """
    attention = model.base_model.encoder.layer[layer - 1].attention.self
    hidden = hidden_states[layer - 1]
    return attention_scores(attention.query(hidden), attention.key(hidden), model.config.num_attention_heads)


@checked(validation.one_stack_of_layers)
def add_projection(student: PreTrainedModel, teacher_width: int) -> PreTrainedModel:
    """Give the student one linear map to the teacher's width, for its embeddings and all its layers.

    It becomes a part of the student, so it is trained with it. After training it has no use; `del
    student.projection` takes it away. Changes the student in place, has it return its hidden states, and
    returns it.
    """
    projection = nn.Linear(student.config.hidden_size, teacher_width, bias=False)
    student.projection = projection.to(student.device, student.dtype)
    student.config.output_hidden_states = True
    return student


@checked(validation.layers_fit)
def tinybert_losses(
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    student_hidden: Sequence[Tensor],
    teacher_hidden: Sequence[Tensor],
    attention_mask: Tensor,
    layers: Sequence[int],
) -> dict[str, Tensor]:
    """The three losses inside a BERT: "embedding", "hidden" and "attention" (Jiao et al. 2020, equations 7 to 9).

    The hidden states are those of the two models for one batch, embeddings first; layers: `layer_map`. The
    last two losses are averaged over the student's layers. The student has a `projection` (`add_projection`). Raises
    ValueError where the layer map names a layer that the teacher does not have.
    """
    weight = student.projection.weight
    hidden = []
    attention = []
    for mine, theirs in enumerate(layers, start=1):
        hidden.append(hidden_loss(student_hidden[mine], teacher_hidden[theirs], attention_mask, weight))
        with torch.no_grad():
            target = score_map(teacher, teacher_hidden, theirs)
        attention.append(attention_loss(score_map(student, student_hidden, mine), target, attention_mask))
    return {
        "embedding": hidden_loss(student_hidden[0], teacher_hidden[0], attention_mask, weight),
        "hidden": torch.stack(hidden).mean(),
        "attention": torch.stack(attention).mean(),
    }


@checked(keeping.layers_exist)
def keep_layers(model: PreTrainedModel, layers: Sequence[int]) -> PreTrainedModel:
    """A copy of a model that has only these of its layers, counted from 1; all else is as it was.

    DistilBERT and PKD start from such a copy of their teacher. A layer that is named twice becomes two. Raises
    ValueError where no layer is named or one does not exist, for an encoder-decoder, and as `encoder_layers` does.
    """
    student = copy.deepcopy(model)
    body = encoder_layers(student)
    kept = [copy.deepcopy(body[number - 1]) for number in layers]
    for index, layer in enumerate(kept):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):  # where a decoder keeps this layer's keys and values
                module.layer_idx = index  # type: ignore[assignment]
    del body[:]
    body.extend(kept)
    if kinds := getattr(student.config, "layer_types", None):  # of layers that differ, such as ModernBERT's
        student.config.layer_types = [kinds[number - 1] for number in layers]
    student.config.num_hidden_layers = len(layers)
    return student


class Cached(NamedTuple):
    """A teacher's logits and hidden states for every example: see `cache_teacher`."""

    logits: Tensor  # (largest id + 1, classes)
    states: Tensor  # (real tokens of all examples, layers + 1, width), half precision
    starts: Tensor  # (largest id + 1,)
    lengths: Tensor  # (largest id + 1,)


def in_half_precision(states: Tensor) -> Tensor:
    """As float16, which takes half the memory; as float32 where a number is above 65,504, float16's largest."""
    half = states.half()
    return half if half.isfinite().all() else states.float()


@checked(validation.one_stack_of_layers, validation.each_id_once)
@torch.no_grad()
def cache_teacher(teacher: PreTrainedModel, loader: Iterable[dict[str, Tensor]]) -> Cached:
    """Run the teacher over the loader once, and keep its logits and all its hidden states by example id.

    loader: batches with input_ids and attention_mask, (batch, length), padded on either side, and id, (batch,).
    Returns tensors on the CPU. logits: (largest id + 1, classes). states: (real tokens of all examples, layers
    + 1, width), `in_half_precision`: the tokens of an example one after the other, and of each its embedding first.
    starts, lengths: (largest id + 1,), where those of an example begin, and how many they are; -1 and 0 where no
    example has that id. Leaves the teacher in eval mode. Raises ValueError as `kd.cache_logits` does, and for an
    encoder-decoder.
    """
    teacher.eval()
    id_parts = []
    logit_parts = []
    state_parts = []
    length_parts = []
    for batch in loader:
        inputs = {name: batch[name].to(teacher.device) for name in ("input_ids", "attention_mask")}
        mask = inputs["attention_mask"]
        output = teacher(**inputs, output_hidden_states=True)
        by_token = torch.stack(output.hidden_states, dim=2)  # (batch, length, layers + 1, width)
        real_tokens = by_token[mask.bool()]  # (real tokens, layers + 1, width), one after the other
        state_parts.append(in_half_precision(real_tokens).cpu())
        logit_parts.append(output.logits.float().cpu())
        length_parts.append(mask.sum(dim=1).cpu())
        id_parts.append(batch["id"].cpu())
    ids = torch.cat(id_parts)
    counts = torch.cat(length_parts)
    found = torch.cat(logit_parts)
    rows = int(ids.max()) + 1
    starts = torch.full((rows,), -1)
    lengths = torch.zeros(rows, dtype=torch.long)
    starts[ids] = counts.cumsum(dim=0) - counts
    lengths[ids] = counts
    logits = torch.full((rows, found.shape[-1]), float("nan"))
    logits[ids] = found
    with torch.autocast("cpu", enabled=False):  # under autocast, torch.cat takes no float16
        return Cached(logits, torch.cat(state_parts), starts, lengths)


@checked(validation.examples_are_cached)
def look_up(cached: Cached, batch: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The teacher's logits, (batch, classes), and its hidden states, embeddings first, for a batch.

    Each of the hidden states is (batch, length, width), float32, on the batch's device; 0 at padding. Raises
    ValueError where the cache has no example with an id of the batch, or one of another number of tokens.
    """
    mask = batch["attention_mask"]
    ids = batch["id"].cpu()
    position = (mask.cpu().cumsum(dim=1) - 1).clamp(min=0)  # of each token in its sentence: 0, 1, 2, ...
    states = cached.states[cached.starts[ids][:, None] + position]  # (batch, length, layers + 1, width)
    states = states.to(mask.device).float() * mask[:, :, None, None]  # 0 at padding
    return cached.logits[ids].to(mask.device), list(states.unbind(dim=2))
