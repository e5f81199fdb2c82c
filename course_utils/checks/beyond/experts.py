"""Exercises on a mixture of experts: the router, and the loss that spreads the load."""

import math

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import HAS_GRADIENT, Arguments, Exercise
from course_utils.methods import experts


def _route_cases(generator: Generator) -> list[Arguments]:
    """Small numbers first; one expert of several; all experts; many tokens; another dtype; experts that get full."""
    plain = torch.tensor([[1.0, 3.0, 2.0], [0.0, -1.0, 4.0]])
    several = torch.randn(5, 6, generator=generator)
    return [
        {"router_logits": plain, "top_k": 2, "capacity": math.inf},
        {"router_logits": plain - 5, "top_k": 1, "capacity": math.inf},
        {"router_logits": several, "top_k": 2, "capacity": math.inf},
        {"router_logits": several, "top_k": 3, "capacity": 2.5},
        {"router_logits": several.double(), "top_k": 6, "capacity": 4},
        {"router_logits": torch.randn(6, 3, generator=generator) * 10, "top_k": 2, "capacity": 3},
        {"router_logits": torch.randn(9, 2, generator=generator), "top_k": 1, "capacity": 2},
    ]


_ANY_NUMBER = (
    "the capacity may be math.inf, or not whole, such as 2.5: it cannot be an index or go through int(). Count the "
    "tokens of an expert, and compare: count <= capacity."
)

ROUTE = Exercise(
    reference=experts.route,
    cases=_route_cases,
    mistakes=edits(
        experts.route,
        {"kept.softmax(dim=-1)": "torch.ones_like(kept)"},
        "every expert that is kept has the weight 1. The weights of a token are a softmax over the logits kept.",
        {"kept.softmax(dim=-1)": "router_logits.softmax(dim=-1).gather(-1, experts)"},
        "the softmax is taken over all experts, and the weights of those kept do not sum to 1. Take it over the "
        "kept logits only.",
        {".softmax(dim=-1)": ""},
        "those are the logits. Turn the kept ones into weights with a softmax.",
        {"kept.softmax(dim=-1))": "kept).softmax(dim=-1)"},
        "the logits that are not kept are set to 0, and 0 gets a share of the softmax. Set them to minus "
        "infinity, or put the weights in their places after the softmax.",
        {"dim=-1": "dim=0", "scatter(-1": "scatter(0"},
        "the experts of a token lie along the last dim: topk and softmax with dim=-1.",
        {"top_k, ": "top_k, largest=False, "},
        "those are the experts with the smallest logits. topk takes the largest if you let it.",
        {"kept.softmax(dim=-1)": "torch.full_like(kept, 1 / top_k) + 0 * kept"},
        "all kept experts get the same weight. A softmax gives the larger logit more.",
        {"(top_k": "(router_logits.shape[-1]"},
        "every expert gets a weight, so every expert must compute. Keep the top_k largest only.",
        {"(top_k": "(1"},
        "only the best expert is kept. Keep the top_k best.",
        {"weights = torch.zeros_like(router_logits).scatter(-1, experts, ": "return ("},
        "there is a weight for each kept expert, but not where it belongs. The shape is that of router_logits, "
        "with zeros for the experts that are left out: zeros.scatter(-1, places, weights).",
        {"kept, experts =": "return"},
        "topk returns two tensors, the values and their places. Put the softmax of the values in these places.",
        {
            "weights = torch.zeros_like(router_logits).scatter(-1, experts, ": "return (",
            "dim=-1))": "dim=-1), experts)",
        },
        "the weights and their places, as a pair. Put them together, in one tensor of the shape of "
        "router_logits: zeros.scatter(-1, places, weights).",
        {" * (position <= capacity)": ""},
        "the capacity is not used. An expert has room for `capacity` tokens; those that come later get 0 from it.",
        {"<= capacity": "< capacity"},
        "an expert takes one token too few: it serves exactly `capacity` of them.",
        {"(position <=": "(position - 1 <="},
        "an expert takes one token too many: it serves exactly `capacity` of them. Who is counted from 0 must be "
        "below the capacity, <.",
        {"<= capacity": "< capacity + 1"},
        "where the capacity is not whole, 2.5 say, an expert takes one token too many. It has room for two: do "
        "not round up.",
        {"cumsum(dim=0)": "cumsum(dim=-1)"},
        "the count runs over the experts of a token. Count down the tokens of an expert, along dim 0.",
        {"(weights > 0).cumsum(dim=0)": "(weights > 0).flip(0).cumsum(dim=0).flip(0)"},
        "a full expert keeps the last tokens. It serves them in their order: the first stay.",
        {"(weights > 0).cumsum(dim=0)": "torch.ones_like(weights).cumsum(dim=0)"},
        "all tokens are counted. Only those that chose the expert take its room.",
        {"(weights > 0).cumsum(dim=0)": "weights.argsort(dim=0, descending=True).argsort(dim=0) + 1"},
        "a full expert keeps the tokens with the largest weights. It serves them in their order.",
        {
            "return weights * (": "weights = weights * (",
            "capacity)": "capacity)\n    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-9)",
        },
        "the weights that are left are made to sum to 1 again. A token that finds an expert full loses that part.",
        {"* (position <= capacity)": "* (position <= capacity).all(dim=-1, keepdim=True)"},
        "a token that finds one expert full loses the others too. Only the weight of the full one is 0.",
        {"(weights > 0).cumsum(dim=0)": "weights.cumsum(dim=0)"},
        "weights are added up. Count tokens: each takes one place, however small its weight.",
    ),
    advice={
        HAS_GRADIENT: "no gradient can flow back through the weights, so the router could not learn. Something cut "
        "it: .detach(), torch.no_grad(), or weights written as plain numbers.",
        "gradient of router_logits": "the weights are right, their gradient is not: something was computed under "
        "torch.no_grad() or with .detach(), so the router would learn the wrong thing.",
        "shape": "one weight for each token and each expert: the shape of router_logits.",
        "value": "take one token: the softmax over its top_k largest logits, each weight in its expert's place, 0 in "
        "all others. A row sums to 1. Then, expert by expert, from the top: its first `capacity` weights stay.",
        "RuntimeError": "torch puts numbers of one dtype into no tensor of another: begin with "
        "torch.zeros_like(router_logits). And the experts lie along the last dim, dim=-1.",
        "TypeError": f"read the error as a sentence. Where it speaks of a float as an index: {_ANY_NUMBER}",
        "OverflowError": _ANY_NUMBER,
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


LOAD_BALANCING_LOSS = Exercise(
    reference=experts.load_balancing_loss,
    cases=_balance_cases,
    mistakes=edits(
        experts.load_balancing_loss,
        {"router_logits.softmax": "router_logits.log_softmax"},
        "P is the mean of the logarithms. It is the mean probability: softmax.",
        {"experts * ": ""},
        "the number of experts is missing, or a mean over the experts takes it away again: the loss would be "
        "smaller the more experts there are. Multiply by it, so that an even load gives 1.",
        {"dtype).mean(": "dtype).sum("},
        "f counts the tokens. It is their share: divide by the number of tokens. Or P adds up the probabilities "
        "over the tokens: it is their mean.",
        {"* probabilities": "* shares"},
        "f stands in the place of P as well. f is a count and has no gradient: P, the mean probability, is what "
        "the router learns from.",
        {"(shares": "(probabilities"},
        "P stands in the place of f as well. f is the share of the tokens whose largest logit the expert has.",
        {".softmax(dim=-1)": ""},
        "P is the mean of the logits. Take the softmax over the experts first.",
        {"softmax(dim=-1)": "softmax(dim=0)"},
        "the softmax runs over the tokens. The experts of a token lie along the last dim.",
        {"return experts": "return len(router_logits)"},
        "the factor is the number of tokens. It is the number of experts.",
        {".mean(dim=0)": "", ".sum()": ".mean(dim=0).sum()"},
        "the product is taken for each token, and the mean afterwards. f and P are means over all tokens, each "
        "by itself; then they are multiplied.",
        {"return": "return 0.01 *"},
        "the factor alpha is in it. Leave it to whoever adds up the losses: an even load gives 1.",
        {".sum()": ".sum() - 1"},
        "one is taken off, so that an even load gives 0. Fedus et al. leave it at 1.",
        {", experts)": ")"},
        "F.one_hot and torch.bincount guess the number of experts from the largest number that they see, and an "
        "expert that nobody chose may be missing: F.one_hot(best, experts), bincount(best, minlength=experts).",
    ),
    advice={
        HAS_GRADIENT: "no gradient can flow back, so the router could not learn to spread the load. f is a count and "
        "has none; P, the mean of the softmax, must have one.",
        "gradient of router_logits": "the value is right, its gradient is not. It should come through P alone: the "
        "mean of the softmax, without .detach().",
        "shape": "the loss is one number, a scalar: sum over the experts.",
        "value": "work the first input out by hand. f: of the tokens, the share whose largest logit each expert has. "
        "P: the softmax of each token, and its mean over the tokens. Then experts * (f * P).sum().",
        "dtype": "the dtype changed. Turn the one-hot rows into that of the logits: .to(router_logits.dtype).",
        "RuntimeError": "a mean needs numbers with a point: F.one_hot gives whole numbers, and "
        ".to(router_logits.dtype) turns them.",
    },
)
