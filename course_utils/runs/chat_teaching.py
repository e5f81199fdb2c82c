"""How a student cut from a chat model's layers is taught by it: from its texts, its logits, or the student's own texts.

Sources: Kim and Rush (2016), "Sequence-Level Knowledge Distillation", for the teacher's texts and its distributions;
Agarwal et al. (2024), "On-Policy Distillation of Language Models", for the student's own texts, with reverse KL as in
Gu et al. (2024), "MiniLLM". In both papers the student is fine-tuned before it writes texts of its own; here it is, in
the first half of the steps, on the teacher's texts.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from course_utils import data, training
from course_utils.data.answers import Request, batch_of
from course_utils.methods import gkd
from course_utils.methods.intermediate_kd import keep_layers, layer_map
from course_utils.models import chat

METHODS = ("sequence-level", "word-level", "on-policy")
LAYERS, BATCH_SIZE = 12, 8


class Taught(NamedTuple):
    """What a training took: tokens read of the teacher's texts and of the student's own, parameters, and seconds."""

    theirs: int
    own: int
    trainable_parameters: int
    seconds: float


def student_of(teacher: PreTrainedModel) -> PreTrainedModel:
    """A copy of the teacher with `LAYERS` of its layers, evenly spread, the last among them."""
    return keep_layers(teacher, layer_map(LAYERS, teacher.config.num_hidden_layers, "uniform"))


def teach(
    method: str,
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[Request],
    *,
    rate: float,
    steps: int,
    seed: int = 0,
    progress: bool = False,
) -> Taught:
    """Train the student, in place, by one of `METHODS` on these answers of the teacher.

    Of the on-policy steps only the first half reads them. The second half takes their prompts, after which the student
    writes, each time, as many tokens as the longest of them has.
    """
    how: dict[str, Any] = {"learning_rate": rate, "seed": seed, "progress": progress}
    beta = {"sequence-level": None, "word-level": 0.0, "on-policy": None}[method]
    own_steps = steps // 2 if method == "on-policy" else 0
    loss = _Loss(student, teacher, beta)
    history = training.fit(
        gkd.HiddenStates(student),
        _loader(texts, batch_of, seed),
        steps=steps - own_steps,
        loss_fn=loss,
        **how,
    )
    seconds, own = history.seconds, _Loss(student, teacher, beta=1.0)
    if own_steps:
        longest = max(len(tokens) - start for tokens, start in texts)

        def write(batch: Sequence[Request]) -> training.Batch:
            prompts = [tokens[:start] for tokens, start in batch]
            return batch_of(chat.continued(student, tokenizer, prompts, longest, sample=True))

        loader = _loader(texts, write, seed + 1)
        later = training.fit(gkd.HiddenStates(student), loader, steps=own_steps, loss_fn=own, **how)
        seconds += later.seconds
    return Taught(loss.tokens, own.tokens, history.trainable_parameters, seconds)


def _loader(
    texts: Sequence[Request], collate: Callable[[Sequence[Request]], training.Batch], seed: int
) -> DataLoader:
    sampler = data.LengthBatches([len(text.tokens) for text in texts], BATCH_SIZE, shuffle=True, seed=seed)
    return DataLoader(list(texts), batch_sampler=sampler, collate_fn=collate, num_workers=0)  # type: ignore[arg-type]


class _Loss:
    """A loss on answer tokens, in chunks: cross-entropy (beta None), or the divergence from the teacher. It counts the
    tokens that were read."""

    def __init__(self, student: PreTrainedModel, teacher: PreTrainedModel, beta: float | None) -> None:
        self.student, self.teacher, self.beta, self.tokens = student, teacher, beta, 0
        self.teachers_states = gkd.HiddenStates(teacher)

    def __call__(self, outputs: Any, batch: training.Batch) -> Tensor:
        self.tokens += int(batch["attention_mask"].sum())
        hidden, heads, beta = [outputs.last_hidden_state], [self.student.get_output_embeddings()], self.beta
        with training.autocast(hidden[0].device):
            if beta is None:
                return gkd.chunked_loss(gkd.cross_entropy, hidden, heads, batch["labels"])
            with torch.no_grad():
                states = self.teachers_states(batch["input_ids"], batch["attention_mask"])
                hidden.append(states.last_hidden_state)
            heads.append(self.teacher.get_output_embeddings())

            def divergence(student_logits: Tensor, teacher_logits: Tensor, _: Tensor) -> Tensor:
                return gkd.generalised_jsd(student_logits, teacher_logits, beta)

            return gkd.chunked_loss(divergence, hidden, heads, batch["labels"])


@torch.no_grad()
def log_likelihoods(model: PreTrainedModel, texts: Sequence[Request], batch_size: int = BATCH_SIZE) -> Tensor:
    """For each text the mean of log p(token | those before it), in nats, over the answer's tokens. (texts,)."""
    found, states_of = torch.zeros(len(texts)), gkd.HiddenStates(model)
    order = sorted(range(len(texts)), key=lambda row: -len(texts[row].tokens))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = training.to_device(batch_of([texts[row] for row in rows]), model.device)
        counted = batch["labels"] != data.NO_LABEL
        with training.autocast(model.device), training.eval_mode(model):
            states = states_of(batch["input_ids"], batch["attention_mask"]).last_hidden_state
            logits = model.get_output_embeddings()(states[counted])
        tokens = gkd.cross_entropy(logits, batch["labels"][counted]).split(counted.sum(dim=1).tolist())
        found[rows] = torch.tensor([-row.mean().item() for row in tokens])
    return found
