"""Mixture of experts: many feed-forward parts, of which each token meets one or two.

Sources: Shazeer, Mirhoseini, Maziarz, Davis, Le, Hinton and Dean (2017), "Outrageously Large Neural Networks: The
Sparsely-Gated Mixture-of-Experts Layer", section 2.1; Fedus, Zoph and Shazeer (2022), "Switch Transformers: Scaling to
Trillion Parameter Models with Simple and Efficient Sparsity", section 2.2 (the loss); Komatsuzaki et al. (2023),
"Sparse Upcycling: Training Mixture-of-Experts from Dense Checkpoints" (experts that start as copies). Left out: the
noise of Shazeer et al.
"""

import math
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from course_utils.methods.validation import Given, checked, kind_of


def route(router_logits: Tensor, top_k: int, capacity: float) -> Tensor:
    """The weight of each expert for each token: a softmax over the `top_k` largest logits, 0 for all others.

    It is 0 as well where the expert is full.

    router_logits: (tokens, experts). An expert serves the first `capacity` of the tokens that chose it, in their order,
    as in Switch; math.inf sets no limit. Returns the shape of router_logits. Without a full expert a row sums to 1
    (Shazeer et al. 2017, equations 3 and 5, without the noise).
    """
    kept, experts = router_logits.topk(top_k, dim=-1)
    weights = torch.zeros_like(router_logits).scatter(-1, experts, kept.softmax(dim=-1))
    position = (weights > 0).cumsum(dim=0)
    return weights * (position <= capacity)


def load_balancing_loss(router_logits: Tensor) -> Tensor:
    """How unevenly the tokens are spread: 1 where every expert gets as many, more where some get most.

    router_logits: (tokens, experts). Returns a scalar: the number of experts times the sum over the experts of
    f * P. f is the share of the tokens whose first choice the expert is, P its mean probability (Fedus et al.
    2022, equations 4 to 6, without their factor alpha). f is a count: the gradient comes through P.
    """
    experts = router_logits.shape[-1]
    shares = F.one_hot(router_logits.argmax(dim=-1), experts).to(router_logits.dtype).mean(dim=0)
    probabilities = router_logits.softmax(dim=-1).mean(dim=0)
    return experts * (shares * probabilities).sum()


class MixtureOfExperts(nn.Module):
    """Copies of `expert`, and a router that sends each token to `top_k` of them. All train.

    expert: a module from (tokens, width) to (tokens, width). An expert has room for `capacity_factor` times its even
    share of the tokens. What it has no room for gets nothing from it. `router_logits`, (tokens, experts), are those of
    the last forward pass, for the loss that balances the load.
    """

    router_logits: Tensor

    def __init__(
        self, expert: nn.Module, width: int, experts: int, top_k: int, capacity_factor: float = math.inf
    ) -> None:
        super().__init__()
        self.experts = nn.ModuleList(deepcopy(expert) for _ in range(experts))
        self.router = nn.Linear(width, experts, bias=False)
        self.top_k = top_k
        self.capacity_factor = capacity_factor

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden: (..., width). Returns the same shape. An expert computes nothing for tokens that others get."""
        tokens = hidden.flatten(0, -2)
        self.router_logits = self.router(tokens)
        even_share = len(tokens) * self.top_k / len(self.experts)
        weights = route(self.router_logits, self.top_k, self.capacity_factor * even_share)
        output = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            rows = weights[:, number].nonzero()[:, 0]
            given = weights[rows, number, None] * expert(tokens[rows])
            output = output.index_add(0, rows, given.to(output.dtype))  # bfloat16, where autocast is on
        return output.view_as(hidden)


def _feed_forward_as_in_bert(given: Given) -> None:
    model = given["model"]
    layers = getattr(getattr(model.base_model, "encoder", None), "layer", [None])
    ends = [getattr(getattr(layer, "output", None), "dense", None) for layer in layers]
    starts = [getattr(layer, "intermediate", None) for layer in layers]
    if None in starts or not all(isinstance(end, nn.Linear) for end in ends):
        raise ValueError(
            f"The layers of {kind_of(model)} do not end in an intermediate and an output.dense, as those of BERT do, "
            "so it is not known what an expert is to copy. Take a BERT, a RoBERTa, a DeBERTa or an MPNet."
        )
    if not 1 <= given["top_k"] <= given["experts"]:
        raise ValueError(
            f"top_k must be from 1 to the {given['experts']} experts, and it is {given['top_k']}."
        )


@checked(_feed_forward_as_in_bert)
def add_experts(
    model: PreTrainedModel, experts: int, top_k: int, capacity_factor: float = math.inf
) -> PreTrainedModel:
    """Make the feed-forward part of every layer of a BERT a mixture of copies of itself. In place; returns the model.

    As all copies are alike at first, and their weights sum to 1 where none is full, the model's outputs are what they
    were. The router has the dtype and the device of the layer. Raises ValueError, and changes nothing, for a model
    built otherwise.
    """
    for layer in model.base_model.encoder.layer:
        expert = nn.Sequential(layer.intermediate, layer.output.dense)
        width = layer.output.dense.out_features
        mixture = MixtureOfExperts(expert, width, experts, top_k, capacity_factor)
        layer.intermediate = mixture.to(layer.output.dense.weight)  # its device and its dtype
        layer.output.dense = nn.Identity()
    return model
