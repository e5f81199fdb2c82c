"""Logit distillation: a small student learns from the class scores of a large teacher.

Sources: Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network", section 2 (soft
targets, equation 1) and section 2.1 (matching logits); Ba and Caruana (2014), "Do Deep Nets Really Need to be
Deep?", section 2.2 (regression on logits). Kim and Rush (2016) take the step from classes to whole sequences;
that is a later notebook. Gu et al. (2024), "MiniLLM", section 2.1, for the reverse divergence.
"""

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from course_utils.methods.validation import (
    VERY_LOW,
    Given,
    checked,
    each_id_once,
    has_no_nan,
    in_float32,
    same_shape,
    two_distributions,
)


def _classes_of_rows(given: Given) -> None:
    """One class has the probability 1 whatever its logit, and a text has more predictions than the batch has rows."""
    shape = tuple(given["student_logits"].shape)
    if len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
        raise ValueError(
            f"student_logits has the shape {shape}, and this loss compares the classes of rows: (batch, classes), with "
            "one row or more and two classes or more. For the single number of a regression take logit_mse_loss; for "
            "the tokens of a text, word_kd_loss."
        )


def _two_classifiers(given: Given) -> None:
    two_distributions(given)
    _classes_of_rows(given)
    has_no_nan("teacher_logits", given["teacher_logits"])


def _finite_teacher(given: Given) -> None:
    same_shape(given)
    has_no_nan("teacher_logits", given["teacher_logits"])
    if given["teacher_logits"].detach().isinf().any():
        raise ValueError(
            "teacher_logits has an infinite entry, so this loss would be infinite too. "
            "Take kd_loss, in which a class that the teacher rules out has the probability 0."
        )


def _finite_distributions(given: Given) -> None:
    _finite_teacher(given)
    two_distributions(given)
    _classes_of_rows(given)
    student = given["student_logits"]
    given["student_logits"] = student.masked_fill(student.detach().isneginf(), VERY_LOW)  # 0 log 0 is 0


def _labels_are_classes(given: Given) -> None:
    logits, labels = in_float32(given["student_logits"]), given["labels"]
    given["student_logits"] = logits
    if labels.is_floating_point() or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"labels has the shape {tuple(labels.shape)} and the dtype {labels.dtype}, and student_logits has the "
            f"shape {tuple(logits.shape)}: there must be one class, a whole number, for each row. A regression has no "
            "classes: its gold loss is torch.nn.functional.mse_loss."
        )
    classes = logits.shape[1]
    if (unknown := (labels != -100) & ((labels < 0) | (labels >= classes))).any():
        raise ValueError(
            f"labels holds {int(labels[unknown][0])}, and with {classes} classes a label is 0 to {classes - 1}, or "
            "-100 where a row has none. Test rows without published labels often hold -1: leave them out, or make it "
            "-100."
        )


def _cache_has_these_rows(given: Given) -> None:
    ids, rows, alpha = given["batch"]["id"], len(given["cached"]), given["alpha"]
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie between 0 (gold labels) and 1 (the teacher), and it is {alpha}.")
    if (unknown := (ids < 0) | (ids >= rows)).any():
        raise ValueError(
            f"The cache has rows for the ids 0 to {rows - 1}, and the batch has an example with the id "
            f"{int(ids[unknown][0])}: the teacher was never asked about it. Cache the teacher's logits over all rows "
            "that the student trains on."
        )


@checked(_two_classifiers)
def kd_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """KL divergence from the teacher's softened probabilities to the student's, times temperature squared.

    student_logits, teacher_logits: (batch, classes). Returns a scalar: the sum over classes, averaged over
    the batch. The gradient reaches the student only. Without the factor it would shrink, at high
    temperature, about as 1 / temperature ** 2 (Hinton et al. 2015, end of section 2). The loss is 0 where the
    student agrees with the teacher. Sums are taken in float32. A class that the teacher rules out with -inf adds 0.
    Raises ValueError where the shapes differ or are not (batch, classes), with two classes or more, where the
    temperature is not above 0, and where the teacher's logits are NaN.
    """
    log_p_student = F.log_softmax(student_logits / temperature, dim=-1)
    p_teacher = F.softmax(teacher_logits.detach() / temperature, dim=-1)
    return F.kl_div(log_p_student, p_teacher, reduction="batchmean") * temperature**2


@checked(_finite_distributions)
def reverse_kl_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """KL divergence from the student's softened probabilities to the teacher's, times temperature squared.

    Shapes, reduction and factor as in `kd_loss`, with the two distributions exchanged (Gu et al. 2024, section 2.1):
    a student that cannot copy the teacher drops what the teacher finds possible, and says nothing that it finds
    impossible. The gradient reaches the student only, through the weights of the sum too. Raises ValueError as
    `kd_loss` does, and where a logit of the teacher is infinite: the divergence would be infinite as well.
    """
    log_p_student = F.log_softmax(student_logits / temperature, dim=-1)
    log_p_teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=-1)
    return F.kl_div(log_p_teacher, log_p_student, reduction="batchmean", log_target=True) * temperature**2


@checked(_two_classifiers)
def soft_cross_entropy(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Cross-entropy against the teacher's softened probabilities, times temperature squared.

    Shapes as in `kd_loss`, and the same gradient. But its smallest value is the teacher's entropy (times
    temperature squared), not 0, so the number itself does not tell how far the student is from the teacher.
    Raises ValueError as `kd_loss` does.
    """
    log_p_student = F.log_softmax(student_logits / temperature, dim=-1)
    p_teacher = F.softmax(teacher_logits.detach() / temperature, dim=-1)
    return -(p_teacher * log_p_student).sum(dim=-1).mean() * temperature**2


@checked(_finite_teacher)
def logit_mse_loss(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Mean squared difference between the logits themselves: no softmax, no temperature.

    student_logits, teacher_logits: (batch, classes). Returns a scalar: the mean over all entries, batch and
    classes (Ba and Caruana 2014, equation 1, up to a constant factor). The gradient reaches the student only.
    Raises ValueError where the shapes differ, or the teacher's logits are not finite.
    """
    return F.mse_loss(student_logits, teacher_logits.detach())


@checked(_labels_are_classes)
def gold_loss(student_logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy with the gold labels, over those rows that have one.

    student_logits: (batch, classes); labels: (batch,), whole numbers, -100 where a row has no label.
    Returns a scalar: the mean over the labelled rows. Where no row is labelled it is 0, not NaN, and
    `backward()` still works (every gradient is 0): on unlabelled text the gold-label loss is optional.
    Raises ValueError where a label is neither a class nor -100.
    """
    total = F.cross_entropy(student_logits, labels, ignore_index=-100, reduction="sum")
    labelled_rows = (labels != -100).sum()
    return total / labelled_rows.clamp(min=1)


@checked(each_id_once)
@torch.no_grad()
def cache_logits(teacher: nn.Module, loader: Iterable[dict[str, Tensor]]) -> Tensor:
    """Run the teacher over the loader once, and keep its logits in a table keyed by example id.

    teacher: called with input_ids and attention_mask, on its own device; returns `.logits`, (batch, classes).
    loader: gives batches with input_ids and attention_mask, (batch, length), and id, (batch,), in any order.
    Returns a table on the CPU of shape (largest id + 1, classes): row i holds the logits of example i, NaN
    where no example has that id. No dropout, no gradient; the teacher keeps the mode, train or eval, in which
    it came. Raises ValueError where two examples have one id, where an id is below 0 or above 99,999,999, and where
    the loader gives no batch.
    """
    was_training = teacher.training
    teacher.eval()
    device = next(teacher.parameters()).device
    ids, logits = [], []
    for batch in loader:
        output = teacher(
            input_ids=batch["input_ids"].to(device), attention_mask=batch["attention_mask"].to(device)
        )
        ids.append(batch["id"].cpu())
        logits.append(output.logits.cpu())
    teacher.train(was_training)
    all_ids, all_logits = torch.cat(ids), torch.cat(logits)
    table = all_logits.new_full((int(all_ids.max()) + 1, all_logits.shape[-1]), float("nan"))
    table[all_ids] = all_logits
    return table


@checked(_cache_has_these_rows)
def distillation_loss(
    outputs: SequenceClassifierOutput,
    batch: dict[str, Tensor],
    cached: Tensor,
    soft_loss: Callable[[Tensor, Tensor], Tensor],
    alpha: float,
) -> Tensor:
    """From a batch to the loss of distillation: look up what the teacher said, and weigh it with the gold labels.

    outputs: the student's, with `.logits`, (batch, classes), in any precision; batch: with id and labels, (batch,),
    -100 where a row has no label; cached: (largest id + 1, classes), as `cache_logits` returns it, on any device.
    soft_loss: from the student's and the teacher's logits, in this order, to a scalar. alpha: from 0 (gold labels
    only) to 1 (the teacher only). The teacher teaches on every row, labelled or not. Returns a scalar, in float32.
    Raises ValueError where the cache has no logits for an example of the batch, and for another alpha.
    """
    student_logits = outputs.logits.float()
    teacher_logits = cached[batch["id"].to(cached.device)].to(student_logits)
    missing = teacher_logits.isnan().any(dim=-1)
    if missing.any():
        raise ValueError(
            f"The cache is empty (NaN) for the example with the id {batch['id'][missing][0]}: the teacher was never "
            "asked about it. Cache the teacher's logits over all rows that the student trains on."
        )
    soft = soft_loss(student_logits, teacher_logits)
    gold = gold_loss(student_logits, batch["labels"])
    return alpha * soft + (1 - alpha) * gold
