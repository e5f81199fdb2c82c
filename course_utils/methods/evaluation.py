"""Numbers that can be trusted: a test split without leakage, and a merged model held against what it was made of.

A test is too easy where rows of one origin part: Kapoor and Narayanan (2023), "Leakage and the reproducibility crisis
in machine-learning-based science", table 1.
"""

import random
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from course_utils.methods.replacing import merge_and_unload
from course_utils.methods.validation import Given, checked


def _both_sides_get_a_group(given: Given) -> None:
    names, share = set(given["groups"]), given["test_share"]
    if not 0 < round(share * len(names)) < len(names):
        raise ValueError(
            f"With test_share={share}, {round(share * len(names))} of the {len(names)} groups would be tested, so one "
            "of the two lists would be empty. The share lies between 0 and 1, and each list needs a group: take "
            "another share, or split by something finer."
        )


@checked(_both_sides_get_a_group)
def split_by_group(groups: Sequence[str], test_share: float, seed: int) -> tuple[list[int], list[int]]:
    """The numbers of the rows to train on and of those to test on. Rows of one group never part.

    groups: for each row, what it belongs to (a customer, a document); test_share: the share of the groups that is
    tested, between 0 and 1, to the nearest whole group. Both lists are in ascending order, and every row is in one of
    them. The same seed gives the same split, in every process; the global random state is left as it was. Raises
    ValueError where all groups, or none, would be tested.
    """
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    tested = set(names[: round(test_share * len(names))])
    train = [row for row, group in enumerate(groups) if group not in tested]
    test = [row for row, group in enumerate(groups) if group in tested]
    return train, test


@torch.no_grad()
def merge_and_compare(model: nn.Module, batch: Mapping[str, Tensor]) -> float:
    """Merge LoRA into the model, in place, and return how much that changed the logit that changed most.

    model: called with the batch, returns `.logits`; afterwards a plain model, in the mode (train or eval) in which it
    came. batch: input_ids, attention_mask and so on, on the model's device. Both runs are without dropout, and their
    logits are compared in float32. Raises ValueError as `replacing.merge_and_unload`, also where there is no LoRA.
    """
    was_training = model.training
    model.eval()
    before = model(**batch).logits.float()
    merge_and_unload(model)
    after = model(**batch).logits.float()
    model.train(was_training)
    return (after - before).abs().max().item()
