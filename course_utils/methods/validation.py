"""What methods ask of their arguments, kept apart from what they do: the notebooks show the functions without it."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Given = dict[str, Any]
Method = TypeVar("Method", bound=Callable[..., Any])

LARGEST_ID = 100_000_000  # a teacher's cache has a row for each id up to the largest
VERY_LOW = -1e30  # a logit whose probability is exactly 0, and which stays finite under a temperature


def checked(*checks: Callable[[Given], None]) -> Callable[[Method], Method]:
    """Decorate a method: before each call, each of `checks` gets the arguments by name, defaults too.

    It raises ValueError where they do not fit, before anything was changed, or puts others in their place.
    """

    def decorate(method: Method) -> Method:
        signature = inspect.signature(method)

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            for check in checks:
                check(bound.arguments)
            return method(*bound.args, **bound.kwargs)

        return call  # type: ignore[return-value]

    return decorate


def kind_of(model: Any) -> str:
    """The name of a model's class, as an error message names it."""
    return type(model).__name__


def in_float32(tensor: Tensor) -> Tensor:
    """float16 and bfloat16 as float32, since sums over a batch overflow or stall there; other dtypes as they are."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def same_shape(given: Given) -> None:
    """The first two arguments, of the student and of the teacher, have one shape. Both are summed in float32.

    Without this check (4, 1) against (4, 3) would be stretched to (4, 3), and give a number that means nothing.
    """
    (one, student), (other, teacher) = list(given.items())[:2]
    if student.shape != teacher.shape:
        raise ValueError(
            f"{one} has the shape {tuple(student.shape)} and {other} has the shape {tuple(teacher.shape)}, but a "
            "loss compares number with number. Student and teacher need the same rows in the same order, "
            "and the same number of classes (words of the vocabulary, features, or heads)."
        )
    given[one], given[other] = in_float32(student), in_float32(teacher)


def same_shape_and_mask(given: Given) -> None:
    """As `same_shape`; and the attention mask, (batch, length), has the student's batch and length."""
    same_shape(given)
    mask_fits(given)


def mask_fits(given: Given) -> None:
    """The attention mask, (batch, length), has the batch and the length of the first argument."""
    name, student = next(iter(given.items()))
    mask = given["attention_mask"]
    wanted = (student.shape[0], student.shape[-2])
    if tuple(mask.shape) != wanted:
        raise ValueError(
            f"attention_mask has the shape {tuple(mask.shape)}, but {name} has the shape {tuple(student.shape)}, so "
            f"the mask must be (batch, length) = {wanted}. Pass the mask of the same batch."
        )


def two_distributions(given: Given) -> None:
    """As `same_shape`, for logits that a softmax turns into probabilities, at a temperature above 0.

    Where the teacher rules a class out with -inf (as a teacher that keeps only its top k does) the divergence has the
    term 0 log 0 = 0. A very low finite logit gives that; -inf would give 0 * inf, which is NaN.
    """
    same_shape(given)
    if given.get("temperature", 1) <= 0:
        raise ValueError(f"temperature must be above 0, and it is {given['temperature']}. 1 changes nothing.")
    (one, student), (other, teacher) = list(given.items())[:2]
    ruled_out = teacher.detach().isneginf()
    if not ruled_out.any():
        return
    if ruled_out.all(dim=-1).any():
        row = tuple(ruled_out.all(dim=-1).nonzero()[0].tolist())
        raise ValueError(
            f"{other} is -inf for every class in row {row}, so there is nothing to learn from it."
        )
    given[one] = student.masked_fill(ruled_out & student.detach().isneginf(), VERY_LOW)
    given[other] = teacher.masked_fill(ruled_out, VERY_LOW)


def has_no_nan(name: str, rows: Tensor) -> None:
    """Raise ValueError where a row of a teacher's logits is NaN, as a cache's is where no example has the id."""
    if (missing := rows.detach().isnan()).any():
        raise ValueError(
            f"{name} is NaN in row {int(missing.nonzero()[0, 0])} of the batch. A cached teacher has NaN for every id "
            "that it was never asked about: cache the teacher over all rows that the student trains on."
        )


def each_id_once(given: Given) -> None:
    """Watch the ids of the loader's batches as they come: none twice, none below 0, none too large for a table."""
    teacher = given["teacher"]
    given["loader"] = _watched(given["loader"], partial(teacher.train, teacher.training))


def _watched(loader: Iterable[dict[str, Tensor]], restore: Callable[[], Any]) -> Iterator[dict[str, Tensor]]:
    seen: set[int] = set()
    for batch in loader:
        if problem := _id_problem(batch, seen):
            restore()
            raise ValueError(
                f"{problem} The cache keeps one row for each id, so every example needs an id of its own: "
                'number the rows once, for example with dataset.add_column("id", range(len(dataset))).'
            )
        seen.update(batch["id"].tolist())
        yield batch
    if not seen:
        restore()
        raise ValueError(
            "The loader gave no batch, so there is nothing to cache. Is its data set empty, or is it a generator that "
            "was read before?"
        )


def _id_problem(batch: dict[str, Tensor], seen: set[int]) -> str | None:
    if "id" not in batch:
        return f"The loader's batches have no id, only {', '.join(batch)}."
    if not isinstance(batch["id"], Tensor) or batch["id"].is_floating_point():
        return f"The ids of the loader's batches are no whole numbers, but {batch['id'][:1]} and so on."
    here: set[int] = set()
    for number in batch["id"].tolist():
        if number in seen or number in here:
            return f"Two examples have the id {number}."
        if number < 0:
            return f"An example has the id {number}, which is below 0."
        if number >= LARGEST_ID:
            return f"An example has the id {number}; the largest allowed is {LARGEST_ID - 1:,}."
        here.add(number)
    return None


def examples_are_cached(given: Given) -> None:
    """The cache of a teacher holds every example of the batch, with as many tokens as the batch has."""
    cached, batch = given["cached"], given["batch"]
    ids, tokens = batch["id"].cpu(), batch["attention_mask"].sum(dim=1).cpu()
    known = (ids >= 0) & (ids < len(cached.starts))
    known &= cached.starts[ids.where(known, 0)] >= 0
    if not known.all():
        raise ValueError(
            f"The teacher was never asked about the example with the id {int(ids[~known][0])}. Cache it over all rows "
            "that the student trains on."
        )
    if (other := cached.lengths[ids] != tokens).any():
        row = int(other.nonzero()[0])
        raise ValueError(
            f"The example with the id {int(ids[row])} has {int(tokens[row])} tokens here, and had "
            f"{int(cached.lengths[ids[row]])} when the teacher read it. Use one tokenizer and one max_length for both."
        )


def no_deeper_student(given: Given) -> None:
    """A layer map needs a teacher at least as deep as the student."""
    student, teacher = given["student_layers"], given["teacher_layers"]
    if not 1 <= student <= teacher:
        raise ValueError(
            f"The student has {student} layers and the teacher has {teacher}. Each of the student's layers learns "
            "from a layer of its own, so the student must have at least one, and no more than the teacher."
        )


def states_fit(given: Given) -> None:
    """Hidden states of one batch, of one width after the projection; the mask fits. All are summed in float32."""
    weight, student, teacher = given["projection"], given["student_hidden"], given["teacher_hidden"]
    mask_fits(given)
    if weight is None:
        same_shape(given)
        return
    if student.shape[:2] != teacher.shape[:2] or weight.shape != (teacher.shape[-1], student.shape[-1]):
        raise ValueError(
            f"student_hidden has the shape {tuple(student.shape)}, teacher_hidden {tuple(teacher.shape)} and the "
            f"projection {tuple(weight.shape)}. Both hidden states must be (batch, length, own width) of the same "
            "batch, and the projection (teacher width, student width)."
        )
    given.update(
        {name: in_float32(given[name]) for name in ("student_hidden", "teacher_hidden", "projection")}
    )


def attention_as_in_bert(given: Given) -> None:
    """Every layer of the model has a query and a key that read the hidden state, as in BERT and RoBERTa.

    A further module (a LayerNorm before the attention, a table of relative positions) would change the scores.
    """
    model, width = given["model"], given["model"].config.hidden_size
    encoder = getattr(model.base_model, "encoder", nn.Module())
    plain = set(encoder._modules) == {"layer"}
    for layer in getattr(encoder, "layer", [None]):
        attention = getattr(layer, "attention", nn.Module())
        parts = getattr(attention, "self", nn.Module())._modules
        plain &= set(attention._modules) == {"self", "output"}
        plain &= set(parts) == {"query", "key", "value", "dropout"}
        if not plain or getattr(parts["query"], "in_features", width) != width:
            raise ValueError(
                f"{kind_of(model)} computes its attention in another way than BERT, without a query and a key that "
                "read the hidden state, so its scores are not at hand. Take a BERT or a RoBERTa, or leave the "
                "attention loss out."
            )


def one_stack_of_layers(given: Given) -> None:
    """The model is no encoder-decoder, whose outputs name two lists of hidden states."""
    model = given["student"] if "student" in given else given["teacher"]
    if getattr(model.config, "is_encoder_decoder", False):
        raise ValueError(
            f"{kind_of(model)} has an encoder and a decoder, so it is not known which hidden states are meant. "
            "Take a model with one stack of layers, such as BERT."
        )


def layers_fit(given: Given) -> None:
    """A layer map names for every layer of the student a layer that the teacher has; the student has a projection."""
    layers = list(given["layers"])
    mine, theirs = len(given["student_hidden"]) - 1, len(given["teacher_hidden"]) - 1
    if len(layers) != mine or not all(1 <= layer <= theirs for layer in layers):
        raise ValueError(
            f"The layer map is {layers}, but the student has {mine} layers and the teacher has layers 1 to {theirs}. "
            "It needs one of the teacher's layers for each of the student's: see layer_map."
        )
    if not hasattr(given["student"], "projection"):
        raise ValueError("The student has no projection to the teacher's width. Call add_projection first.")
