"""Answers to the exercises of notebook 02 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/logit_kd`, since none of its mistakes fits: replacements in the
reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import torch
import torch.nn.functional as F
from torch import nn


def softmax_by_hand(logits, temperature):
    scaled = logits / temperature
    powers = (scaled - scaled.amax(dim=-1, keepdim=True)).exp()
    return powers / powers.sum(dim=-1, keepdim=True)


def softmax_from_log(logits, temperature):
    return nn.LogSoftmax(dim=-1)(logits.mul(1.0 / temperature)).exp()


def softmax_from_logsumexp(logits, temperature):
    scaled = logits / temperature
    return torch.exp(scaled - scaled.logsumexp(dim=-1, keepdim=True))


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


def mse_by_hand(student_logits, teacher_logits):
    return (student_logits - teacher_logits.detach()).square().mean()


def mse_by_norm(student_logits, teacher_logits):
    gap = student_logits - teacher_logits.clone().detach()
    return (gap * gap).sum() / gap.numel()


def mse_by_module(student_logits, teacher_logits):
    return nn.MSELoss(reduction="none")(student_logits, teacher_logits.data).mean(1).mean(0)


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


def both_by_hand(student_logits, teacher_logits, labels, temperature, alpha):
    gold = gold_by_selection(student_logits, labels)
    return gold + alpha * (kd_by_hand(student_logits, teacher_logits, temperature) - gold)


def both_by_lerp(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_by_log_target(student_logits, teacher_logits, temperature)
    return torch.lerp(gold_by_mask(student_logits, labels), kd, alpha)


def both_in_one_sum(student_logits, teacher_logits, labels, temperature, alpha):
    gold = (1 - alpha) * gold_by_mask(student_logits, labels)
    return alpha * kd_by_entropies(student_logits, teacher_logits, temperature) + gold


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
    "logit_kd.softmax_with_temperature": [
        (
            {
                "F.softmax(": "torch.stack([F.softmax(row",
                "logits / ": " / ",
                "-1)": "-1) for row in logits]).flatten(1)",
            },
            "the error arose inside",
        ),
        ({"return": "logits /= temperature\n    return"}, "in place"),
        ({"dim=-1)": "dim=-1).tolist()"}, ".tolist()"),
        ({"dim=-1)": "dim=-1).half()"}, "dtype changed"),
    ],
    "logit_kd.kd_loss": [
        (
            {"student_logits": "student_logits.detach()", ".detach()": ""},
            "Detach the teacher, not the student",
        ),
        ({"batchmean": "mean", " * temperature**2": ""}, "Two things."),
        ({"return F": "return (F", "**2": "**2).item()"}, "not the type to return"),
        ({"return": "with torch.no_grad():\n        return"}, "no gradient can flow back"),
    ],
    "logit_kd.logit_mse_loss": [
        (
            {"student_logits": "student_logits.detach()", ".detach()": ""},
            "Detach the teacher, not the student",
        ),
        ({"detach())": "detach(), reduction='none').mean(dim=-1)"}, "the shape is not"),
        ({"teacher_logits": "torch.zeros_like(teacher_logits)"}, "the numbers are not"),
    ],
    "logit_kd.gold_loss": [
        (
            {"total =": "if (labels == -100).all():\n        return torch.tensor(0.0)\n    total ="},
            "torch.tensor(0.) is float32",
        ),
        ({"total =": "student_logits[torch.arange(len(labels)), labels]\n    total ="}, "-100 is no class"),
        (
            {"total =": "if (labels == -100).all():\n        return 0.0\n    total ="},
            "not the type to return",
        ),
    ],
    "logit_kd.kd_and_gold_loss": [
        (
            {"kd_loss(student_logits": "kd_loss(student_logits.detach()"},
            "Detach the teacher, not the student",
        ),
    ],
    "logit_kd.cache_logits": [
        ({"teacher.eval()": "pass"}, "runs in train mode"),
        ({"teacher.train(was_training)": "pass"}, "left in another mode"),
        ({"@torch.no_grad()": ""}, "gradient graph along"),
        ({"@torch.no_grad()": "", "return table": "return table.detach()"}, "recorded for nothing"),
        ({"max()) + 1": "max())"}, "counted from 0"),
        ({"max()) + 1": "max()) + 2"}, "a row for each id from 0"),
        ({"table[all_ids] = all_logits": "table[ids[-1]] = logits[-1]"}, "not anew for each batch"),
        (
            {
                'input_ids=batch["input_ids"].to(device), attention_mask=batch["attention_mask"].to(device)': "**batch"
            },
            "given the whole batch",
        ),
        ({"return table": "return dict(zip(all_ids.tolist(), all_logits))"}, "not the type to return"),
    ],
}

RIGHT = {
    "logit_kd.softmax_with_temperature": [softmax_by_hand, softmax_from_log, softmax_from_logsumexp],
    "logit_kd.kd_loss": [kd_by_hand, kd_by_log_target, kd_by_entropies],
    "logit_kd.logit_mse_loss": [mse_by_hand, mse_by_norm, mse_by_module],
    "logit_kd.gold_loss": [gold_by_selection, gold_by_mask, gold_mended],
    "logit_kd.kd_and_gold_loss": [both_by_hand, both_by_lerp, both_in_one_sum],
    "logit_kd.cache_logits": [cache_row_by_row, cache_growing, cache_by_attributes, cache_by_name],
}
