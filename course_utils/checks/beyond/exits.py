"""The exercise on early exiting."""

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, observe_parts
from course_utils.methods import early_exit


def _cases(generator: Generator) -> list[Arguments]:
    """Two layers by hand; a sentence that is sure, unsure, and sure again; nobody sure; all sure; many; an entropy
    that is just the threshold."""
    plain = torch.tensor([[[3.0, -3.0], [0.2, 0.0]], [[0.0, 1.0], [-4.0, 4.0]]])
    sure, unsure = torch.tensor([8.0, 0.0, 0.0]), torch.tensor([0.1, 0.0, 0.2])
    other = torch.tensor([0.0, 0.0, 7.0])
    back = torch.stack([torch.stack(row) for row in ([unsure, sure], [other, unsure], [unsure, other])])
    growing = torch.randn(4, 9, 3, generator=generator) * torch.tensor([0.5, 1.5, 3.0, 6.0]).view(4, 1, 1)
    return [
        {"logits": plain, "threshold": 0.3},
        {"logits": back, "threshold": 0.5},
        {"logits": growing, "threshold": 0.6},
        {"logits": growing, "threshold": 0.0},
        {"logits": growing, "threshold": 5.0},
        {"logits": growing.double() + 3, "threshold": 0.35},
        {"logits": torch.tensor([[[200.0, 0.0]], [[0.0, 200.0]]]), "threshold": 0.0},
    ]


EXIT_LAYERS = Exercise(
    reference=early_exit.exit_layers,
    cases=_cases,
    observe=observe_parts(("layers", "classes")),
    mistakes=edits(
        early_exit.exit_layers,
        (
            {" + 1": ""},
            "the layers are numbered from 0. How many were computed is asked for: the first layer is 1.",
        ),
        (
            {"<": ">"},
            "sentences leave where the entropy is above the threshold. Sure means a small entropy: leave below it.",
        ),
        (
            {"layers = sure": "sure[-1] = ~sure[:-1].any(dim=0)\n    layers = len(sure) - 1 - sure.flip(0)"},
            "that is the last layer that is sure. A sentence leaves at the first, and the rest is not computed.",
        ),
        (
            {".gather(0, layers[None])[0]": "[-1]"},
            "the classes are those of the last layer, which was not computed for all. Take each sentence's class "
            "from the layer where it left.",
        ),
        (
            {"sure[-1] = True": "pass"},
            "a sentence of which no layer is sure leaves at the first. It leaves at the last: set sure[-1] = True.",
        ),
        (
            {"entropy <": "entropy / torch.tensor(2.0).log() <"},
            "the entropy is in bits, with the logarithm of base 2. Take the natural one.",
        ),
        ({"-(log_p": "(log_p"}, "the sign of the entropy is missing: it is minus the sum of p * log p."),
        (
            {"log_softmax(dim=-1)": "log_softmax(dim=1)"},
            "the softmax runs over the sentences. The classes lie along the last dim.",
        ),
        (
            {"entropy <": "logits.softmax(dim=-1).amax(dim=-1) <"},
            "the largest probability is compared with the threshold. Compare the entropy.",
        ),
        ({".sum(": ".mean("}, "the entropy is a mean over the classes. It is their sum."),
        (
            {"sure[-1] =": "sure[:] = sure.all(dim=1, keepdim=True)\n    sure[-1] ="},
            "the sentences leave together, when all are sure. Each leaves on its own.",
        ),
        (
            {"<": "<="},
            "a sentence leaves where its entropy is just the threshold. It leaves below it: <, not <=.",
        ),
        (
            {"layers + 1, classes": "classes, layers + 1"},
            "the two are exchanged: the layers come first, the classes second.",
        ),
        (
            {"logits.argmax(dim=-1).gather(0, layers[None])[0]": "logits[layers, torch.arange(len(layers))]"},
            "those are the logits. The class is where they are largest: argmax.",
        ),
        (
            {"entropy <": "logits.softmax(dim=-1).amax(dim=-1) >"},
            "sentences leave at a large probability. The threshold is one for the entropy: leave below it.",
        ),
        (
            {"< threshold": "== entropy.amin(dim=0)"},
            "that is the surest layer, and to know it all must be computed. A sentence leaves at the first below the "
            "threshold.",
        ),
        (
            {"log_p.exp()": "logits"},
            "the entropy is made of logits times log p. It is made of probabilities: minus the sum of p * log p.",
        ),
        (
            {"log_p =": "logits = logits.transpose(0, 1)\n    log_p ="},
            "layers and sentences are exchanged: logits is (layers, batch, classes).",
        ),
    ),
    advice={
        RESULT: "return two tensors: how many layers were computed for each sentence, and its class.",
        "shape": "one number for each sentence, (batch,), of both kinds.",
        "dtype": "both are whole numbers, torch.int64: .long().",
        "nan": "0 * log 0 is not a number: take log_softmax first, and its exp for the probabilities.",
        "value": "take one sentence, and its entropy layer by layer: the first below the threshold is where it "
        "leaves, else the last.",
    },
)
