"""Contextual calibration: what a prompt makes of an empty input is its bias, and is divided out.

Zhao et al. (2021), "Calibrate Before Use: Improving Few-Shot Performance of Language Models", section 5,
arXiv:2102.09690.
"""

from torch import Tensor

EMPTY = ("N/A", "", "[MASK]")
"""Inputs without content, as in the paper. A prompt without bias finds all labels equally likely after them."""


def calibrated(scores: Tensor, empty: Tensor) -> Tensor:
    """The log-probability of each label after each query, without the prompt's own bias. (queries, labels).

    scores: log-probabilities of the labels after the queries, (queries, labels), as `language_models.score_choices`
    returns them; they need not sum to one. empty: the same after inputs without content, (inputs, labels), in the
    same prompt. The probabilities of `empty` are averaged over the inputs, and those of `scores` are divided by
    them, as by the paper's W = diag(p)^-1 with b = 0. Each row of what is returned sums to one in probability.

    Raises ValueError where the two have other numbers of labels, or `empty` has no row.
    """
    if empty.dim() != 2 or not len(empty) or scores.shape[-1] != empty.shape[-1]:
        raise ValueError(
            f"scores has the shape {tuple(scores.shape)} and empty {tuple(empty.shape)}. Both are (rows, labels), with "
            "the same labels, and `empty` has at least one row."
        )
    bias = empty.log_softmax(dim=-1).logsumexp(dim=0)  # of the sum: the last line takes out a common factor
    return (scores.log_softmax(dim=-1) - bias).log_softmax(dim=-1)
