"""A student in the style of MobileBERT: its layers are narrow inside, and as wide as the teacher's outside.

Source: Sun, Yu, Song, Liu, Yang and Zhou (2020), "MobileBERT: a Compact Task-Agnostic BERT for Resource-Limited
Devices", section 3 (bottlenecks, feature map transfer). Left out: the stacked feed-forward
networks, the convolution over the embeddings, the transfer of attention, and a teacher with bottlenecks of its own.
"""

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig
from transformers.modeling_outputs import SequenceClassifierOutput

from course_utils.methods.validation import Given, checked


def _teacher_tells_its_sizes(given: Given) -> None:
    teacher = given["teacher"]
    size = given["bottleneck_size"]
    sizes = "hidden_size num_attention_heads num_hidden_layers vocab_size max_position_embeddings"
    if missing := [name for name in sizes.split() if getattr(teacher, name, None) is None]:
        raise ValueError(
            f"A {type(teacher).__name__} has no {' and no '.join(missing)}, from which the student would take its "
            "sizes. Take the configuration of a BERT or a model like it."
        )
    if size < 1 or size % teacher.num_attention_heads:
        raise ValueError(
            f"bottleneck_size must be a multiple of the teacher's {teacher.num_attention_heads} attention heads, "
            f"and it is {size}."
        )


class BottleneckLayer(nn.Module):
    """One transformer layer of `bottleneck_size`, between a linear map down to it and one back up to `width`."""

    def __init__(self, width: int, bottleneck_size: int, heads: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, bottleneck_size)
        self.body = nn.TransformerEncoderLayer(
            bottleneck_size, heads, 4 * bottleneck_size, dropout=0.0, activation="gelu", batch_first=True
        )
        self.up = nn.Linear(bottleneck_size, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden: Tensor, padding: Tensor) -> Tensor:
        """hidden: (batch, length, width); padding: (batch, length), True at padding. Returns hidden's shape."""
        narrow = self.body(self.down(hidden), src_key_padding_mask=padding)
        return self.norm(hidden + self.up(narrow))


class BottleneckStudent(nn.Module):
    """A classifier with as many layers as `teacher`, each with hidden states of the teacher's width.

    So layer m learns from layer m, and no projection is needed. teacher: the configuration of a BERT; it also
    gives the vocabulary, the heads and the classes. Returns logits, (batch, classes), and hidden_states,
    embeddings first, each (batch, length, teacher's width). Raises ValueError where the configuration lacks one of
    these sizes, or bottleneck_size is no multiple of the heads.
    """

    @checked(_teacher_tells_its_sizes)
    def __init__(self, teacher: PretrainedConfig, bottleneck_size: int) -> None:
        super().__init__()
        width = teacher.hidden_size
        heads = teacher.num_attention_heads
        self.word_embeddings = nn.Embedding(teacher.vocab_size, bottleneck_size)
        self.position_embeddings = nn.Embedding(teacher.max_position_embeddings, bottleneck_size)
        self.widen = nn.Sequential(nn.Linear(bottleneck_size, width), nn.LayerNorm(width))
        layers = range(teacher.num_hidden_layers)
        self.layers = nn.ModuleList(BottleneckLayer(width, bottleneck_size, heads) for _ in layers)
        self.classifier = nn.Linear(width, teacher.num_labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SequenceClassifierOutput:
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        narrow = self.word_embeddings(input_ids) + self.position_embeddings(positions)
        hidden = [self.widen(narrow)]  # each (batch, length, teacher's width)
        for layer in self.layers:
            hidden.append(layer(hidden[-1], attention_mask == 0))
        return SequenceClassifierOutput(logits=self.classifier(hidden[-1][:, 0]), hidden_states=tuple(hidden))
