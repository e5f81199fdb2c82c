"""Notebook 00: what it writes by hand is what the libraries and `training.fit` do."""

import ast

import nbformat
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import get_linear_schedule_with_warmup

from course_utils import data, models, paths, training
from course_utils.checks.edits import edited
from course_utils.methods import first_steps

NOTEBOOK = paths.ROOT / "notebooks" / "00_start_here.ipynb"
EPOCHS, RATE = 5, 5e-2


@pytest.fixture(scope="module")
def shown() -> dict:
    """The classes and functions that the notebook defines, with its imports, and the exercises solved."""
    namespace = {**vars(first_steps), "device": models.device()}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells[4:]:
        if cell.cell_type != "code" or "@exercise" in cell.source:
            continue
        kept = [
            node
            for node in ast.parse(cell.source).body
            if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
        ]
        exec(compile(ast.Module(kept, []), str(NOTEBOOK), "exec"), namespace)
    return namespace


@pytest.fixture(scope="module")
def loader():
    tokenizer = models.load_tokenizer("encoder")
    rows = data.tokenize(data.load("sentiment")["train"].select(range(120)), tokenizer)
    return data.make_loader(rows, tokenizer, batch_size=16, shuffle=True, seed=0)


def new_model(shown: dict) -> nn.Module:
    """With vectors so long that gradients are longer than 1, and are clipped."""
    torch.manual_seed(0)
    model = shown["AverageClassifier"](4096, 16, 3)
    nn.init.normal_(model.embedding.weight, std=10)
    return model


def run(shown: dict, loader, train=first_steps.train) -> tuple[list[float], nn.Module]:
    """The losses of a loop with the notebook's loss, and the trained model."""
    model = new_model(shown).to(models.device())
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0, fused=True)
    steps = EPOCHS * len(loader)
    schedule = get_linear_schedule_with_warmup(optimizer, int(0.1 * steps), steps)
    return train(model, loader, shown["loss_of"], optimizer, schedule, EPOCHS), model


def test_the_loop_is_fit(shown, loader):
    losses, model = run(shown, loader)
    fitted = new_model(shown)
    history = training.fit(
        fitted, loader, steps=EPOCHS * len(loader), learning_rate=RATE, weight_decay=0.0, progress=False
    )
    assert len(losses) == EPOCHS * len(loader) and losses[-1] < 0.9 * losses[0] and not model.training
    assert losses == pytest.approx(history.losses, abs=1e-6)
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, fitted.state_dict()[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "part", ["optimizer.zero_grad()", "nn.utils.clip_grad_norm_(model.parameters(), 1.0)", "schedule.step()"]
)
def test_a_loop_that_lacks_a_part_is_not_fit(shown, loader, part):
    """The comparison above would notice: each part of the loop changes the losses."""
    broken, _ = run(shown, loader, edited(first_steps.train, {part: "pass"}))
    whole, _ = run(shown, loader)
    assert max(abs(one - other) for one, other in zip(broken, whole, strict=True)) > 1e-3


def test_the_linear_layer_of_the_notebook_learns_both_its_tensors(shown):
    layer = shown["Linear"](5, 3)
    layer(torch.randn(4, 5)).sum().backward()
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {"weight": (3, 5), "bias": (3,)}
    assert all(p.grad is not None for p in layer.parameters())


def test_what_lies_in_the_padding_does_not_matter(shown):
    model = new_model(shown)
    ids, mask = torch.randint(1, 4096, (2, 6)), torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]])
    others = torch.where(mask == 1, ids, torch.randint(1, 4096, (2, 6)))
    assert torch.equal(model(ids, mask).logits, model(others, mask).logits)
    alone = model(ids[:1, :3], mask[:1, :3]).logits
    torch.testing.assert_close(model(ids, mask).logits[:1], alone)


def test_the_cross_entropy_is_pytorchs():
    logits, labels = 300 * torch.randn(8, 3), torch.arange(8) % 3
    torch.testing.assert_close(first_steps.cross_entropy(logits, labels), F.cross_entropy(logits, labels))


def test_the_error_of_the_slope_shrinks_with_the_square_of_the_step():
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    errors = [
        (first_steps.slope(torch.sin, x, step) - torch.cos(x)).abs().max().item() for step in (0.2, 0.1)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.01)


def test_accuracy_is_evaluates(shown, loader):
    model = new_model(shown).to(models.device())
    predicted, labels = shown["predict"](model, loader)
    assert first_steps.accuracy(predicted, labels) == pytest.approx(training.evaluate(model, loader))


@pytest.mark.parametrize("shape", [(3, 1), (3, 2), (2,), (0,)], ids=str)
def test_an_accuracy_of_what_does_not_belong_together_is_refused(shape):
    """(3,) against (3, 1) would be stretched to nine comparisons."""
    with pytest.raises(ValueError, match="one label for each prediction"):
        first_steps.accuracy(torch.ones(shape), torch.ones(0 if shape == (0,) else 3))
