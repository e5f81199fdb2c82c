"""What must hold for the losses of logit distillation, whoever implements them."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Categorical
from transformers.modeling_outputs import SequenceClassifierOutput

from course_utils.methods import gkd, kd

TEMPERATURES = [0.5, 1.0, 2.0, 4.0, 8.0]
FORWARD = partial(kd.kd_loss, temperature=2.0)


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    student, teacher = torch.randn(2, 6, 5, generator=generator, dtype=torch.float64) * 3
    return student.requires_grad_(), teacher


def gradient(loss: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss, student)[0]


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_a_model_has_no_divergence_from_itself(logits, temperature):
    _, teacher = logits
    student = teacher.clone().requires_grad_()
    for divergence in (kd.kd_loss, kd.reverse_kl_loss):
        loss = divergence(student, teacher, temperature)
        assert abs(loss.item()) < 1e-12
        assert gradient(loss, student).abs().max() < 1e-12


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_kd_loss_equals_the_formula_and_the_module_of_pytorch(logits, temperature):
    student, teacher = logits
    p, q = (teacher / temperature).softmax(-1), (student / temperature).softmax(-1)
    by_formula = (p * (p / q).log()).sum(-1).mean() * temperature**2
    by_module = nn.KLDivLoss(reduction="batchmean")(q.log(), p) * temperature**2
    torch.testing.assert_close(kd.kd_loss(student, teacher, temperature), by_formula)
    torch.testing.assert_close(kd.kd_loss(student, teacher, temperature), by_module)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_reverse_divergence_equals_the_formula_and_that_of_generalised_jsd(logits, temperature):
    student, teacher = logits
    p, q = (teacher / temperature).softmax(-1), (student / temperature).softmax(-1)
    loss = kd.reverse_kl_loss(student, teacher, temperature)
    torch.testing.assert_close(loss, (q * (q / p).log()).sum(-1).mean() * temperature**2)
    at_each_row = gkd.generalised_jsd(student / temperature, teacher / temperature, beta=1)
    torch.testing.assert_close(loss, at_each_row.mean() * temperature**2)


def test_the_reverse_divergence_bears_what_the_student_rules_out_and_refuses_what_the_teacher_rules_out(
    logits,
):
    student, teacher = logits
    ruled_out = student.detach().clone()
    ruled_out[:, 0] = -torch.inf
    assert kd.reverse_kl_loss(ruled_out, teacher, 2.0).isfinite()
    with pytest.raises(ValueError, match="Take kd_loss"):
        kd.reverse_kl_loss(teacher, ruled_out, 2.0)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_soft_cross_entropy_is_kl_and_the_teachers_entropy(logits, temperature):
    student, teacher = logits
    soft, kl = (loss(student, teacher, temperature) for loss in (kd.soft_cross_entropy, kd.kd_loss))
    entropy = Categorical(logits=teacher / temperature).entropy().mean() * temperature**2
    torch.testing.assert_close(soft - entropy, kl)
    torch.testing.assert_close(kd.soft_cross_entropy(teacher, teacher, temperature), entropy)  # its floor
    torch.testing.assert_close(gradient(soft, student), gradient(kl, student))


def test_temperature_squared_keeps_the_size_of_the_gradient(logits):
    student, teacher = logits
    sizes = torch.stack(
        [gradient(kd.kd_loss(student, teacher, t), student).norm() for t in (4.0, 8.0, 16.0, 32.0)]
    )
    bare = sizes / torch.tensor([4.0, 8.0, 16.0, 32.0]).square()
    assert sizes.max() / sizes.min() < 1.6
    assert bare.max() / bare.min() > 30


def test_at_a_high_temperature_kd_is_half_the_mse_of_centred_logits(logits):
    """Hinton et al. 2015, section 2.1: with zero-mean logits the gradient tends to that of matching
    logits."""
    student, teacher = logits
    student = (student - student.mean(-1, keepdim=True)).detach().requires_grad_()
    teacher = teacher - teacher.mean(-1, keepdim=True)
    by_kd = gradient(kd.kd_loss(student, teacher, 1e5), student)
    by_mse = gradient(kd.logit_mse_loss(student, teacher), student)
    torch.testing.assert_close(by_kd, by_mse / 2, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("loss", [FORWARD, partial(kd.reverse_kl_loss, temperature=2.0), kd.logit_mse_loss])
def test_no_gradient_reaches_the_teacher(logits, loss):
    student, teacher = logits
    teacher.requires_grad_()
    assert torch.autograd.grad(loss(student, teacher), teacher, allow_unused=True)[0] is None


def test_gold_loss_counts_the_labelled_rows_only(logits):
    student, _ = logits
    labels = torch.tensor([1, -100, 0, 4, -100, 2])
    kept = labels != -100
    expected = nn.functional.cross_entropy(student[kept], labels[kept])
    torch.testing.assert_close(kd.gold_loss(student, labels), expected)


def test_gold_loss_without_any_label_is_zero_and_goes_backward(logits):
    student, _ = logits
    labels = torch.full((6,), -100)
    loss = kd.gold_loss(student, labels)
    assert torch.isnan(nn.functional.cross_entropy(student, labels))  # what it mends
    assert loss.item() == 0
    assert gradient(loss, student).abs().max() == 0


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_alpha_weighs_the_teacher_against_the_labels(logits, alpha):
    student, teacher = logits[0].float(), logits[1].float()
    labels, ids = torch.tensor([1, -100, 0, 4, -100, 2]), torch.tensor([8, 0, 3, 1, 6, 2])
    cached = torch.full((9, 5), torch.nan).index_copy(0, ids, teacher)
    outputs, batch = SequenceClassifierOutput(logits=student), {"id": ids, "labels": labels}
    expected = alpha * FORWARD(student, teacher) + (1 - alpha) * kd.gold_loss(student, labels)
    torch.testing.assert_close(kd.distillation_loss(outputs, batch, cached, FORWARD, alpha), expected)


def test_an_example_that_the_teacher_was_never_asked_about_is_named():
    outputs = SequenceClassifierOutput(logits=torch.zeros(2, 3))
    batch, cached = {"id": torch.tensor([1, 2]), "labels": torch.tensor([0, 0])}, torch.zeros(3, 3)
    cached[2] = torch.nan
    with pytest.raises(ValueError, match="id 2: the teacher was never asked"):
        kd.distillation_loss(outputs, batch, cached, FORWARD, 1.0)


class Teacher(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.dropout = nn.Embedding(20, 3), nn.Dropout(0.5)

    def forward(self, input_ids, attention_mask):
        summed = (self.embedding(input_ids) * attention_mask.unsqueeze(-1)).sum(1)
        return SimpleNamespace(logits=self.dropout(summed))


@pytest.mark.parametrize("train", [True, False])
def test_cached_logits_do_not_depend_on_the_order_of_batches(train):
    teacher = Teacher().train(train)
    rows = [
        {"input_ids": torch.randint(20, (1, 4)), "attention_mask": torch.ones(1, 4), "id": torch.tensor([id])}
        for id in (9, 2, 4, 11)
    ]
    table = kd.cache_logits(teacher, rows)
    assert teacher.training is train
    assert table.shape == (12, 3) and not table.requires_grad
    assert table.isnan().all(dim=1).tolist() == [id not in (2, 4, 9, 11) for id in range(12)]
    torch.testing.assert_close(table, kd.cache_logits(teacher, rows[::-1]), equal_nan=True)
    with torch.no_grad():
        live = teacher.eval()(rows[0]["input_ids"], rows[0]["attention_mask"]).logits
    torch.testing.assert_close(table[rows[0]["id"]], live)


@pytest.mark.parametrize(
    ("number", "alpha", "problem"), [(-1, 0.5, "id -1"), (3, 0.5, "id 3"), (1, 1.5, "alpha")]
)
def test_a_row_that_the_cache_does_not_have_is_refused(number, alpha, problem):
    """-1 would take the last row of the cache."""
    outputs = SequenceClassifierOutput(logits=torch.zeros(2, 3))
    batch = {"id": torch.tensor([0, number]), "labels": torch.tensor([0, 0])}
    with pytest.raises(ValueError, match=problem):
        kd.distillation_loss(outputs, batch, torch.zeros(3, 3), FORWARD, alpha)


def test_a_loader_without_batches_or_with_names_as_ids_is_refused():
    teacher = Teacher()
    with pytest.raises(ValueError, match="no batch"):
        kd.cache_logits(teacher, [])
    ids = torch.ones(2, 4, dtype=torch.long)
    for named in (["a", "b"], torch.tensor([0.0, 1.0])):
        with pytest.raises(ValueError, match="no whole numbers"):
            kd.cache_logits(teacher, [{"input_ids": ids, "attention_mask": ids, "id": named}])
    assert teacher.training
