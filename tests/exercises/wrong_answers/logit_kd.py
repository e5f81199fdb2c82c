"""Answers to the exercises of notebook 02 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import torch
import torch.nn.functional as F
from torch import nn

# --- softmax_with_temperature ---


def temperature_unused(logits, temperature):
    return torch.softmax(logits, dim=-1)


def temperature_multiplied(logits, temperature):
    return torch.softmax(logits * temperature, dim=-1)


def temperature_after_softmax(logits, temperature):
    return torch.softmax(logits, dim=-1) / temperature


def softmax_over_examples(logits, temperature):
    return torch.softmax(logits / temperature, dim=0)


def softmax_over_dim_1(logits, temperature):
    return torch.stack([F.softmax(row / temperature, dim=-1) for row in logits]).flatten(1)


def log_probabilities(logits, temperature):
    return torch.log_softmax(logits / temperature, -1)


def overflowing_softmax(logits, temperature):
    powers = torch.exp(logits / temperature)
    return powers / powers.sum(-1, keepdim=True)


def softmax_by_one_maximum(logits, temperature):
    powers = torch.exp((logits - logits.max()) / temperature)
    return powers / powers.sum(-1, keepdim=True)


def softmax_in_place(logits, temperature):
    logits /= temperature
    return logits.softmax(-1)


def softmax_as_list(logits, temperature):
    return (logits / temperature).softmax(-1).tolist()


def softmax_in_half(logits, temperature):
    return (logits / temperature).softmax(-1).half()


def softmax_by_hand(logits, temperature):
    scaled = logits / temperature
    powers = (scaled - scaled.amax(dim=-1, keepdim=True)).exp()
    return powers / powers.sum(dim=-1, keepdim=True)


def softmax_from_log(logits, temperature):
    return nn.LogSoftmax(dim=-1)(logits.mul(1.0 / temperature)).exp()


# --- kd_loss ---


def kd_no_square(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits / temperature, -1)
    p = F.softmax(teacher_logits / temperature, -1).detach()
    return F.kl_div(q, p, reduction="batchmean")


def kd_mean(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits / temperature, -1)
    p = F.softmax(teacher_logits / temperature, -1).detach()
    return F.kl_div(q, p) * temperature * temperature


def kd_summed(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits / temperature, -1)
    p = F.softmax(teacher_logits / temperature, -1).detach()
    return (p * (p.clamp_min(1e-30).log() - q)).sum() * temperature**2


def kd_swapped(student_logits, teacher_logits, temperature):
    q = F.softmax(student_logits / temperature, -1)
    log_p = F.log_softmax(teacher_logits.detach() / temperature, -1)
    return F.kl_div(log_p, q, reduction="batchmean") * temperature**2


def kd_student_not_log(student_logits, teacher_logits, temperature):
    q = F.softmax(student_logits / temperature, -1)
    p = F.softmax(teacher_logits.detach() / temperature, -1)
    return F.kl_div(q, p, reduction="batchmean") * temperature**2


def kd_log_target(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits / temperature, -1)
    log_p = F.log_softmax(teacher_logits.detach() / temperature, -1)
    return F.kl_div(q, log_p, reduction="batchmean") * temperature**2


def kd_student_only_warm(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits / temperature, -1)
    p = F.softmax(teacher_logits.detach(), -1)
    return F.kl_div(q, p, reduction="batchmean") * temperature**2


def kd_teacher_only_warm(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits, -1)
    p = F.softmax(teacher_logits.detach() / temperature, -1)
    return F.kl_div(q, p, reduction="batchmean") * temperature**2


def kd_square_only(student_logits, teacher_logits, temperature):
    return kd_by_log_target(student_logits, teacher_logits, 1) * temperature**2


def kd_temperature_unused(student_logits, teacher_logits, temperature):
    return kd_by_log_target(student_logits, teacher_logits, 1)


def kd_student_detached(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits.detach() / temperature, -1)
    p = F.softmax(teacher_logits / temperature, -1)
    return F.kl_div(q, p, reduction="batchmean") * temperature**2


def kd_over_examples(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits / temperature, 0)
    p = F.softmax(teacher_logits.detach() / temperature, 0)
    return F.kl_div(q, p, reduction="batchmean") * temperature**2


def kd_teacher_learns(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits / temperature, -1)
    p = F.softmax(teacher_logits / temperature, -1)
    return F.kl_div(q, p, reduction="batchmean") * temperature**2


def kd_soft_cross_entropy(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits / temperature, -1)
    p = F.softmax(teacher_logits.detach() / temperature, -1)
    return -(p * q).sum(-1).mean() * temperature**2


def kd_log_of_softmax(student_logits, teacher_logits, temperature):
    q = torch.log(F.softmax(student_logits / temperature, -1))
    p = F.softmax(teacher_logits.detach() / temperature, -1)
    return F.kl_div(q, p, reduction="batchmean") * temperature**2


def kd_no_square_and_mean(student_logits, teacher_logits, temperature):
    q = F.log_softmax(student_logits / temperature, -1)
    p = F.softmax(teacher_logits.detach() / temperature, -1)
    return F.kl_div(q, p, reduction="mean")


def kd_as_number(student_logits, teacher_logits, temperature):
    return kd_by_log_target(student_logits, teacher_logits, temperature).item()


def kd_detached(student_logits, teacher_logits, temperature):
    with torch.no_grad():
        return kd_by_log_target(student_logits, teacher_logits, temperature)


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


# --- logit_mse_loss ---


def mse_of_probabilities(student_logits, teacher_logits):
    return F.mse_loss(student_logits.softmax(-1), teacher_logits.detach().softmax(-1))


def mse_summed(student_logits, teacher_logits):
    return F.mse_loss(student_logits, teacher_logits.detach(), reduction="sum")


def mse_over_batch(student_logits, teacher_logits):
    return ((student_logits - teacher_logits.detach()) ** 2).sum(dim=1).mean()


def mse_absolute(student_logits, teacher_logits):
    return F.l1_loss(student_logits, teacher_logits.detach())


def mse_root(student_logits, teacher_logits):
    return F.mse_loss(student_logits, teacher_logits.detach()).sqrt()


def mse_teacher_learns(student_logits, teacher_logits):
    return F.mse_loss(student_logits, teacher_logits)


def mse_student_detached(student_logits, teacher_logits):
    return F.mse_loss(student_logits.detach(), teacher_logits)


def mse_per_row(student_logits, teacher_logits):
    return ((student_logits - teacher_logits.detach()) ** 2).mean(dim=-1)


def mse_student_only(student_logits, teacher_logits):
    return (student_logits**2).mean()


def mse_by_hand(student_logits, teacher_logits):
    return (student_logits - teacher_logits.detach()).square().mean()


def mse_by_norm(student_logits, teacher_logits):
    gap = student_logits - teacher_logits.clone().detach()
    return (gap * gap).sum() / gap.numel()


# --- gold_loss ---


def gold_nan(student_logits, labels):
    return F.cross_entropy(student_logits, labels)


def gold_over_all_rows(student_logits, labels):
    return F.cross_entropy(student_logits, labels, reduction="none").mean()


def gold_summed(student_logits, labels):
    return F.cross_entropy(student_logits, labels, reduction="sum")


def gold_cut_off(student_logits, labels):
    if (labels == -100).all():
        return torch.zeros((), dtype=student_logits.dtype)
    return F.cross_entropy(student_logits, labels)


def gold_new_zero(student_logits, labels):
    if (labels == -100).all():
        return torch.tensor(0.0, requires_grad=True)
    return F.cross_entropy(student_logits, labels)


def gold_as_class(student_logits, labels):
    return F.cross_entropy(student_logits, torch.where(labels == -100, 0, labels))


def gold_softmax_twice(student_logits, labels):
    loss = F.cross_entropy(student_logits.softmax(-1), labels, reduction="sum")
    return loss / max(1, int((labels >= 0).sum()))


def gold_mended(student_logits, labels):
    return torch.nan_to_num(F.cross_entropy(student_logits, labels))


def gold_picked_without_mask(student_logits, labels):
    log_q = student_logits.log_softmax(-1)
    return -log_q[torch.arange(len(labels)), labels].mean()


def gold_plain_zero(student_logits, labels):
    if not (labels != -100).any():
        return 0.0
    return F.cross_entropy(student_logits, labels)


def gold_by_selection(student_logits, labels):
    labelled = labels != -100
    if labelled.any():
        return F.cross_entropy(student_logits[labelled], labels[labelled])
    return student_logits[labelled].sum()


def gold_by_mask(student_logits, labels):
    losses = nn.CrossEntropyLoss(reduction="none", ignore_index=-100)(student_logits, labels)
    return losses.sum() / max(1, (labels != -100).sum().item())


# --- kd_and_gold_loss ---


def both_exchanged(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_by_hand(student_logits, teacher_logits, temperature)
    return (1 - alpha) * kd + alpha * gold_by_mask(student_logits, labels)


def both_full_gold(student_logits, teacher_logits, labels, temperature, alpha):
    return alpha * kd_by_hand(student_logits, teacher_logits, temperature) + gold_by_mask(
        student_logits, labels
    )


def both_no_square(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_no_square(student_logits, teacher_logits, temperature)
    return alpha * kd + (1 - alpha) * gold_by_mask(student_logits, labels)


def both_warm_gold(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_by_hand(student_logits, teacher_logits, temperature)
    return alpha * kd + (1 - alpha) * gold_by_mask(student_logits / temperature, labels)


def both_plain_gold(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_by_hand(student_logits, teacher_logits, temperature)
    return alpha * kd + (1 - alpha) * F.cross_entropy(student_logits, labels)


def both_labelled_only(student_logits, teacher_logits, labels, temperature, alpha):
    rows = labels != -100
    if not rows.any():
        return student_logits.sum() * 0
    kd = kd_by_hand(student_logits[rows], teacher_logits[rows], temperature)
    return alpha * kd + (1 - alpha) * F.cross_entropy(student_logits[rows], labels[rows])


def both_square_twice(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_by_hand(student_logits, teacher_logits, temperature)
    return alpha * kd * temperature**2 + (1 - alpha) * gold_by_mask(student_logits, labels)


def both_student_detached(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_student_detached(student_logits, teacher_logits.detach(), temperature)
    return alpha * kd + (1 - alpha) * gold_by_mask(student_logits, labels)


def both_square_on_all(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_no_square(student_logits, teacher_logits, temperature)
    return (alpha * kd + (1 - alpha) * gold_by_mask(student_logits, labels)) * temperature**2


def both_teacher_labels(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_by_hand(student_logits, teacher_logits, temperature)
    return alpha * kd + (1 - alpha) * F.cross_entropy(student_logits, teacher_logits.argmax(-1))


def both_teacher_learns(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_teacher_learns(student_logits, teacher_logits, temperature)
    return alpha * kd + (1 - alpha) * gold_by_mask(student_logits, labels)


def both_by_hand(student_logits, teacher_logits, labels, temperature, alpha):
    gold = gold_by_selection(student_logits, labels)
    return gold + alpha * (kd_by_hand(student_logits, teacher_logits, temperature) - gold)


def both_by_lerp(student_logits, teacher_logits, labels, temperature, alpha):
    kd = kd_by_log_target(student_logits, teacher_logits, temperature)
    return torch.lerp(gold_by_mask(student_logits, labels), kd, alpha)


# --- cache_logits ---


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


def cache_in_train_mode(teacher, loader):
    with torch.no_grad():
        return _table(*_collect(teacher, loader))


def cache_mode_lost(teacher, loader):
    teacher.eval()
    with torch.no_grad():
        return _table(*_collect(teacher, loader))


def cache_with_graph(teacher, loader):
    mode = teacher.training
    ids, logits = _collect(teacher.eval(), loader)
    teacher.train(mode)
    return _table(ids, logits)


def cache_graph_detached_late(teacher, loader):
    return cache_with_graph(teacher, loader).detach()


def cache_in_batch_order(teacher, loader):
    return _carefully(teacher, loader)[1]


def cache_zeros(teacher, loader):
    return _table(*_carefully(teacher, loader), fill=0.0)


def cache_no_mask(teacher, loader):
    return _table(*_carefully(teacher, loader, run=lambda model, batch: model(batch["input_ids"]).logits))


def cache_too_short(teacher, loader):
    ids, logits = _carefully(teacher, loader)
    return _table(ids, logits, rows=len(ids))


def cache_one_short(teacher, loader):
    ids, logits = _carefully(teacher, loader)
    return _table(ids, logits, rows=int(ids.max()) or None)


def cache_one_too_many(teacher, loader):
    ids, logits = _carefully(teacher, loader)
    return _table(ids, logits, rows=int(ids.max()) + 2)


def cache_sorted(teacher, loader):
    ids, logits = _carefully(teacher, loader)
    return logits[ids.argsort()]


def cache_filled_in_order(teacher, loader):
    ids, logits = _carefully(teacher, loader)
    return _table(torch.arange(len(ids)), logits, rows=int(ids.max()) + 1)


def cache_made_anew(teacher, loader):
    for batch in loader:
        ids, logits = _carefully(teacher, [batch])
        table = _table(ids, logits, rows=1 + max(int(batch["id"].max()) for batch in loader))
    return table


def cache_probabilities(teacher, loader):
    ids, logits = _carefully(teacher, loader)
    return _table(ids, logits.softmax(-1))


def cache_whole_batch(teacher, loader):
    return _table(*_carefully(teacher, loader, run=lambda model, batch: model(**batch).logits))


def cache_dict(teacher, loader):
    ids, logits = _carefully(teacher, loader)
    return dict(zip(ids.tolist(), logits, strict=True))


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
        (temperature_unused, "the temperature is not used"),
        (temperature_multiplied, "the logits are multiplied"),
        (temperature_after_softmax, "no longer sum to 1"),
        (softmax_over_examples, "over dim 0"),
        (softmax_over_dim_1, "the error arose inside"),
        (log_probabilities, "log-probabilities"),
        (overflowing_softmax, "inf / inf"),
        (softmax_by_one_maximum, "each row's own maximum"),
        (softmax_in_place, "in place"),
        (softmax_as_list, ".tolist()"),
        (softmax_in_half, "dtype changed"),
    ],
    "logit_kd.kd_loss": [
        (kd_no_square, "factor temperature ** 2 is missing"),
        (kd_mean, "also divides by the number of classes"),
        (kd_summed, "sum over the batch"),
        (kd_swapped, "student and teacher are swapped"),
        (kd_student_not_log, "must be log-probabilities"),
        (kd_student_only_warm, "to the student only"),
        (kd_teacher_only_warm, "to the teacher only"),
        (kd_square_only, "it stands in the factor only"),
        (kd_temperature_unused, "the temperature is not used"),
        (kd_student_detached, "Detach the teacher, not the student"),
        (kd_over_examples, "over dim 0"),
        (kd_teacher_learns, "teacher_logits.detach()"),
        (kd_soft_cross_entropy, "soft cross-entropy"),
        (kd_log_of_softmax, "-inf"),
        (kd_log_target, "log_target=True"),
        (kd_no_square_and_mean, "Two things."),
        (kd_as_number, "not the type to return"),
        (kd_detached, "no gradient can flow back"),
    ],
    "logit_kd.logit_mse_loss": [
        (mse_of_probabilities, "no softmax here"),
        (mse_summed, "that is the sum."),
        (mse_over_batch, "summed over classes"),
        (mse_absolute, "absolute difference"),
        (mse_root, "no square root"),
        (mse_teacher_learns, "teacher_logits.detach()"),
        (mse_student_detached, "Detach the teacher, not the student"),
        (mse_per_row, "the shape is not"),
        (mse_student_only, "the numbers are not"),
    ],
    "logit_kd.gold_loss": [
        (gold_nan, "0 / 0 = NaN"),
        (gold_over_all_rows, "rows without a label are counted"),
        (gold_summed, "sum over the labelled rows. Divide"),
        (gold_cut_off, "no path back"),
        (gold_new_zero, "torch.tensor(0.) is float32"),
        (gold_as_class, "rows of class 0"),
        (gold_softmax_twice, "done twice"),
        (gold_picked_without_mask, "-100 is no class"),
        (gold_plain_zero, "not the type to return"),
    ],
    "logit_kd.kd_and_gold_loss": [
        (both_exchanged, "exchanged"),
        (both_full_gold, "gold term has its full weight"),
        (both_no_square, "in the KD term the factor temperature ** 2 is missing"),
        (both_warm_gold, "divides the logits too"),
        (both_plain_gold, "F.cross_entropy is NaN"),
        (both_labelled_only, "on every row"),
        (both_square_twice, "stands there twice"),
        (both_student_detached, "Detach the teacher, not the student"),
        (both_square_on_all, "belongs to the KD term only"),
        (both_teacher_labels, "teacher's best class"),
        (both_teacher_learns, "teacher_logits.detach()"),
    ],
    "logit_kd.cache_logits": [
        (cache_in_train_mode, "runs in train mode"),
        (cache_mode_lost, "left in another mode"),
        (cache_with_graph, "gradient graph along"),
        (cache_graph_detached_late, "recorded for nothing"),
        (cache_in_batch_order, "order of the batches"),
        (cache_zeros, "hold zeros"),
        (cache_no_mask, "padding counts"),
        (cache_too_short, "a row for each example"),
        (cache_one_short, "counted from 0"),
        (cache_one_too_many, "a row for each id from 0"),
        (cache_sorted, "the rows are sorted by id"),
        (cache_filled_in_order, "filled from the top"),
        (cache_made_anew, "not anew for each batch"),
        (cache_probabilities, "before any softmax"),
        (cache_whole_batch, "given the whole batch"),
        (cache_dict, "not the type to return"),
    ],
}

RIGHT = {
    "logit_kd.softmax_with_temperature": [softmax_by_hand, softmax_from_log],
    "logit_kd.kd_loss": [kd_by_hand, kd_by_log_target],
    "logit_kd.logit_mse_loss": [mse_by_hand, mse_by_norm],
    "logit_kd.gold_loss": [gold_by_selection, gold_by_mask, gold_mended],
    "logit_kd.kd_and_gold_loss": [both_by_hand, both_by_lerp],
    "logit_kd.cache_logits": [cache_row_by_row, cache_growing, cache_by_attributes, cache_by_name],
}
