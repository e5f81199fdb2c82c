"""Exercise on ELMo's mix of the layers."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
from course_utils.methods import freezing

_SIZES: tuple[tuple[int, int, int, int, float, torch.dtype], ...] = (
    (2, 1, 2, 2, 2.0, torch.float32),
    (3, 2, 4, 2, 0.5, torch.float64),
    (5, 3, 2, 4, 1.5, torch.float32),
    (4, 4, 4, 4, 3.0, torch.float64),
)


def _mix_cases(generator: Generator) -> list[Arguments]:
    """Where all sizes are equal, no shape tells a wrong dim; where they differ, each does."""
    return [
        {
            "states": torch.randn(layers, batch, tokens, width, generator=generator).to(dtype),
            "weights": torch.randn(layers, generator=generator).to(dtype),
            "gamma": torch.tensor(gamma, dtype=dtype),
        }
        for layers, batch, tokens, width, gamma, dtype in _SIZES
    ]


def _loose_mix(
    states: Tensor,
    weights: Tensor,
    gamma: Tensor,
    *,
    no_softmax: bool = False,
    sigmoid: bool = False,
    divided: bool = False,
    logs: bool = False,
    hardest: bool = False,
    no_gamma: bool = False,
    gamma_inside: bool = False,
    mean: bool = False,
    unweighted: bool = False,
    last_layer: bool = False,
    gamma_added: bool = False,
    not_summed: bool = False,
) -> Tensor:
    scores = gamma * weights if gamma_inside else weights
    shares = torch.softmax(scores, dim=0)
    if no_softmax:
        shares = scores
    if sigmoid:
        shares = torch.sigmoid(scores)
    if logs:
        shares = torch.log_softmax(scores, dim=0)
    if hardest:
        shares = torch.zeros_like(weights).index_fill(0, weights.argmax(), 1.0)
    if divided:
        shares = scores / scores.sum()
    if unweighted:
        shares = torch.full_like(weights, 1 / len(weights))
    if last_layer:
        shares = torch.zeros_like(weights).index_fill(0, torch.tensor([len(weights) - 1]), 1.0)
    weighted = shares[:, None, None, None] * states
    mixed = weighted if not_summed else weighted.mean(dim=0) if mean else weighted.sum(dim=0)
    if gamma_added:
        return gamma + mixed
    return mixed if no_gamma or gamma_inside else gamma * mixed


SCALAR_MIX = Exercise(
    reference=freezing.scalar_mix,
    cases=_mix_cases,
    mistakes=[
        *slips(
            _loose_mix,
            {
                "no_softmax": "the weights are used as they are. They may be any numbers: the softmax makes shares of "
                "them that are above 0 and sum to 1.",
                "sigmoid": "that is a sigmoid of each weight. The softmax, over the layers, makes them sum to 1.",
                "divided": "the weights are divided by their sum, which may be 0 or below. Take the softmax.",
                "logs": "these are the logarithms of the shares. torch.softmax gives the shares themselves.",
                "hardest": "only the layer of the largest weight is taken. Every layer counts, by its share.",
                "gamma_added": "gamma is added. It multiplies the whole mix.",
                "no_gamma": "gamma is not used: it multiplies the whole mix.",
                "gamma_inside": "gamma multiplies the weights before the softmax. It belongs outside: it sets the "
                "size of the mix, not how sharply a layer is chosen.",
                "mean": "that is the mean over the layers of what was weighted. The shares sum to 1 already: sum.",
                "unweighted": "all layers count alike: the weights are not used.",
                "last_layer": "that is the last layer alone. Every layer counts, by its share.",
                "not_summed": "the layers are weighted but not added up: sum over the first dim.",
            },
        ),
        Mistake(
            lambda states, weights, gamma: gamma * (torch.softmax(weights, dim=0) * states).sum(dim=0),
            "the weights meet the wrong dim: (layers,) beside (layers, batch, tokens, width) lines up with the width, "
            "which is last. Give them three more dims: weights[:, None, None, None].",
        ),
        Mistake(
            lambda states, weights, gamma: (
                gamma * (torch.softmax(weights, dim=0)[:, None, None, None] * states).sum(dim=1)
            ),
            "the sum runs over the sentences of the batch. The layers are dim 0.",
        ),
    ],
    advice={
        HAS_GRADIENT: "no gradient can flow back through the mix, so the weights could not learn. Something cut it: "
        ".item(), .tolist(), .detach(), torch.tensor(...) or torch.no_grad().",
        "gradient of weights": "the value is right, but no gradient reaches the weights: they could not learn. "
        "Something cut it, such as .item(), .tolist() or .detach().",
        "gradient of gamma": "the value is right, but no gradient reaches gamma. Do not call .item() on it.",
        "gradient of states": "the value is right, the gradient of the states is not. The encoder is frozen outside "
        "this function: here, plain arithmetic is enough, without .detach().",
        "value": "the mix is gamma times the sum over all layers of share times state, and the shares are the softmax "
        "of the weights. Work the small input above out by hand.",
        "shape": "the result is (batch, tokens, width): the layers, dim 0, are summed away.",
        "RuntimeError": "shapes that do not go together. weights is (layers,), states is (layers, batch, tokens, "
        "width): give the weights three more dims, weights[:, None, None, None].",
    },
)
