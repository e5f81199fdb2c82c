"""Exercises on what the forward pass keeps: whatever is run, by autograd's own account, and a block by hand."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
    observe_number,
    plain_int,
)
from course_utils.methods import memory

CALLS, LATER = "how often run is called", "gradient that run's result gives later"
THEMSELVES = "what backward gets is what was saved"

# --- saved_bytes ---


def _runs(generator: Generator) -> list[Arguments]:
    """What each saves: a tensor twice; with and without what is present; views; views of what is present; half
    precision; nothing."""
    x = torch.randn(3, 5, generator=generator, requires_grad=True)
    weight = torch.randn(4, 5, generator=generator, requires_grad=True)
    half = torch.randn(6, generator=generator).to(torch.bfloat16).requires_grad_()

    def square() -> Tensor:
        return x * x

    def linear() -> Tensor:
        return F.linear(x, weight)

    def two_views() -> Tensor:
        wide = torch.sin(x)
        return wide[0] * wide[2]

    def part_of_weight() -> Tensor:
        return F.linear(x, weight[1:])

    def in_half_precision() -> Tensor:
        return torch.exp(half)

    def sum_alone() -> Tensor:
        return x.sum() + weight.sum()

    runs = [(square, ()), (linear, ()), (linear, (weight,)), (two_views, (weight,))]
    runs += [(part_of_weight, (weight,)), (in_half_precision, ()), (sum_alone, ())]
    return [{"run": run, "present": list(present)} for run, present in runs]


def _observe_saved(function: Function, arguments: Arguments) -> Observations:
    """The bytes; and whether the graph that was recorded still works."""
    results: list[Tensor] = []
    present = arguments["present"]
    before = [tensor.detach().clone() for tensor in present]

    def run() -> Tensor:
        results.append(arguments["run"]().sum())
        return results[-1]

    run.__name__ = arguments["run"].__name__
    value = plain_int(function(run, list(present)))
    changed = not all(map(torch.equal, before, present))
    with torch.no_grad():
        for tensor, old in zip(present, before, strict=True):
            tensor.copy_(old)  # the next answer gets it too
    seen: Observations = {INPUTS_CHANGED: "present" if changed else None, RESULT: value, CALLS: len(results)}
    if not results or changed:
        return seen
    try:
        themselves = _saved_themselves(results[0])
        results[0].backward(inputs=(leaf := _leaf(results[0])))
        seen[LATER], leaf.grad = leaf.grad, None
        seen[THEMSELVES] = themselves
    except (RuntimeError, TypeError, AttributeError) as error:
        seen[LATER] = type(error).__name__
    return seen


def _saved_themselves(result: Tensor) -> bool:
    """Whether the leaves that autograd saved are the leaves, in their own memory, and no copies of them."""
    nodes: list[Any] = [result.grad_fn]
    leaves: set[int] = set()
    for node in nodes:  # grows meanwhile
        nodes += [function for function, _ in node.next_functions if function is not None]
        if hasattr(node, "variable"):
            leaves.add(node.variable.untyped_storage().data_ptr())
    kept = [getattr(node, name) for node in nodes for name in dir(node) if name.startswith("_saved_")]
    kept = [tensor.untyped_storage().data_ptr() for tensor in kept if isinstance(tensor, Tensor)]
    return not kept or bool(leaves.intersection(kept))


def _leaf(result: Tensor) -> Any:
    """The first tensor that the graph of the result ends in."""
    node: Any = result.grad_fn
    while not hasattr(node, "variable"):
        node = next(function for function, _ in node.next_functions if function is not None)
    return node.variable


_SAVE = "saved[storage.data_ptr()] = storage"

SAVED_BYTES = Exercise(
    reference=memory.saved_bytes,
    cases=_runs,
    observe=_observe_saved,
    mistakes=edits(
        memory.saved_bytes,
        {_SAVE: "saved[storage.data_ptr(), len(saved)] = storage", "if address not": "if address[0] not"},
        "what is saved twice is counted twice. Keep the storages by their address: each counts once.",
        {_SAVE: "saved[tensor.data_ptr()] = storage"},
        "two views of one memory are counted as two. A tensor's address is that of its first entry; that of its "
        "memory is tensor.untyped_storage().data_ptr().",
        {"= storage\n": "= tensor\n", "storage.nbytes() for": "storage.nbytes for"},
        "a view is counted with its own entries only, or several in place of one. It keeps all of its memory "
        "alive: count storage.nbytes().",
        {" if address not in counted": ""},
        "what is present is counted too. Leave out the storages of these tensors.",
        {"storage.nbytes() for": "storage.nbytes() // 4 for"},
        "those are entries, or too few bytes. storage.nbytes() knows how many bytes an entry has.",
        {"with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)": "if True"},
        "nothing is counted: pack is never called. The hooks hold only within `with "
        "torch.autograd.graph.saved_tensors_hooks(pack, unpack):`, so run() belongs in there.",
        {"        run()": "        pass"},
        "run is never called, so there is nothing to see.",
        {"        run()": "        with torch.no_grad(): run()"},
        "no_grad() makes autograd keep nothing.",
        {"        run()": "        run(), run()"},
        "run is called twice, and the second run saves as much again.",
        {"        return tensor": "        return None"},
        "the bytes are right, but backward cannot work any more: what pack returns is what autograd keeps, "
        "and what unpack returns is what backward gets. Return the tensor in both.",
        {"        return tensor": "        return tensor.clone()"},
        "the bytes are right, but pack or unpack returns a copy. What pack returns is what autograd keeps, so "
        "measuring takes as much memory again. Return the tensor itself in both.",
        {"return sum(": "return 1e-6 * sum("},
        "those are MB. Return bytes, a whole number.",
    ),
    advice={
        "type": "return a whole number of bytes.",
        "value": "the bytes are not right. Each storage that pack meets counts once, with storage.nbytes(), unless a "
        "tensor of present lies in it.",
        CALLS: "call run() once, within the hooks.",
        LATER: "the bytes are right, but the graph of the run does not work any more. pack and unpack should return "
        "the tensor that they get.",
    },
)

# --- block_activations ---


def _block_cases(_: Generator) -> list[Arguments]:
    """Sizes of which no two agree, so that no slip hides behind another."""
    values = (
        (1, 2, 3, 1, 4, True),
        (2, 5, 8, 2, 4, True),
        (2, 5, 8, 2, 4, False),
        (3, 16, 12, 4, 2, False),
        (16, 64, 128, 4, 4, True),
    )
    names = ("batch", "length", "hidden", "heads", "bytes_each", "fused")
    return [dict(zip(names, value, strict=True)) for value in values]


BLOCK_ACTIVATIONS = Exercise(
    reference=memory.block_activations,
    cases=_block_cases,
    observe=observe_number,
    mistakes=edits(
        memory.block_activations,
        {" * bytes_each": ""},
        "these are numbers, not bytes: multiply by bytes_each.",
        {"batch * ": ""},
        "that is one text. Multiply by the batch.",
        {" if fused else heads * length": ""},
        "fused is not used. Where it is False, attention keeps heads * length numbers a token.",
        {"heads if fused else ": ""},
        "fused is not used. Where it is True, attention keeps one number for each head and token.",
        {"if fused": "if not fused"},
        "fused is turned round: the whole matrix is kept where it is False.",
        {"heads * ": ""},
        "each head has a matrix of its own: heads * length numbers a token.",
        {" + 2 * 2": ""},
        "the two LayerNorms keep 2 numbers a token each, besides their inputs.",
        {"2 * 2": "2"},
        "there are two LayerNorms in a block, and each keeps 2 numbers a token.",
        {"* 4": "* 1"},
        "the feed-forward part is four times as wide: 4 * hidden numbers go into GELU, and 4 * hidden come out.",
        {"2 * 4": "4"},
        "GELU's input and its output are both kept: the one for GELU's own gradient, the other for that of the "
        "linear layer after it.",
        {"8 +": "5 +"},
        "query, key and value are three tensors of hidden numbers a token.",
        {"8 +": "7 +"},
        "a vector of hidden numbers is missing: the block's input, attention's output, the input of either "
        "LayerNorm, or what the first one gives.",
        {"8 +": "6 +"},
        "two vectors of hidden numbers are missing. Without query, key, value and the wide ones there are five: "
        "the block's input, attention's output, both LayerNorms' inputs, what the first gives.",
        {" + 2 * 4": ""},
        "the feed-forward part is missing: 4 * hidden numbers go into GELU, and 4 * hidden come out.",
        {"2 * 2": "2 * 2 * hidden"},
        "the numbers that a LayerNorm keeps besides its input are single: 2 a token, not 2 vectors.",
        {"+ attention": "+ attention // heads"},
        "heads is not used: attention keeps its numbers for each head.",
        {" + attention": ""},
        "what attention keeps besides its vectors is missing: heads numbers a token if fused, else heads * length.",
        {
            " + attention": "",
            "return ": "return (",
            "length * numbers_a_token": "length * numbers_a_token + attention)",
        },
        "what attention keeps is for each token too: it belongs into the bracket that is multiplied by batch * length.",
        {"heads * length": "heads * length**2"},
        "the matrix has length * length numbers a head and text, and batch * length is outside the bracket "
        "already: inside, heads * length.",
        {"return": "return 1.0 *"},
        "a count of bytes is a whole number: an int. Use * and +.",
    ),
    advice={
        "type": "return a whole number (an int). .item() makes one of a tensor with one entry.",
        "value": "count by the list above the exercise: 8 times hidden and twice 4 * hidden, 2 for each of the two "
        "LayerNorms, and the attention's; all of it for each token, and times bytes_each.",
    },
)
