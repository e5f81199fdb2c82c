"""The exercise on early exiting."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import RESULT, Arguments, Exercise, Mistake, observe_parts, slips
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


def _loose(
    logits: Tensor,
    threshold: float,
    *,
    from_zero: bool = False,
    turned_round: bool = False,
    last_sure: bool = False,
    classes_of_last: bool = False,
    no_last: bool = False,
    bits: bool = False,
    not_negated: bool = False,
    over_batch: bool = False,
    probability: bool = False,
    mean_entropy: bool = False,
    all_or_none: bool = False,
    itself_too: bool = False,
) -> tuple[Tensor, Tensor]:
    log_p = logits.log_softmax(dim=1 if over_batch else -1)
    terms = log_p.exp() * log_p
    entropy = terms.mean(dim=-1) if mean_entropy else terms.sum(dim=-1)
    entropy = entropy if not_negated else -entropy
    if bits:
        entropy = entropy / torch.log(torch.tensor(2.0))
    if probability:
        sure = logits.softmax(dim=-1).amax(dim=-1) < threshold
    else:
        sure = entropy > threshold if turned_round else entropy < threshold
        sure = sure | (entropy == threshold) if itself_too else sure
    if all_or_none:
        sure = sure.all(dim=1, keepdim=True).expand_as(sure).clone()
    if not no_last:
        sure[-1] = True
    count = len(logits)
    first = sure.int().argmax(dim=0)
    if last_sure:
        kept = sure.clone()
        kept[-1] = ~sure[:-1].any(dim=0)
        first = count - 1 - kept.flip(0).int().argmax(dim=0)
    places = torch.full_like(first, count - 1) if classes_of_last else first
    classes = logits.argmax(dim=-1).gather(0, places[None])[0]
    return first + (0 if from_zero else 1), classes


def _leave(logits: Tensor, sure: Tensor) -> tuple[Tensor, Tensor]:
    """The first layer that is sure, else the last."""
    first = torch.cat([sure[:-1], torch.ones_like(sure[-1:])]).int().argmax(dim=0)
    return first + 1, logits.argmax(dim=-1).gather(0, first[None])[0]


EXIT_LAYERS = Exercise(
    reference=early_exit.exit_layers,
    cases=_cases,
    observe=observe_parts(("layers", "classes")),
    mistakes=slips(
        _loose,
        {
            "from_zero": "the layers are numbered from 0. How many were computed is asked for: the first layer is 1.",
            "turned_round": "sentences leave where the entropy is above the threshold. Sure means a small "
            "entropy: leave "
            "below it.",
            "last_sure": "that is the last layer that is sure. A sentence leaves at the first, and the rest is "
            "not computed.",
            "classes_of_last": "the classes are those of the last layer, which was not computed for all. Take "
            "each sentence's "
            "class from the layer where it left.",
            "no_last": "a sentence of which no layer is sure leaves at the first. It leaves at the last: set "
            "sure[-1] = True.",
            "bits": "the entropy is in bits, with the logarithm of base 2. Take the natural one.",
            "not_negated": "the sign of the entropy is missing: it is minus the sum of p * log p.",
            "over_batch": "the softmax runs over the sentences. The classes lie along the last dim.",
            "probability": "the largest probability is compared with the threshold. Compare the entropy.",
            "mean_entropy": "the entropy is a mean over the classes. It is their sum.",
            "all_or_none": "the sentences leave together, when all are sure. Each leaves on its own.",
            "itself_too": "a sentence leaves where its entropy is just the threshold. It leaves below it: <, not <=.",
        },
        Mistake(
            lambda logits, threshold: early_exit.exit_layers(logits, threshold)[::-1],
            "the two are exchanged: the layers come first, the classes second.",
        ),
        Mistake(
            lambda logits, threshold: (
                early_exit.exit_layers(logits, threshold)[0],
                logits.gather(
                    0,
                    (early_exit.exit_layers(logits, threshold)[0] - 1)[None, :, None].expand_as(logits[:1]),
                )[0],
            ),
            "those are the logits. The class is where they are largest: argmax.",
        ),
        Mistake(
            lambda logits, threshold: _leave(logits, logits.softmax(dim=-1).amax(dim=-1) > threshold),
            "sentences leave at a large probability. The threshold is one for the entropy: leave below it.",
        ),
        Mistake(
            lambda logits, threshold: _leave(
                logits, early_exit.entropy(logits) == early_exit.entropy(logits).amin(dim=0)
            ),
            "that is the surest layer, and to know it all must be computed. A sentence leaves at the first below the "
            "threshold.",
        ),
        Mistake(
            lambda logits, threshold: _leave(
                logits, -(logits * logits.log_softmax(dim=-1)).sum(-1) < threshold
            ),
            "the entropy is made of logits times log p. It is made of probabilities: minus the sum of p * log p.",
        ),
        Mistake(
            lambda logits, threshold: early_exit.exit_layers(logits.transpose(0, 1), threshold),
            "layers and sentences are exchanged: logits is (layers, batch, classes).",
        ),
    ),
    advice={
        RESULT: "return two tensors: how many layers were computed for each sentence, and its class.",
        "shape": "one number for each sentence, (batch,), of both kinds.",
        "dtype": "both are whole numbers, torch.int64: .long().",
        "nan": "0 * log 0 is not a number: take log_softmax first, and its exp for the probabilities.",
        "value": "take one sentence, and its entropy layer by layer: the first below the threshold is where it "
        "leaves, else "
        "the last.",
    },
)
