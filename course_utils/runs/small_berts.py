"""The systems of TinyBERT's table, on the two tasks of the real track: a teacher, and what students learn from it.

Source: Jiao et al. (2020), "TinyBERT: Distilling BERT for Natural Language Understanding", table 1. Notebook 03 says
what the systems are, and what is left out. All students of a task see the same texts for the same number of steps. The
general stage takes that number again, on the same texts: beside TinyBERT stands a student that learns from the logits
for the steps of both stages.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from course_utils import assets, data, measure, models, training
from course_utils.methods import intermediate_kd as inside
from course_utils.methods.bottleneck import BottleneckStudent
from course_utils.methods.kd import kd_loss

TEXTS = {
    "sentiment": ("teacher", "sentiment", "unlabelled", 8000),
    "second task": ("multilingual_encoder", "second_task", "unlabelled_second_task", 1500),
}
"""By task: the roles of its encoder, of its labelled and of its unlabelled texts, and how many of these are taken."""

BATCH_SIZE, TEMPERATURE, ATTENTION = 64, 2.0, 0.1
CENTRED = "scores centred"
TEACHER = "BERT (teacher)"


class System(NamedTuple):
    """How a student begins, what it learns from, the exhibit of its row, and how many times the steps it gets."""

    start: str
    loss: str
    exhibit: str = "E10"
    times: int = 1


STUDENTS = {
    "BERT-tiny, gold labels": System("tiny", "gold"),
    "BERT-tiny, logit KD": System("tiny", "logits", "E09"),
    "BERT-tiny, logit KD and inside": System("tiny", "inside", "E09"),
    "general stage, logit KD": System("general", "logits", "E09"),
    "TinyBERT": System("general", "inside"),
    "BERT-tiny, logit KD, twice the steps": System("tiny", "logits", "E09", times=2),
    "BERT-small, gold labels": System("small", "gold"),
    "PKD": System("first", "patience"),
    "DistilBERT": System("uniform", "cosine"),
    "MobileBERT style": System("bottleneck", "feature maps"),
}

CONTROLS = {
    "BERT-tiny, logit KD and inside, scores centred": System("tiny", "inside, scores centred", "E09"),
    "TinyBERT, scores centred": System("general, scores centred", "inside, scores centred", "E09"),
}
"""What the loss on attention scores would do if it could not see what the softmax does not: see `_centred`."""


class Lesson:
    """One task with one seed: its texts, its teacher, and its students. The teacher is trained once."""

    def __init__(self, name: str, seed: int) -> None:
        self.role, labelled, unlabelled, most = TEXTS[name]
        self.name, self.seed = name, seed
        self.tokenizer = models.load_tokenizer(self.role)
        self.task = data.load_task(labelled, unlabelled, self.tokenizer, most)
        self.recipe, self.budget = assets.entry(self.role).recipe, assets.entry("student_general").recipe
        self._general: dict[bool, dict[str, Tensor]] = {}

    def loader(self, rows: Any, batch_size: int = BATCH_SIZE) -> Any:
        """Batches of tokenised rows, shuffled."""
        return data.make_loader(rows, self.tokenizer, batch_size=batch_size, shuffle=True, seed=self.seed)

    def encoder(self) -> PreTrainedModel:
        """The pretrained encoder with a new head."""
        return models.load_classifier(self.role, self.task.labels, seed=self.seed)

    @cached_property
    def taught(self) -> tuple[PreTrainedModel, training.History]:
        """The encoder, fine-tuned on the labelled texts."""
        teacher, rows = self.encoder(), self.loader(self.task.labelled, batch_size=16)
        how: dict[str, Any] = self.recipe | {"seed": self.seed, "progress": False}
        return teacher, training.fit(teacher, rows, self.task.eval_loader, **how)

    @cached_property
    def cached(self) -> inside.Cached:
        """The teacher's logits and hidden states for all texts."""
        teacher = self.taught[0]
        with training.autocast(teacher.device):
            return inside.cache_teacher(teacher, self.loader(self.task.pool, batch_size=128))

    def general(self, centred: bool) -> dict[str, Tensor]:
        """The weights of a small student's body after the general stage, which is trained once."""
        if centred in self._general:
            return self._general[centred]
        encoder, student = self.encoder().to(models.device()).eval(), self._projecting(self.start("tiny"))

        def loss_fn(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
            mask = batch["attention_mask"]
            with torch.no_grad():
                theirs = encoder(batch["input_ids"], mask, output_hidden_states=True).hidden_states
            return torch.stack(list(_inside(student, encoder, outputs, theirs, mask, centred).values())).sum()

        self._fit(student, self.task.pool, loss_fn, None)
        self._general[centred] = student.base_model.state_dict()
        return self._general[centred]

    def start(self, kind: str) -> Any:
        """A student before its task: see `System.start`."""
        config = self.taught[0].config
        if kind == "bottleneck":
            torch.manual_seed(self.seed)
            return BottleneckStudent(config, bottleneck_size=config.hidden_size // 4)
        width = config.hidden_size * 3 // 4 if kind == "small" else config.hidden_size // 2
        shape = {"hidden_size": width, "intermediate_size": 4 * width}
        shape["num_attention_heads"] = config.num_attention_heads
        labels, seed = self.task.labels, self.seed
        student = models.new_classifier("student", labels, self.tokenizer, seed=seed, **shape)
        if kind in ("first", "uniform"):
            depth = student.config.num_hidden_layers
            kept = inside.layer_map(depth, config.num_hidden_layers, kind)
            student = inside.keep_layers(self.encoder(), kept)
            student.config.output_hidden_states = True
        elif kind.startswith("general"):
            student.base_model.load_state_dict(self.general(kind.endswith(CENTRED)))
        return student

    def train(self, system: System) -> training.History:
        """Train a student, measured on the test split."""
        student = self.start(system.start)
        rate = self.recipe["learning_rate"] if system.start in ("first", "uniform") else None
        rows = self.task.labelled if system.loss == "gold" else self.task.pool
        loss_fn = training.gold_loss if system.loss == "gold" else self._loss(system.loss, student)
        return self._fit(student, rows, loss_fn, self.task.eval_loader, system.times, rate)

    def speed_ups(self) -> dict[str, float]:
        """How many times as fast as its teacher each system of table 1 is, by the clock, for one batch."""
        kinds = {name: system.start for name, system in STUDENTS.items() if system.exhibit == "E10"}
        kinds["TinyBERT"] = "tiny"
        systems = {name: self.start(kind).to(models.device()) for name, kind in kinds.items()}
        batch = next(iter(self.loader(self.task.pool, batch_size=32)))
        times = measure.take_turns({TEACHER: self.taught[0], **systems}, batch)
        return {name: times[TEACHER] / time for name, time in times.items()}

    def offsets(self) -> list[float]:
        """What the softmax does not see of the pretrained encoder's attention scores, for each layer: a share of their
        mean square, from 0 to 1, over 32 texts."""
        encoder = self.encoder().to(models.device()).eval()
        batch = next(iter(self.loader(self.task.pool, batch_size=32)))
        mask = batch["attention_mask"].to(encoder.device)
        shares = []
        with torch.no_grad():
            inputs = batch["input_ids"].to(encoder.device)
            hidden = encoder(inputs, mask, output_hidden_states=True).hidden_states
            for layer in range(1, len(hidden)):
                scores = inside.score_map(encoder, hidden, layer)
                nothing = torch.zeros_like(scores)
                seen = inside.attention_loss(_centred(scores, mask), nothing, mask)
                shares.append(1 - float(seen / inside.attention_loss(scores, nothing, mask)))
        return shares

    def _fit(
        self, student: Any, rows: Any, loss_fn: Any, test: Any, times: int = 1, rate: float | None = None
    ) -> training.History:
        return training.fit(
            student, self.loader(rows), test, steps=times * self.budget["steps"], loss_fn=loss_fn,
            learning_rate=rate or self.budget["learning_rate"], seed=self.seed, progress=False,
        )  # fmt: skip

    def _projecting(self, student: Any) -> Any:
        torch.manual_seed(self.seed)
        return inside.add_projection(student, self.taught[0].config.hidden_size)

    def _loss(self, kind: str, student: Any) -> training.LossFunction:
        """The loss on the logits, and beside it what `BESIDE` has, or TinyBERT's three."""
        teacher, cached = self.taught[0], self.cached
        if kind.startswith("inside"):
            self._projecting(student)

        def loss_fn(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
            logits, hidden = inside.look_up(cached, batch)
            mask, loss = batch["attention_mask"], kd_loss(outputs.logits, logits, TEMPERATURE)
            if not kind.startswith("inside"):
                return loss + BESIDE[kind](outputs.hidden_states, hidden, mask)
            found = _inside(student, teacher, outputs, hidden, mask, kind.endswith(CENTRED))
            return loss + found["embedding"] + found["hidden"] + ATTENTION * found["attention"]

        return loss_fn


def _inside(
    student: Any, teacher: Any, outputs: Any, hidden: Any, mask: Tensor, centred: bool
) -> dict[str, Tensor]:
    ours = outputs.hidden_states
    layers = inside.layer_map(len(ours) - 1, len(hidden) - 1, "uniform")
    losses = inside.tinybert_losses(student, teacher, ours, hidden, mask, layers)
    if centred:
        attention = []
        for mine, theirs in enumerate(layers, start=1):
            with torch.no_grad():
                target = _centred(inside.score_map(teacher, hidden, theirs), mask)
            scores = _centred(inside.score_map(student, ours, mine), mask)
            attention.append(inside.attention_loss(scores, target, mask))
        losses["attention"] = torch.stack(attention).mean()
    return losses


def _centred(scores: Tensor, mask: Tensor) -> Tensor:
    """Attention scores, (batch, heads, queries, keys), less their mean over the real keys of each query.

    The softmax gives the same weights before and after. So what is taken away is of no use to anybody, and yet the
    squared difference of two models' scores counts it.
    """
    keys = mask[:, None, None, :]
    return scores - (scores * keys).sum(-1, keepdim=True) / keys.sum(-1, keepdim=True)


def _patience(ours: Any, hidden: list[Tensor], mask: Tensor) -> Tensor:
    layers = inside.layer_map(len(ours) - 1, len(hidden) - 1, "uniform")
    pairs = list(enumerate(layers, start=1))[:-1]
    losses = [inside.patient_loss(ours[mine][:, 0], hidden[theirs][:, 0]) for mine, theirs in pairs]
    return torch.stack(losses).mean()


def _feature_maps(ours: Any, hidden: list[Tensor], mask: Tensor) -> Tensor:
    pairs = zip(ours, hidden, strict=True)
    return torch.stack([inside.hidden_loss(mine, theirs, mask) for mine, theirs in pairs]).mean()


BESIDE: dict[str, Callable[[Any, list[Tensor], Tensor], Tensor | float]] = {
    "logits": lambda ours, hidden, mask: 0.0,
    "patience": _patience,
    "cosine": lambda ours, hidden, mask: inside.cosine_loss(ours[-1], hidden[-1], mask),
    "feature maps": _feature_maps,
}
