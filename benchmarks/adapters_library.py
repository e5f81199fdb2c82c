"""The course's adapters beside those of the `adapters` library: same weights in, same logits and gradients out.

The library pins an older transformers than the course, so it is no dependency. It gets an environment of its own:

    python -m venv build/adapters-venv
    build/adapters-venv/bin/pip install torch adapters
    build/adapters-venv/bin/python benchmarks/adapters_library.py

Measured with adapters 1.3.0, transformers 4.57.6 and torch 2.13.0 on a CPU, on a random BERT of three layers whose
adapters were moved far from their first values (they move a logit by up to 3): the same tensors train in both. For
Houlsby logits and gradients are the same to the last bit; for Pfeiffer a logit differs by 2e-6 at most, a gradient by
1e-6. MAD-X's stack of two is another matter. In the paper both adapters get the residual of the layer; in the library
the second one gets what the first one gave, and its LayerNorm. The two formulas differ (0.9 of a logit here); with its
own formula written out, the library is met within 1e-6.
"""

import copy
import sys
from pathlib import Path

import adapters as library
import torch
import torch.nn.functional as F
from adapters.composition import Stack
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from course_utils.methods import adapters  # noqa: E402

WIDTH, BOTTLENECK = 48, 6
CONFIGS = {"houlsby": library.DoubleSeqBnConfig, "pfeiffer": library.SeqBnConfig}


def base() -> BertForSequenceClassification:
    """A small BERT with random weights."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=60, hidden_size=WIDTH, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=96, max_position_embeddings=20, num_labels=3,
    )  # fmt: skip
    return moved(BertForSequenceClassification(config).eval(), 0.1)


@torch.no_grad()
def moved(model: nn.Module, spread: float) -> nn.Module:
    """The model, its trained parameters moved at random in place: fresh adapters would change nothing."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.add_(torch.randn(parameter.shape) * spread)
    return model


def theirs(model: nn.Module, kind: str, *names: str) -> nn.Module:
    """The library's adapters in a copy of `model`, all of them active: one, or a stack."""
    model = copy.deepcopy(model)
    library.init(model)
    for name in names:
        model.add_adapter(
            name, config=CONFIGS[kind](reduction_factor=WIDTH / BOTTLENECK, non_linearity="relu")
        )
    model.train_adapter(names[-1])
    model.set_active_adapters(Stack(*names))
    return model.eval()


def library_name(name: str, adapter: str) -> str:
    """Our name of an adapter's tensor -> the library's."""
    for ours, other in (("adapter.down.", "adapter_down.0."), ("adapter.up.", "adapter_up.")):
        name = name.replace(ours, f"adapters.{adapter}.{other}")
    return name


def batch() -> dict[str, Tensor]:
    """Six rows of nine tokens, two of them padded."""
    mask = torch.ones(6, 9, dtype=torch.long)
    mask[1, 5:] = mask[4, 3:] = 0
    return {"input_ids": torch.randint(60, (6, 9)), "attention_mask": mask}


def loss_and_logits(model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    """Logits, with the gradients of a loss left in the model."""
    logits = model(**inputs).logits
    F.cross_entropy(logits, torch.arange(6) % 3).backward()
    return logits.detach()


def compare(kind: str) -> None:
    """Print how far logits and gradients of the two libraries are apart for one kind of adapter."""
    plain = base()
    ours = moved(adapters.inject_adapters(copy.deepcopy(plain), BOTTLENECK, kind), 0.5)
    other = theirs(plain, kind, "task")
    state = adapters.adapter_state(ours)
    other.load_state_dict({library_name(name, "task"): value for name, value in state.items()}, strict=False)
    trained = {name for name, p in other.named_parameters() if p.requires_grad}
    assert trained == {library_name(name, "task") for name in state}, sorted(trained)[:4]
    inputs = batch()
    untouched, one, two = (
        plain(**inputs).logits,
        loss_and_logits(ours, inputs),
        loss_and_logits(other, inputs),
    )
    logits = (one - two).abs().max().item()
    gradients = max(
        (ours.get_parameter(n).grad - other.get_parameter(library_name(n, "task")).grad).abs().max().item()
        for n in state
    )
    numbers = sum(value.numel() for value in state.values())
    print(f"{kind:9} {len(state)} tensors, {numbers:,} numbers; largest difference of a logit {logits:.1e},")
    print(
        f"{'':9} of a gradient {gradients:.1e}; the adapters move a logit by {(one - untouched).abs().max():.2f}"
    )
    assert logits < 1e-6 * max(1.0, two.abs().max().item()) and gradients < 1e-5


class PaperStack(nn.Module):
    """MAD-X, equation 3: the task's adapter on the language's, both with the residual of the layer."""

    def __init__(self, language: nn.Module, task: nn.Module) -> None:
        super().__init__()
        self.language, self.task = language, task

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        return self.task(self.language(hidden, residual), residual)


class LibraryStack(PaperStack):
    """What the library computes: LayerNorm between the two, and the first one's output as the second's residual."""

    def __init__(self, language: nn.Module, task: nn.Module, layer_norm: nn.Module) -> None:
        super().__init__(language, task)
        self.layer_norm = layer_norm

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        first = self.language(hidden, residual)
        return self.task(self.layer_norm(first), first)


@torch.no_grad()
def compare_stacks() -> None:
    """Print the same for a language adapter with a task adapter stacked on it."""
    plain, inputs = base(), batch()
    models = [
        moved(adapters.inject_adapters(copy.deepcopy(plain), BOTTLENECK, "pfeiffer"), 0.3) for _ in "ab"
    ]
    head = plain.state_dict()
    for model in models:
        model.load_state_dict({name: head[name] for name in ("classifier.weight", "classifier.bias")}, False)
    other = theirs(plain, "pfeiffer", "language", "task")
    for name, model in zip(("language", "task"), models, strict=True):
        state = adapters.adapter_state(model)
        other.load_state_dict({library_name(key, name): value for key, value in state.items()}, strict=False)
    expected = other(**inputs).logits
    places = [adapters.adapted_outputs(model).values() for model in models]
    pairs = [(place, place.adapter, second.adapter) for place, second in zip(*places, strict=True)]
    for name, make in (("paper's", PaperStack), ("library's", LibraryStack)):
        for place, language, task in pairs:
            norm = (place.LayerNorm,) if make is LibraryStack else ()
            place.adapter = make(language, task, *norm)
        apart = (models[0](**inputs).logits - expected).abs().max().item()
        print(f"stack, the {name} formula against the library: largest difference of a logit {apart:.1e}")
    assert apart < 1e-6 * max(1.0, expected.abs().max().item())


if __name__ == "__main__":
    for kind in CONFIGS:
        compare(kind)
    compare_stacks()
