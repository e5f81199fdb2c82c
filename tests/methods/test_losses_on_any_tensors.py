"""Every loss of distillation, on shapes that do not fit, on tokens that are ruled out, and in half precision."""

import math
from functools import partial

import pytest
import torch

from course_utils.methods import intermediate_kd as ik
from course_utils.methods import kd, seqkd

INFINITY = float("inf")
MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])
LABELS = torch.tensor([[3, 4, 5], [6, 7, -100]])

# Each loss of a student and a teacher, and a shape that fits.
SOFT = {
    "kd_loss": (partial(kd.kd_loss, temperature=2.0), (4, 3)),
    "soft_cross_entropy": (partial(kd.soft_cross_entropy, temperature=2.0), (4, 3)),
    "word_kd_loss": (lambda s, t: seqkd.word_kd_loss(s, t, LABELS), (2, 3, 8)),
}
LOSSES = SOFT | {
    "logit_mse_loss": (kd.logit_mse_loss, (4, 3)),
    "reverse_kl_loss": (partial(kd.reverse_kl_loss, temperature=2.0), (4, 3)),
    "hidden_loss": (lambda s, t: ik.hidden_loss(s, t, MASK), (2, 3, 4)),
    "cosine_loss": (lambda s, t: ik.cosine_loss(s, t, MASK), (2, 3, 4)),
    "attention_loss": (lambda s, t: ik.attention_loss(s, t, MASK), (2, 4, 3, 3)),
    "patient_loss": (ik.patient_loss, (2, 4)),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
every_soft_loss = pytest.mark.parametrize("name", SOFT)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- shapes ---


@every_loss
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_shapes_that_would_be_stretched_are_refused_and_both_are_named(name, dim):
    loss, shape = LOSSES[name]
    student, teacher = draw(*shape), draw(*shape)
    assert loss(student, teacher).isfinite()
    narrow = teacher.narrow(dim, 0, 1)
    with pytest.raises(ValueError) as refusal:
        loss(student, narrow)
    assert str(tuple(shape)) in str(refusal.value) and str(tuple(narrow.shape)) in str(refusal.value)
    with pytest.raises(ValueError, match="shape"):
        loss(narrow, teacher)


def test_a_column_against_a_row_is_refused():
    assert kd.logit_mse_loss(draw(4), draw(4)) == 0  # regression
    with pytest.raises(ValueError, match=r"\(4,\).*\(4, 1\)"):
        kd.logit_mse_loss(draw(4), draw(4, 1))
    with pytest.raises(ValueError, match=r"\(4, 100\).*\(4, 104\)"):
        kd.kd_loss(draw(4, 100), draw(4, 104), 2.0)


@pytest.mark.parametrize("name", ["hidden_loss", "cosine_loss", "attention_loss"])
def test_a_mask_of_another_batch_is_refused(name, monkeypatch):
    loss, shape = LOSSES[name]
    for wrong in (MASK[:1], MASK[:, :1], MASK[:, :, None]):
        monkeypatch.setattr(f"{__name__}.MASK", wrong)
        with pytest.raises(ValueError, match=r"attention_mask.*\(batch, length\) = \(2, 3\)"):
            loss(draw(*shape), draw(*shape))


def test_a_projection_that_does_not_fit_is_refused():
    student, teacher = draw(2, 3, 4), draw(2, 3, 6)
    assert ik.hidden_loss(student, teacher, MASK, draw(6, 4)).isfinite()
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(2, 3, 6\).*\(4, 6\)"):
        ik.hidden_loss(student, teacher, MASK, draw(4, 6))
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(1, 3, 6\)"):
        ik.hidden_loss(student, teacher[:1], MASK, draw(6, 4))


def test_labels_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 2\).*\(2, 3, 8\)"):
        seqkd.word_kd_loss(draw(2, 3, 8), draw(2, 3, 8), LABELS[:, :2])


@pytest.mark.parametrize("temperature", [0, -1.0])
def test_a_temperature_is_above_0(temperature):
    with pytest.raises(ValueError, match="above 0"):
        kd.kd_loss(draw(4, 3), draw(4, 3), temperature)


def test_where_no_token_counts_the_loss_is_0_and_goes_backward():
    student = draw(2, 3, 8).requires_grad_()
    loss = seqkd.word_kd_loss(student, draw(2, 3, 8), torch.full((2, 3), -100))
    loss.backward()
    assert loss.item() == 0 and not student.grad.any()


# --- 0 log 0 is 0 ---


def by_hand(name: str, student: torch.Tensor, teacher: torch.Tensor) -> float:
    """The loss in float64, one class after the other, without the terms of probability 0."""
    scale = 1.0 if name == "word_kd_loss" else 2.0
    real = (
        (LABELS != -100).flatten() if name == "word_kd_loss" else torch.ones(len(student), dtype=torch.bool)
    )
    log_p = (teacher.double() / scale).log_softmax(-1).flatten(0, -2)[real]
    log_q = (student.double() / scale).log_softmax(-1).flatten(0, -2)[real]
    total = 0.0
    for i, j in (log_p > -INFINITY).nonzero().tolist():
        own = 0.0 if name == "soft_cross_entropy" else log_p[i, j].item()
        total += math.exp(log_p[i, j]) * (own - log_q[i, j].item())
    return total / len(log_p) * scale**2


@every_soft_loss
@pytest.mark.parametrize("both", [False, True])
def test_what_the_teacher_rules_out_adds_nothing(name, both):
    loss, shape = SOFT[name]
    student, teacher = draw(*shape), draw(*shape, seed=1)
    ruled_out = teacher < teacher.topk(2, dim=-1).values[..., -1:]  # a teacher that keeps its top 2
    teacher = teacher.masked_fill(ruled_out, -INFINITY)
    if both:
        student = student.masked_fill(ruled_out, -INFINITY)
    student.requires_grad_()
    found = loss(student, teacher)
    found.backward()
    assert found.item() == pytest.approx(by_hand(name, student.detach(), teacher), rel=1e-5)
    assert student.grad.isfinite().all()
    assert not both or not student.grad[ruled_out].any()


@every_soft_loss
def test_what_the_student_alone_rules_out_is_infinitely_wrong(name):
    loss, shape = SOFT[name]
    student, teacher = draw(*shape), draw(*shape, seed=1)
    student[..., 0] = -INFINITY
    assert loss(student, teacher).item() == INFINITY


@every_soft_loss
def test_a_teacher_that_rules_out_everything_is_refused(name):
    loss, shape = SOFT[name]
    with pytest.raises(ValueError, match="-inf for every class in row"):
        loss(draw(*shape), torch.full(shape, -INFINITY))


def test_squared_differences_need_finite_logits():
    teacher = draw(4, 3)
    teacher[0, 0] = -INFINITY
    with pytest.raises(ValueError, match="Take kd_loss"):
        kd.logit_mse_loss(draw(4, 3), teacher)


@pytest.mark.parametrize("name", ["kd_loss", "soft_cross_entropy", "logit_mse_loss", "reverse_kl_loss"])
def test_a_row_that_the_cache_lacks_is_named(name):
    loss, shape = LOSSES[name]
    teacher = draw(*shape)
    teacher[2] = float("nan")
    with pytest.raises(ValueError, match="NaN in row 2"):
        loss(draw(*shape), teacher)


# --- half precision ---


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(name, dtype):
    loss, shape = LOSSES[name]
    student, teacher = draw(*shape).to(dtype).requires_grad_(), draw(*shape, seed=1).to(dtype)
    found = loss(student, teacher)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(student.float(), teacher.float()))
    torch.testing.assert_close(found, loss(student, teacher.float()))  # of two dtypes
    found.backward()
    assert student.grad.dtype == dtype and student.grad.isfinite().all()


def test_a_large_batch_in_float16_does_not_overflow():
    student, teacher = torch.zeros(2, 8192, 10, dtype=torch.float16).unbind()
    student[:, 0] = teacher[:, 1] = 12  # about 12 nats apart: the sum over the rows is beyond 65504
    expected = kd.kd_loss(student[:1].double(), teacher[:1].double(), 1.0).item()
    assert expected > 10
    assert kd.kd_loss(student, teacher, 1.0).item() == pytest.approx(expected, rel=1e-4)
    words, labels = (student[None], teacher[None]), torch.zeros(1, 8192, dtype=torch.long)
    assert seqkd.word_kd_loss(*words, labels).item() == pytest.approx(expected, rel=1e-4)
    assert kd.gold_loss(student, labels[0] + 1).item() == pytest.approx(12, rel=1e-3)


# --- what is no class of a row ---


@pytest.mark.parametrize("name", ["kd_loss", "soft_cross_entropy", "reverse_kl_loss"])
@pytest.mark.parametrize("shape", [(4, 1), (3,), (2, 5, 3), (0, 3)], ids=str)
def test_a_loss_of_classes_refuses_what_has_none(name, shape):
    """One class would give 0 whatever the student says, and tokens a sum over the length."""
    with pytest.raises(ValueError, match=r"\(batch, classes\)"):
        LOSSES[name][0](draw(*shape), draw(*shape))


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ([-1, 0], "labels holds -1, and with 3 classes a label is 0 to 2"),
        ([0, 3], "labels holds 3"),
        ([0.5, 1.0], "whole number"),
        ([[0], [1]], r"\(2, 1\)"),
    ],
)
def test_a_gold_label_is_a_class_or_none(labels, problem):
    with pytest.raises(ValueError, match=problem):
        kd.gold_loss(draw(2, 3), torch.tensor(labels))
