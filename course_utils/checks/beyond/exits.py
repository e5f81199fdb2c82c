"""The exercise on leaving early out of a batch."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from course_utils.checks.compare import describe
from course_utils.checks.edits import edits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import early_exit

WORK, STRAYED = "sentences in each layer", "sentences whose index is another's"
LAYERS, CLASSES = "layers", "classes"


def _cases(generator: Generator) -> list[Arguments]:
    """Two layers by hand; a sentence that is sure, unsure, and sure again; nobody sure; all sure; many; an entropy
    that is just the threshold. `logits`, (layers, batch, classes), is what the classifiers will say."""
    plain = torch.tensor([[[3.0, -3.0], [0.2, 0.0]], [[0.0, 1.0], [-4.0, 4.0]]])
    sure, unsure = torch.tensor([8.0, 0.0, 0.0]), torch.tensor([0.1, 0.0, 0.2])
    other = torch.tensor([0.0, 0.0, 7.0])
    back = torch.stack([torch.stack(row) for row in ([unsure, sure], [other, unsure], [unsure, other])])
    growing = torch.randn(4, 9, 3, generator=generator) * torch.tensor([0.5, 1.5, 3.0, 6.0]).view(4, 1, 1)
    sure_of_all = torch.tensor([[[200.0, 0.0]], [[0.0, 200.0]]])
    return [
        {"logits": plain, "threshold": 0.3},
        {"logits": back, "threshold": 0.5},
        {"logits": growing, "threshold": 0.6},
        {"logits": growing, "threshold": 1.0},
        {"logits": growing, "threshold": 0.0},
        {"logits": growing, "threshold": 5.0},
        {"logits": sure_of_all, "threshold": 0.0},
        {"logits": sure_of_all, "threshold": 0.3},
    ]


def _observe(function: Function, arguments: Arguments) -> Observations:
    """With layers that only count, and classifiers that read off what they shall say: a sentence's hidden states are
    its index, and how many layers it went through."""
    logits, work, strayed = arguments["logits"].clone(), list[str](), list[str]()
    depth, batch = logits.shape[:2]

    def layer_of(number: int) -> Callable[[Tensor, Tensor], Tensor]:
        def layer(hidden: Tensor, rows: Tensor) -> Tensor:
            sentences = hidden[:, 0, 0].long().tolist()
            work.append(f"{number}: {sorted(sentences)}")  # in any order
            if torch.as_tensor(rows).tolist() != sentences:
                strayed.append(f"layer {number}")
            return hidden + torch.tensor([0.0, 1.0])

        return layer

    def classifier_of(number: int) -> Callable[[Tensor], Tensor]:
        def classify(hidden: Tensor) -> Tensor:
            said = logits[number - 1, hidden[:, 0, 0].long()]
            return torch.where(hidden[:, 0, 1:2] == number, said, -said)  # after its own layer alone

        return classify

    hidden = torch.stack([torch.arange(batch), torch.zeros(batch)], dim=1)[:, None].repeat(1, 2, 1)
    layers = [layer_of(number) for number in range(1, depth + 1)]
    given = hidden.clone()
    value = function(given, layers, list(map(classifier_of, range(1, depth + 1))), arguments["threshold"])
    pair = isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(v, Tensor) for v in value)
    return {
        INPUTS_CHANGED: None if torch.equal(given, hidden) else "hidden",
        RESULT: "two tensors" if pair else describe(value),
        LAYERS: value[0] if pair else None,
        CLASSES: value[1] if pair else None,
        STRAYED: ", ".join(strayed) or "none",
        WORK: ", ".join(work),
    }


_SURE = "entropy(logits) < threshold"
_SHRINK = "hidden, rows = hidden[~leaves], rows[~leaves]"
_ALL_THE_WAY = (
    "every sentence goes through every layer, and nothing is saved. Take who left out of hidden and rows."
)
_KEPT = {_SURE: f"({_SURE}) & (computed == 0)", "torch.ones_like(leaves)": "computed == 0", _SHRINK: "pass"}

LEAVE_EARLY = Exercise(
    reference=early_exit.leave_early,
    cases=_cases,
    observe=_observe,
    mistakes=edits(
        early_exit.leave_early,
        {
            "hidden = layer(hidden, rows)\n        logits = classify(hidden)": "logits = classify(hidden)\n        "
            "hidden = layer(hidden, rows)"
        },
        "the classifier reads what goes into its layer. It reads what comes out.",
        {"classify(hidden)": "classifiers[0](hidden)"},
        "the first classifier is asked each time. Each layer has its own.",
        {"] = number": "] = number - 1"},
        "layers are numbered from 0. The first layer counts as one.",
        {"< threshold": "> threshold"},
        "sentences leave where the entropy is above the threshold. Sure means a small entropy: leave below it.",
        {"< threshold": "<= threshold"},
        "an entropy that is just the threshold is not below it: <, not <=.",
        {"torch.ones_like(leaves)": "leaves"},
        "a sentence of which no layer is sure never gets an answer. At the last layer all that are left leave.",
        {
            "computed[rows[leaves]]": "computed[:len(rows)][leaves]",
            "classes[rows[leaves]]": "classes[:len(rows)][leaves]",
        },
        "an answer lands at the sentence's place in the smaller batch. `rows` tells which sentence of the whole "
        "batch it is.",
        {
            f"{name}[rows[leaves]]": f"{name}[-len(rows) :][: leaves.sum()]"
            for name in ("computed", "classes")
        },
        "the answers stand in the order in which the sentences left. Put each at the sentence's place in the "
        "batch: `rows` tells it.",
        {"layer(hidden, rows)": "layer(hidden, torch.arange(len(hidden)))"},
        "the layer is told the places in the smaller batch. It needs the indices in the whole batch.",
        {"hidden[~leaves], rows[~leaves]": "hidden[leaves], rows[leaves]"},
        "those that left go on, and the rest is dropped.",
        _KEPT,
        _ALL_THE_WAY,
        {**_KEPT, "if not len(rows)": "if computed.all()"},
        _ALL_THE_WAY,
        {"if not len(rows):\n            break": "pass"},
        "layers are called with nobody left. Stop when the batch is empty.",
        {"entropy(logits)": "-(logits.softmax(-1) * logits.softmax(-1).log()).sum(-1)"},
        "where a probability is 0, 0 * log(0) is NaN, and NaN is below no threshold. entropy(logits) can do it.",
        {_SURE: f"({_SURE}).all().expand(len(rows))"},
        "the sentences leave together, when all are sure. Each leaves on its own.",
        {_SURE: f"({_SURE}).any().expand(len(rows))"},
        "all leave as soon as one is sure. Each leaves on its own.",
        {"entropy(logits)": "logits.softmax(dim=-1).amax(dim=-1)"},
        "the largest probability is compared with the threshold. Compare the entropy.",
        {"entropy(logits)": "entropy(logits.softmax(dim=-1))"},
        "`entropy` takes logits, and takes their softmax itself. It got probabilities.",
        {"computed, classes\n": "classes, computed\n"},
        "the two are exchanged: the layers come first, then the classes.",
    ),
    advice={
        RESULT: "return two tensors: how many layers were computed for each sentence, and its class.",
        "shape": "one number for each sentence of the whole batch, (batch,), of both kinds.",
        "dtype": "both are whole numbers, torch.int64.",
        "value": "take one sentence, and follow it: it leaves at the first layer whose entropy is below the threshold, "
        "else at the last, with the class that this layer's classifier says.",
        WORK: "the answers are right. But each layer is called once, with exactly the sentences that have not left, "
        "and not at all where nobody is left.",
        STRAYED: "hidden and rows do not belong together. Shrink both in the same way.",
        "IndexError": "a mask and what it picks from differ in length: hidden, rows and leaves shrink together.",
    },
)
