"""Generalised JSD and reverse KL: against their definitions, against TRL, and in chunks of tokens."""

import math
from typing import Any

import pytest
import small_llama
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM, BertConfig, BertForMaskedLM, GraniteConfig

from course_utils.methods import gkd, seqkd

BETAS = (0.0, 0.1, 0.5, 0.9, 1.0)


def logits(seed: int, *shape: int) -> Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(q: list[float], p: list[float], beta: float) -> float:
    """Equation 1 of Agarwal et al., number by number, and its two ends. p: the teacher's probabilities."""

    def kl(one: list[float], other: list[float]) -> float:
        return sum(a * math.log(a / b) for a, b in zip(one, other, strict=True))

    if beta in (0, 1):
        return kl(p, q) if beta == 0 else kl(q, p)
    mixture = [beta * a + (1 - beta) * b for a, b in zip(p, q, strict=True)]
    return beta * kl(p, mixture) + (1 - beta) * kl(q, mixture)


@pytest.mark.parametrize("beta", BETAS)
def test_it_is_the_papers_definition(beta: float) -> None:
    student, teacher = logits(0, 2, 3, 7), logits(1, 2, 3, 7)
    found = gkd.generalised_jsd(student, teacher, beta)
    assert found.shape == (2, 3)
    for place in range(6):
        q, p = (side.view(6, 7)[place].softmax(-1).tolist() for side in (student, teacher))
        assert found.flatten()[place].item() == pytest.approx(by_definition(q, p, beta), rel=1e-6)


@pytest.mark.parametrize("beta", BETAS)
def test_it_is_zero_where_both_agree_and_teaches_the_student_alone(beta: float) -> None:
    same = logits(0, 4, 7)
    assert gkd.generalised_jsd(same, same, beta).abs().max() < 1e-6
    student, teacher = logits(0, 4, 7).requires_grad_(), logits(1, 4, 7).requires_grad_()
    gkd.generalised_jsd(student, teacher, beta).sum().backward()
    assert teacher.grad is None and student.grad is not None and student.grad.abs().sum() > 0


def test_the_middle_is_symmetric_and_bounded_and_the_ends_are_not() -> None:
    """With beta 1/2 it is the Jensen-Shannon divergence, at most log 2."""
    student, teacher = 30 * logits(0, 50, 7), 30 * logits(1, 50, 7)
    middle = gkd.generalised_jsd(student, teacher, 0.5)
    torch.testing.assert_close(middle, gkd.generalised_jsd(teacher, student, 0.5))
    assert middle.max() <= math.log(2) + 1e-6 < gkd.generalised_jsd(student, teacher, 1.0).max()


def test_reverse_kl_seeks_one_mode_and_forward_kl_covers_both() -> None:
    """A student that can say one narrow thing, of a teacher that would say two."""
    teacher = torch.tensor([0.5, 1e-6, 0.5]).log()
    one_mode, between = torch.tensor([0.98, 0.01, 0.01]).log(), torch.tensor([1.0, 1.0, 1.0]).log()
    by_beta = {
        beta: [gkd.generalised_jsd(student, teacher, beta).item() for student in (one_mode, between)]
        for beta in (0.0, 1.0)
    }
    assert by_beta[1.0][0] < by_beta[1.0][1] and by_beta[0.0][1] < by_beta[0.0][0]


def test_forward_kl_is_word_level_distillation() -> None:
    student, teacher = logits(0, 2, 5, 7), logits(1, 2, 5, 7)
    labels = torch.tensor([[1, 2, 3, -100, -100], [4, 5, 6, 0, 1]])
    ours = gkd.generalised_jsd(student, teacher, 0.0)[labels != -100].mean()
    torch.testing.assert_close(ours, seqkd.word_kd_loss(student, teacher, labels))


@pytest.mark.parametrize("beta", BETAS)
def test_it_is_trls(beta: float) -> None:
    trl = pytest.importorskip("trl.experimental.gkd.gkd_trainer", reason="TRL is not installed")
    student, teacher = logits(0, 2, 5, 70).requires_grad_(), logits(1, 2, 5, 70)
    labels = torch.tensor([[1, 2, 3, -100, -100], [4, 5, 6, 0, 1]])
    theirs = trl.GKDTrainer.generalized_jsd_loss(student, teacher, labels, beta)
    ours = gkd.generalised_jsd(student, teacher, beta)[labels != -100].mean()
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(loss, student)[0] for loss in (ours, theirs)))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="beta must lie between 0"):
        gkd.generalised_jsd(logits(0, 2, 7), logits(1, 2, 7), 1.5)
    with pytest.raises(ValueError, match="Student and teacher need the same rows"):
        gkd.generalised_jsd(logits(0, 2, 7), logits(1, 2, 8), 0.5)
    hidden, labels = torch.zeros(2, 5, 8), torch.zeros(2, 4, dtype=torch.long)
    with pytest.raises(ValueError, match="one label for each position"):
        gkd.chunked_loss(gkd.cross_entropy, [hidden], [nn.Linear(8, 7)], labels)
    with pytest.raises(ValueError, match="1 models' hidden states and 2 heads"):
        gkd.chunked_loss(gkd.cross_entropy, [hidden], 2 * [nn.Linear(8, 7)], labels)
    with pytest.raises(ValueError, match="chunk_size must be 1"):
        gkd.chunked_loss(gkd.cross_entropy, [hidden], [nn.Linear(8, 7)], labels.new_zeros(2, 5), chunk_size=0)


# In chunks


VOCABULARY = 5000


def two_models() -> tuple[list[Tensor], list[nn.Module], Tensor]:
    torch.manual_seed(0)
    hidden = [torch.randn(4, 20, width).requires_grad_() for width in (8, 12)]
    heads: list[nn.Module] = [nn.Linear(width, VOCABULARY, bias=False) for width in (8, 12)]
    labels = torch.randint(VOCABULARY, (4, 20))
    labels[:, :9] = -100
    labels[1, 12:] = -100
    return hidden, heads, labels


def jsd(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> Tensor:
    return gkd.generalised_jsd(student_logits, teacher_logits, 0.5)


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
def test_chunks_change_neither_the_loss_nor_its_gradients(chunk_size: int) -> None:
    hidden, heads, labels = two_models()
    whole = jsd(heads[0](hidden[0]), heads[1](hidden[1]), labels)[labels != -100].mean()
    chunked = gkd.chunked_loss(jsd, hidden, heads, labels, chunk_size)
    torch.testing.assert_close(chunked, whole)
    weights = [hidden[0], *heads[0].parameters()]
    for ours, theirs in zip(*(torch.autograd.grad(loss, weights) for loss in (chunked, whole)), strict=True):
        torch.testing.assert_close(ours, theirs)


class Largest(TorchDispatchMode):
    """The largest tensor that is made in the block, in numbers, apart from the gradients of the heads."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(tensor, Tensor) and tensor.shape[-1:] == (VOCABULARY,):
                self.numbers = max(self.numbers, tensor.numel())
        return made


def test_no_more_logits_than_a_chunks_are_made_and_none_are_kept() -> None:
    hidden, heads, labels = two_models()
    kept: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel() if tensor.shape[-1:] == (VOCABULARY,) else 0)
        return tensor

    with Largest() as largest, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = gkd.chunked_loss(jsd, hidden, heads, labels, chunk_size=20)
        assert max(kept, default=0) == 0
        loss.backward()
    assert largest.numbers == 20 * VOCABULARY


def test_without_a_counted_token_the_loss_is_zero_and_can_be_differentiated() -> None:
    hidden, heads, labels = two_models()
    loss = gkd.chunked_loss(jsd, hidden, heads, torch.full_like(labels, -100))
    loss.backward()
    assert loss.item() == 0 and hidden[0].grad is not None and hidden[0].grad.abs().max() == 0


def test_a_language_model_learns_in_chunks_what_it_learns_whole(tmp_path: Any) -> None:
    small_llama.write(tmp_path, ["one"])
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    batch = {"input_ids": torch.randint(200, (3, 9)), "attention_mask": torch.ones(3, 9, dtype=torch.long)}
    labels = torch.randint(200, (3, 9))
    states = gkd.HiddenStates(model)
    chunked = gkd.chunked_loss(
        gkd.cross_entropy, [states(**batch).last_hidden_state], [model.lm_head], labels, 4
    )
    whole = F.cross_entropy(model(**batch).logits.flatten(0, 1), labels.flatten())
    torch.testing.assert_close(chunked, whole)
    parameters = list(model.parameters())
    assert {id(p) for p in states.parameters()} == {id(p) for p in parameters}
    for ours, theirs in zip(
        *(torch.autograd.grad(loss, parameters) for loss in (chunked, whole)), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_large_states_in_float16_do_not_make_the_loss_nan() -> None:
    """Their sum is above 65,504."""
    states, labels = torch.full((2, 100, 768), 2.0).half(), torch.zeros(2, 100, dtype=torch.long)
    loss = gkd.chunked_loss(gkd.cross_entropy, [states], [nn.Linear(768, 5).half()], labels)
    assert loss.isfinite()


@pytest.mark.parametrize("more", [{"logits_scaling": 4.0}, {}], ids=["scaled logits", "plain"])
def test_states_whose_output_layer_does_not_give_the_logits_are_refused(more: dict[str, float]) -> None:
    sizes: Any = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(GraniteConfig(**sizes, intermediate_size=16, **more)).train()
    model.lm_head.weight.data.normal_()
    if not more:
        assert gkd.HiddenStates(model).model is model and model.training
        return
    with pytest.raises(
        ValueError, match="GraniteForCausalLM does not compute its logits by one output layer"
    ):
        gkd.HiddenStates(model)
    bert = BertForMaskedLM(BertConfig(**sizes, intermediate_size=16))  # a transform lies between
    with pytest.raises(ValueError, match="BertForMaskedLM"):
        gkd.HiddenStates(bert)
