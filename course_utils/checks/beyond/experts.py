"""Exercises on a mixture of experts: the router, and the loss that spreads the load."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise, Mistake, slips
from course_utils.methods import experts


def _route_cases(generator: Generator) -> list[Arguments]:
    """Small numbers first; one expert of several; all experts; many tokens; another dtype."""
    plain = torch.tensor([[1.0, 3.0, 2.0], [0.0, -1.0, 4.0]])
    several = torch.randn(5, 6, generator=generator)
    return [
        {"router_logits": plain, "top_k": 2},
        {"router_logits": plain - 5, "top_k": 1},
        {"router_logits": several, "top_k": 2},
        {"router_logits": several, "top_k": 3},
        {"router_logits": several.double(), "top_k": 6},
        {"router_logits": torch.randn(3, 3, generator=generator) * 10, "top_k": 2},
    ]


def _loose_route(
    router_logits: Tensor,
    top_k: int,
    *,
    not_again: bool = False,
    logits_kept: bool = False,
    zeros_in_softmax: bool = False,
    wrong_dim: bool = False,
    smallest: bool = False,
    equal: bool = False,
    all_experts: bool = False,
    only_best: bool = False,
) -> Tensor:
    count = 1 if only_best else router_logits.shape[-1] if all_experts else top_k
    dim = 0 if wrong_dim else -1
    kept, places = router_logits.topk(count, dim=dim, largest=not smallest)
    if zeros_in_softmax:
        return torch.zeros_like(router_logits).scatter(dim, places, kept).softmax(dim=dim)
    if not_again:
        weights = router_logits.softmax(dim=dim).gather(dim, places)
    elif logits_kept:
        weights = kept
    elif equal:
        weights = torch.full_like(kept, 1 / count) + 0 * kept
    else:
        weights = kept.softmax(dim=dim)
    return torch.zeros_like(router_logits).scatter(dim, places, weights)


def _only_kept(router_logits: Tensor, top_k: int) -> Tensor:
    return router_logits.topk(top_k, dim=-1).values.softmax(dim=-1)


def _normalised_by_sum(router_logits: Tensor, top_k: int) -> Tensor:
    kept, places = router_logits.topk(top_k, dim=-1)
    return torch.zeros_like(router_logits).scatter(-1, places, kept / kept.sum(dim=-1, keepdim=True))


ROUTE = Exercise(
    reference=experts.route,
    cases=_route_cases,
    mistakes=slips(
        _loose_route,
        {
            "not_again": "the softmax is taken over all experts, and the weights of those kept do not sum to 1. "
            "Take it "
            "over the kept logits only.",
            "logits_kept": "those are the logits. Turn the kept ones into weights with a softmax.",
            "zeros_in_softmax": "the logits that are not kept are set to 0, and 0 gets a share of the softmax. "
            "Set them to "
            "minus infinity, or put the weights in their places after the softmax.",
            "wrong_dim": "the experts of a token lie along the last dim: topk and softmax with dim=-1.",
            "smallest": "those are the experts with the smallest logits. topk takes the largest if you let it.",
            "equal": "all kept experts get the same weight. A softmax gives the larger logit more.",
            "all_experts": "every expert gets a weight, so every expert must compute. Keep the top_k largest only.",
            "only_best": "only the best expert is kept. Keep the top_k best.",
        },
        Mistake(
            _only_kept,
            "there is a weight for each kept expert, but not where it belongs. The shape is that of "
            "router_logits, with "
            "zeros for the experts that are left out: zeros.scatter(-1, places, weights).",
        ),
        Mistake(
            _normalised_by_sum,
            "the kept logits are divided by their sum. Logits may be below 0: take their softmax.",
        ),
        Mistake(
            lambda router_logits, top_k: router_logits.topk(top_k, dim=-1),
            "topk returns two tensors, the values and their places. Put the softmax of the values in these places.",
        ),
        Mistake(
            lambda router_logits, top_k: (
                _only_kept(router_logits, top_k),
                router_logits.topk(top_k).indices,
            ),
            "the weights and their places, as a pair. Put them together, in one tensor of the shape of router_logits: "
            "zeros.scatter(-1, places, weights).",
        ),
        Mistake(
            lambda router_logits, top_k: torch.zeros_like(router_logits).scatter(
                -1, router_logits.topk(top_k).indices, router_logits.topk(top_k).values.softmax(dim=0)
            ),
            "the softmax runs over the tokens. A token's own kept logits lie along the last dim: softmax(dim=-1).",
        ),
        Mistake(
            lambda router_logits, top_k: torch.zeros_like(router_logits).scatter(
                -1, router_logits.topk(top_k).indices, 1.0
            ),
            "every kept expert has the weight 1. The weights of a token sum to 1, and the larger logit gets more: "
            "a softmax over the kept logits.",
        ),
    ),
    advice={
        HAS_GRADIENT: "no gradient can flow back through the weights, so the router could not learn. Something "
        "cut it: "
        ".detach(), torch.no_grad(), or weights written as plain numbers.",
        "gradient of router_logits": "the weights are right, their gradient is not: something was computed under "
        "torch.no_grad() or with .detach(), so the router would learn the wrong thing.",
        "shape": "one weight for each token and each expert: the shape of router_logits.",
        "value": "take one token: the softmax over its top_k largest logits, each weight in its expert's place, 0 in "
        "all others. A row sums to 1.",
        "RuntimeError": "torch puts numbers of one dtype into no tensor of another: begin with "
        "torch.zeros_like(router_logits). And the experts lie along the last dim, dim=-1.",
        "nan": "there is a NaN. Where minus infinity stands for the experts left out, take the softmax along the "
        "experts: a row of nothing else has no softmax.",
    },
)


def _balance_cases(generator: Generator) -> list[Arguments]:
    """Two experts, by hand; all tokens to one; spread; several experts; another dtype."""
    plain = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [1.0, -1.0]])
    lopsided = torch.randn(6, 4, generator=generator) + torch.tensor([4.0, 0.0, 0.0, 0.0])
    return [
        {"router_logits": plain},
        {"router_logits": lopsided},
        {"router_logits": torch.randn(9, 3, generator=generator)},
        {"router_logits": torch.randn(7, 5, generator=generator, dtype=torch.float64) * 3},
    ]


def _loose_balance(
    router_logits: Tensor,
    *,
    no_experts: bool = False,
    counts: bool = False,
    summed: bool = False,
    shares_twice: bool = False,
    probabilities_twice: bool = False,
    logits: bool = False,
    wrong_dim: bool = False,
    by_tokens: bool = False,
) -> Tensor:
    tokens, many = router_logits.shape
    chosen = F.one_hot(router_logits.argmax(dim=-1), many).to(router_logits.dtype)
    soft = router_logits if logits else router_logits.softmax(dim=0 if wrong_dim else -1)
    shares = chosen.sum(dim=0) if counts else chosen.mean(dim=0)
    probabilities = soft.sum(dim=0) if summed else soft.mean(dim=0)
    if shares_twice:
        probabilities = shares
    if probabilities_twice:
        shares = probabilities
    products = shares * probabilities
    factor = 1 if no_experts else tokens if by_tokens else many
    return factor * products.sum()


LOAD_BALANCING_LOSS = Exercise(
    reference=experts.load_balancing_loss,
    cases=_balance_cases,
    mistakes=slips(
        _loose_balance,
        {
            "no_experts": "the number of experts is missing, or a mean over the experts takes it away again: "
            "the loss would be smaller the more experts there "
            "are. Multiply "
            "by it, so that an even load gives 1.",
            "counts": "f counts the tokens. It is their share: divide by the number of tokens.",
            "summed": "P adds up the probabilities over the tokens. It is their mean.",
            "shares_twice": "f stands in the place of P as well. f is a count and has no gradient: P, the mean "
            "probability, "
            "is what the router learns from.",
            "probabilities_twice": "P stands in the place of f as well. f is the share of the tokens whose "
            "largest logit the "
            "expert has.",
            "logits": "P is the mean of the logits. Take the softmax over the experts first.",
            "wrong_dim": "the softmax runs over the tokens. The experts of a token lie along the last dim.",
            "by_tokens": "the factor is the number of tokens. It is the number of experts.",
        },
        Mistake(
            lambda router_logits: (
                router_logits.shape[-1]
                * F.one_hot(router_logits.argmax(dim=-1), router_logits.shape[-1])
                .to(router_logits.dtype)
                .mul(router_logits.softmax(dim=-1))
                .mean(dim=0)
                .sum()
            ),
            "the product is taken for each token, and the mean afterwards. f and P are means over all tokens, "
            "each by "
            "itself; then they are multiplied.",
        ),
        Mistake(
            lambda router_logits: router_logits.softmax(dim=-1).mean(dim=0).var(),
            "that is a variance. The loss of Fedus et al. is the number of experts times the sum of f * P.",
        ),
        Mistake(
            lambda router_logits: 0.01 * experts.load_balancing_loss(router_logits),
            "the factor alpha is in it. Leave it to whoever adds up the losses: an even load gives 1.",
        ),
        Mistake(
            lambda router_logits: experts.load_balancing_loss(router_logits) - 1,
            "one is taken off, so that an even load gives 0. Fedus et al. leave it at 1.",
        ),
        Mistake(
            lambda router_logits: (
                router_logits.shape[-1]
                * (
                    F.one_hot(router_logits.argmax(dim=-1)).to(router_logits.dtype).mean(dim=0)
                    * router_logits.softmax(dim=-1).mean(dim=0)
                ).sum()
            ),
            "F.one_hot guesses the number of experts from the largest number that it sees, and an expert that nobody "
            "chose may be missing: F.one_hot(best, experts).",
        ),
    ),
    advice={
        HAS_GRADIENT: "no gradient can flow back, so the router could not learn to spread the load. f is a "
        "count and has "
        "none; P, the mean of the softmax, must have one.",
        "gradient of router_logits": "the value is right, its gradient is not. It should come through P alone: "
        "the mean of "
        "the softmax, without .detach().",
        "shape": "the loss is one number, a scalar: sum over the experts.",
        "value": "work the first input out by hand. f: of the tokens, the share whose largest logit each expert has. "
        "P: the softmax of each token, and its mean over the tokens. Then experts * (f * P).sum().",
        "dtype": "the dtype changed. Turn the one-hot rows into that of the logits: .to(router_logits.dtype).",
        "RuntimeError": "a mean needs numbers with a point: F.one_hot gives whole numbers, and "
        ".to(router_logits.dtype) "
        "turns them.",
    },
)
