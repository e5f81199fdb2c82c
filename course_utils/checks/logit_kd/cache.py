"""Exercise on the teacher's logits, cached by example id."""

import copy
from types import SimpleNamespace
from typing import Any

import torch
from torch import Generator, Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from course_utils.checks.compare import difference
from course_utils.checks.edits import edits
from course_utils.checks.logit_kd.inputs import random_logits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import kd

TEACHER_MODE = "mode of the teacher while it ran"
GRADIENTS_ON = "gradients were recorded"
MODE_AFTER = "mode of the teacher afterwards"
REQUIRES_GRAD = "the table carries a gradient graph"
BEFORE_SOFTMAX = "keep the logits, before any softmax: the temperature is applied later."


class TinyTeacher(nn.Module):
    """Stands in for a transformers classifier: the same call, and a record of how it was called."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        weights = random_logits(generator, 11, 3, dtype=torch.float32)
        self.embedding = nn.Embedding.from_pretrained(weights, freeze=False)
        self.config = SimpleNamespace(num_labels=3)
        self.device, self.dtype = weights.device, weights.dtype
        self.modes: set[str] = set()
        self.recorded: set[bool] = set()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        self.modes.add("train" if self.training else "eval")
        self.recorded.add(torch.is_grad_enabled())
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        total = (self.embedding(input_ids) * mask.unsqueeze(-1)).sum(dim=1)
        # Dropout with no chance in it: train mode matters, and a check comes out the same every time.
        return SequenceClassifierOutput(logits=total * (0.5 if self.training else 1.0))


def _cache_cases(generator: Generator) -> list[Arguments]:
    cases: list[Arguments] = []
    for train, batches in (
        (True, [[3, 0], [5]]),
        (False, [[7, 12, 9], [2, 4, 8], [0]]),
        (True, [[1]]),
        (False, [[2, 1], [0]]),  # no gaps
    ):
        loader = [_batch(generator, ids) for ids in batches]
        cases.append({"teacher": TinyTeacher(generator).train(train), "loader": loader})
    return cases


def _batch(generator: Generator, ids: list[int]) -> dict[str, Tensor]:
    lengths = torch.randint(1, 5, (len(ids), 1), generator=generator)
    mask = (torch.arange(4) < lengths).long()
    return {
        "input_ids": torch.randint(1, 11, (len(ids), 4), generator=generator),
        "attention_mask": mask,
        "labels": torch.full((len(ids),), -100),
        "id": torch.tensor(ids),
    }


def _observe_cache(function: Function, arguments: Arguments) -> Observations:
    teacher: TinyTeacher = copy.deepcopy(arguments["teacher"])
    loader = copy.deepcopy(arguments["loader"])
    table = function(teacher, [dict(batch) for batch in loader])  # a loader's batches may be taken apart
    is_tensor = isinstance(table, Tensor)
    intact = not difference(arguments["loader"], loader)
    frozen = not difference(dict(arguments["teacher"].state_dict()), dict(teacher.state_dict()))
    return {
        INPUTS_CHANGED: None if intact and frozen else "loader" if frozen else "teacher",
        TEACHER_MODE: "train" if "train" in teacher.modes else "eval",
        RESULT: table.detach() if is_tensor else table,
        MODE_AFTER: "train" if teacher.training else "eval",
        REQUIRES_GRAD: bool(is_tensor and table.requires_grad),
        GRADIENTS_ON: any(teacher.recorded),
    }


CACHE_LOGITS = Exercise(
    reference=kd.cache_logits,
    cases=_cache_cases,
    observe=_observe_cache,
    mistakes=edits(
        kd.cache_logits,
        {"    return table": "    return all_logits"},
        "the rows stand in the order of the batches. Row i must belong to the example whose id is i: the order "
        "changes in every epoch, the id does not.",
        {'float("nan")': "0.0"},
        "rows of ids that do not occur hold zeros, which look like logits. Fill the table with NaN first.",
        {', attention_mask=batch["attention_mask"].to(device)': ""},
        "the attention mask is not passed on, so that padding counts as words.",
        {"output.logits": "output.logits.softmax(-1)"},
        BEFORE_SOFTMAX,
        {"output.logits": "output.logits.log_softmax(-1)"},
        BEFORE_SOFTMAX,
        {"    return table": "    return torch.where(table.isnan().any(-1), torch.nan, table.argmax(-1))"},
        "that keeps only the best class. All of them teach.",
        {"int(all_ids.max()) + 1": "len(all_ids)"},
        "there is a row for each example, but ids have gaps: the table needs the largest id + 1 rows.",
        {"    return table": "    return table[all_ids.sort().values]"},
        "the rows are sorted by id, but ids have gaps, and each gap needs a row of NaN: row i belongs to id i.",
        {"table[all_ids]": "table[: len(all_ids)]"},
        "the table is filled from the top, as the batches came. Fill row i with the logits of the example whose "
        'id is i: table[batch["id"]] = ...',
    ),
    advice={
        TEACHER_MODE: "the teacher runs in train mode, with dropout. Call teacher.eval() first.",
        MODE_AFTER: "the teacher is left in another mode than it came in. Note teacher.training first and "
        "give it back: teacher.train(was_training).",
        REQUIRES_GRAD: "the table drags the teacher's gradient graph along: run it under torch.no_grad().",
        GRADIENTS_ON: "gradients are recorded for nothing and fill the memory: use torch.no_grad().",
        "nan": "there is NaN in the row of an id that did occur. Make the table once, not anew for each batch, and put "
        'the logits of each batch into its own rows: table[batch["id"]] = ...',
        "type": "return one tensor: the table, with a row for each id.",
        "value": "compare row by row: row i holds the logits of the example whose id is i, and NaN if there is none.",
        "shape": "the table has a row for each id from 0 to the largest, and a column for each class.",
        "TypeError": "if the teacher was given the whole batch: give it input_ids and attention_mask only.",
        "IndexError": "the table is too short: rows are counted from 0, so the largest id needs a table of "
        "that id + 1 rows.",
    },
)
