"""What models have to store, for the capstone: also what no count of parameters sees."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader


def stored_parameters(models: Iterable[nn.Module], hidden: Iterable[list[Tensor]] = ()) -> int:
    """How many numbers a file of all these models holds: parameters and buffers, be they of four bytes or of one.

    What two models share counts once: a tensor of the same shape and values, as the copies of a base are. hidden: for
    each model tensors that it needs besides (see `first_answers`), which count too.
    """
    seen: dict[tuple[torch.Size, float], list[Tensor]] = {}
    total = 0
    groups = [_tensors(model.state_dict(keep_vars=True)) for model in models] + list(hidden)
    for group in groups:
        alone = {id(tensor): _plain(tensor) for tensor in group}.values()
        keys = [(value.shape, float(value.double().nansum())) for value in alone]
        new = [
            (key, value)
            for key, value in zip(keys, alone, strict=True)
            if not any(torch.equal(value, other) for other in seen.get(key, ()))
        ]
        for key, value in new:
            seen.setdefault(key, []).append(value)
            total += value.numel()
    return total


def _tensors(state: Any) -> list[Tensor]:
    """All tensors in a state dict; PyTorch's quantized layers keep theirs in tuples."""
    if isinstance(state, Tensor):
        return [state]
    parts = state.values() if isinstance(state, Mapping) else state if isinstance(state, list | tuple) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


def _plain(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    return (tensor.dequantize() if tensor.is_quantized else tensor).cpu()


class _Reads(TorchDispatchMode):
    """Collects the tensors that a computation reads and has not made itself, but for `given`."""

    def __init__(self, given: Iterable[Tensor]) -> None:
        super().__init__()
        self.made = {id(tensor): tensor for tensor in given}  # kept, so that no id comes twice
        self.read: dict[int, Tensor] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in tree_leaves((args, kwargs or {})):
            if isinstance(value, Tensor) and id(value) not in self.made:
                self.read[id(value)] = value
        result = function(*args, **(kwargs or {}))
        self.made.update((id(value), value) for value in tree_leaves(result) if isinstance(value, Tensor))
        return result


@torch.no_grad()
def first_answers(model: nn.Module, loader: "DataLoader[Any]") -> tuple[Tensor, Tensor, list[Tensor]]:
    """The logits of the first batch, its labels, and what the model read for it besides its own state.

    Left out are single numbers and what follows from the length alone: positions, rows of zeros or ones.
    """
    state = _tensors(model.state_dict(keep_vars=True))
    device = next((tensor.device for tensor in [*model.parameters(), *state]), torch.device("cpu"))
    batch = {
        name: value.to(device) for name, value in next(iter(loader)).items() if isinstance(value, Tensor)
    }
    model.eval()
    with _Reads(batch.values()) as reads:
        outputs = model(batch["input_ids"], attention_mask=batch["attention_mask"])
    own = {tensor.untyped_storage().data_ptr() for tensor in state if not tensor.is_quantized}
    hidden = [
        tensor
        for tensor in reads.read.values()
        if tensor.untyped_storage().data_ptr() not in own and not _follows_from_length(tensor)
    ]
    return outputs.logits.cpu(), batch["labels"].cpu(), hidden


def _follows_from_length(tensor: Tensor) -> bool:
    if tensor.numel() <= 1 or tensor.is_quantized:
        return tensor.numel() <= 1
    flat = tensor.flatten()
    counted = torch.arange(len(flat), device=flat.device) + flat[0]
    return bool((flat == flat[0]).all()) or bool((flat == counted).all())
