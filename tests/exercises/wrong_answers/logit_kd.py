"""Answers to the exercises of notebook 02 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/logit_kd`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import torch
import torch.nn.functional as F
from torch import nn


def kd_by_hand(student_logits, teacher_logits, temperature):
    with torch.no_grad():
        log_p = torch.log_softmax(teacher_logits / temperature, dim=1)
    log_q = torch.log_softmax(student_logits / temperature, dim=1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum() / student_logits.shape[0]


def kd_by_log_target(student_logits, teacher_logits, temperature):
    log_p = F.log_softmax(teacher_logits.detach() / temperature, -1)
    log_q = F.log_softmax(student_logits / temperature, -1)
    loss = nn.KLDivLoss(reduction="none", log_target=True)(log_q, log_p)
    return loss.sum(dim=-1).mean() * temperature * temperature


def kd_by_entropies(student_logits, teacher_logits, temperature):
    p = (teacher_logits.detach() / temperature).softmax(-1)
    cross_entropy = F.cross_entropy(student_logits / temperature, p)
    return (cross_entropy - torch.special.entr(p).sum(-1).mean()) * temperature**2


def reverse_by_hand(student_logits, teacher_logits, temperature):
    log_p = torch.log_softmax(teacher_logits.detach() / temperature, dim=1)
    log_q = torch.log_softmax(student_logits / temperature, dim=1)
    return temperature**2 * (log_q.exp() * (log_q - log_p)).sum() / student_logits.shape[0]


def reverse_by_log_target(student_logits, teacher_logits, temperature):
    with torch.no_grad():
        log_p = nn.LogSoftmax(dim=-1)(teacher_logits / temperature)
    log_q = (student_logits / temperature).log_softmax(-1)
    loss = nn.KLDivLoss(reduction="none", log_target=True)(log_p, log_q)
    return loss.sum(-1).mean(0) * temperature * temperature


def reverse_by_logsumexp(student_logits, teacher_logits, temperature):
    student, teacher = student_logits / temperature, teacher_logits.detach() / temperature
    expected = (student.softmax(-1) * (student - teacher)).sum(-1)
    return temperature**2 * (expected - student.logsumexp(-1) + teacher.logsumexp(-1)).mean()


def gold_mended(student_logits, labels):
    return torch.nan_to_num(F.cross_entropy(student_logits, labels))


def gold_by_selection(student_logits, labels):
    labelled = labels != -100
    if labelled.any():
        return F.cross_entropy(student_logits[labelled], labels[labelled])
    return student_logits[labelled].sum()


def gold_by_mask(student_logits, labels):
    losses = nn.CrossEntropyLoss(reduction="none", ignore_index=-100)(student_logits, labels)
    return losses.sum() / max(1, (labels != -100).sum().item())


def _of_the_teacher(batch, cached):
    rows = torch.index_select(cached, 0, batch["id"])
    if torch.isnan(rows).any():
        raise ValueError("the cache lacks an example")
    return rows


def step_by_lerp(outputs, batch, cached, soft_loss, alpha):
    student_logits = outputs["logits"].to(torch.float32)
    soft = soft_loss(student_logits, _of_the_teacher(batch, cached))
    return torch.lerp(gold_by_mask(student_logits, batch["labels"]), soft, alpha)


def step_where_gold_is(outputs, batch, cached, soft_loss, alpha):
    labels = batch["labels"]
    loss = alpha * soft_loss(outputs.logits.float(), _of_the_teacher(batch, cached))
    if (labels != -100).any():
        loss = loss + (1 - alpha) * F.cross_entropy(outputs.logits.float(), labels)
    return loss


def step_id_by_id(outputs, batch, cached, soft_loss, alpha):
    rows = {id: cached[id] for id in batch["id"].tolist()}
    if any(bool(row.isnan().any()) for row in rows.values()):
        raise ValueError(f"one of {list(rows)} is missing")
    student_logits = 1.0 * outputs[0].float()
    gold = gold_by_selection(student_logits, batch["labels"])
    return gold + alpha * (soft_loss(student_logits, torch.stack(list(rows.values()))) - gold)


def _run(teacher, batch):
    return teacher(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits


def _table(ids, logits, rows=None, fill=float("nan")):
    table = torch.full((rows or int(ids.max()) + 1, logits.shape[1]), fill)
    table[ids] = logits
    return table


def _collect(teacher, loader, run=_run):
    ids, logits = [], []
    for batch in loader:
        ids.append(batch["id"])
        logits.append(run(teacher, batch))
    return torch.cat(ids), torch.cat(logits)


def _carefully(teacher, loader, run=_run):
    mode = teacher.training
    teacher.eval()
    with torch.no_grad():
        ids, logits = _collect(teacher, loader, run)
    teacher.train(mode)
    return ids, logits


def cache_row_by_row(teacher, loader):
    mode = teacher.training
    teacher.eval()
    rows = {}
    with torch.inference_mode():
        for batch in loader:
            for number, row in zip(batch.pop("id").tolist(), teacher(**batch).logits, strict=True):
                rows[number] = row
    teacher.train(mode)
    nothing = torch.full((3,), float("nan"))
    return torch.stack([rows.get(number, nothing) for number in range(max(rows) + 1)])


def cache_by_attributes(teacher, loader):
    ids, logits = _carefully(
        teacher,
        loader,
        run=lambda model, batch: model(
            input_ids=batch["input_ids"].to(model.device),
            attention_mask=batch["attention_mask"].to(model.device),
        ).logits.cpu(),
    )
    table = torch.full((int(ids.max()) + 1, teacher.config.num_labels), torch.nan, dtype=teacher.dtype)
    table[ids] = logits
    return table


def cache_by_name(teacher, loader):
    def run(model, batch):
        return model(batch["input_ids"], batch["attention_mask"])["logits"]

    return _table(*_carefully(teacher, loader, run))


def cache_growing(teacher, loader):
    was_training, table = teacher.training, torch.empty(0, 0)
    teacher.train(False)
    for batch in loader:
        with torch.no_grad():
            logits = _run(teacher, batch)
        missing = int(batch["id"].max()) + 1 - len(table)
        if missing > 0:
            table = torch.cat(
                [table.reshape(-1, logits.shape[1]), logits.new_full((missing, logits.shape[1]), torch.nan)]
            )
        table.index_copy_(0, batch["id"], logits)
    if was_training:
        teacher.train()
    return table


WRONG = {
    "logit_kd.kd_loss": {
        "Detach the teacher, not the student": {"student_logits": "student_logits.detach()", ".detach()": ""},
        "Two things.": {"batchmean": "mean", " * temperature**2": ""},
        "not the type to return": {"return F": "return (F", "**2": "**2).item()"},
        "no gradient can flow back": {"return": "with torch.no_grad():\n        return"},
    },
    "logit_kd.reverse_kl_loss": {
        "the numbers are not": {"log_softmax": "softmax"},
        "the shape is not": {"batchmean": "none", "log_target=True)": "log_target=True).sum(-1)"},
        "Two things.": {"batchmean": "mean", " * temperature**2": ""},
    },
    "logit_kd.gold_loss": {
        "torch.tensor(0.) is float32": {
            "total =": "if (labels == -100).all():\n        return torch.tensor(0.0)\n    total ="
        },
        "-100 is no class": {"total =": "student_logits[torch.arange(len(labels)), labels]\n    total ="},
        "not the type to return": {"total =": "if (labels == -100).all():\n        return 0.0\n    total ="},
    },
    "logit_kd.cache_logits": {
        "runs in train mode": {"teacher.eval()": "pass"},
        "left in another mode": {"teacher.train(was_training)": "pass"},
        "gradient graph along": {"@torch.no_grad()": ""},
        "recorded for nothing": {"@torch.no_grad()": "", "return table": "return table.detach()"},
        "counted from 0": {"max()) + 1": "max())"},
        "a row for each id from 0": {"max()) + 1": "max()) + 2"},
        "not anew for each batch": {"table[all_ids] = all_logits": "table[ids[-1]] = logits[-1]"},
        "given the whole batch": {
            'input_ids=batch["input_ids"].to(device), attention_mask=batch["attention_mask"].to(device)': "**batch"
        },
        "return one tensor": {"return table": "return dict(zip(all_ids.tolist(), all_logits))"},
    },
    "logit_kd.distillation_loss": {
        "Something cut it": {"outputs.logits": "(2 * outputs.logits - outputs.logits.detach())"},
        "changed in place": {"teacher_logits =": "cached.nan_to_num_()\n    teacher_logits ="},
        "the columns id and labels": {'"labels"': '"label"'},
        "its logits are outputs.logits": {"outputs.logits.float()": "F.relu(outputs)"},
        "belongs to one case only": {"isnan()": "isfinite()"},
        "no error of another kind": {"raise ValueError": "raise KeyError"},
        "compares row with row": {"cached[batch": "cached[: -1]  # [batch"},
        "Two things.": {"(1 - alpha) * ": "", "missing.any()": "False"},
    },
}

RIGHT = {
    "logit_kd.kd_loss": [kd_by_hand, kd_by_log_target, kd_by_entropies],
    "logit_kd.reverse_kl_loss": [reverse_by_hand, reverse_by_log_target, reverse_by_logsumexp],
    "logit_kd.gold_loss": [gold_by_selection, gold_by_mask, gold_mended],
    "logit_kd.cache_logits": [cache_row_by_row, cache_growing, cache_by_attributes, cache_by_name],
    "logit_kd.distillation_loss": [step_by_lerp, step_where_gold_is, step_id_by_id],
}
