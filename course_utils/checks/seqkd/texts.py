"""Exercises on texts to learn from: which of them say nothing new, and which of their tokens count."""

import copy

import torch
from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
    observe_values,
)
from course_utils.methods import seqkd


def shared_words(text: str, other: str) -> float:
    """The share of words that two texts have in common."""
    ours, theirs = set(text.split()), set(other.split())
    return len(ours & theirs) / max(len(ours | theirs), 1)


def _observe_texts(function: Function, arguments: Arguments) -> Observations:
    passed = copy.deepcopy(arguments)
    value = function(*passed.values())
    changed = [name for name, given in arguments.items() if not callable(given) and given != passed[name]]
    return {INPUTS_CHANGED: ", ".join(changed) or None, RESULT: value}


def _copies_cases(_: Generator) -> list[Arguments]:
    texts: tuple[tuple[list[str], float], ...] = (
        (["a b c", "a b c", "d e f"], 0.9),
        (["a b c d", "a b c e", "f g", "g f"], 0.7),
        (["a b c d", "a b c d e", "a b c d e f", "a b c d e f g", "a b c d e f g h"], 0.8),
        (["a b", "c d", "a d", "b a"], 0.3),
        (["a b c d e", "x y", "a b c d f", "p q", "a b c d e"], 0.6),
        (["a b", "a c"], 1 / 3),
        ([], 0.5),
    )
    return [
        {"texts": given, "similarity": shared_words, "threshold": threshold} for given, threshold in texts
    ]


WITHOUT_NEAR_COPIES = Exercise(
    reference=seqkd.without_near_copies,
    cases=_copies_cases,
    observe=_observe_texts,
    mistakes=edits(
        seqkd.without_near_copies,
        {"similarity(text, other) < threshold": "text != other"},
        "only exact copies are dropped. Near copies must go too: compare by similarity and threshold.",
        {"in kept)": "in kept[-1:])"},
        "a text is compared with the last kept one only. A copy may stand far away: compare with all kept ones.",
        {"for text in texts": "for place, text in enumerate(texts)", "in kept)": "in texts[:place])"},
        "a dropped text drops others. Compare with the texts that were kept, not with all that came before.",
        {"if all": "if not all"},
        "nothing is kept. The first text is like no kept one, so it stays: compare a text with those kept before "
        "it, not with itself, and keep it where it differs.",
        {"<": "<="},
        "a similarity equal to the threshold is too similar already: keep a text where it is less (<).",
        {"all(": "not kept or any("},
        "it is not enough to differ from one kept text. It must differ from every one: all, not any.",
        {"in texts": "in reversed(texts)", "return kept": "return kept[::-1]"},
        "the later of two similar texts is kept. Keep the one that came first.",
        {"return kept": "return set(kept)"},
        "return a list, in the order of the texts; a set has no order.",
    ),
    advice={
        "type": "return a list of texts.",
        "shape": "another number of texts is left. Go through them in order, and keep one if it is less than "
        "threshold similar to every text that you kept before it.",
        "value": "these are not the texts to keep, or not in their order. Go through them in order, and keep one if "
        "it is less than threshold similar to every text that you kept before it.",
        "IndexError": "there may be no text at all: then the list is empty. Begin with kept = [].",
    },
)


def _label_cases(_: Generator) -> list[Arguments]:
    rows = (  # a conversation, the user's mark, the assistant's
        ([1, 7, 2, 8, 3], 1, 2),
        ([1, 7, 0, 2, 8, 0, 1, 6, 2, 5, 4, 3], 1, 2),
        ([9, 2, 4, 1, 6, 7, 4, 8, 8, 1, 5, 4, 6, 1, 0, 4, 7, 3], 1, 4),
        ([5, 8, 4], 5, 4),
    )
    return [
        {"ids": torch.tensor(ids), "user_token_id": user, "assistant_token_id": assistant}
        for ids, user, assistant in rows
    ]


ANSWER_LABELS = Exercise(
    reference=seqkd.answer_labels,
    cases=_label_cases,
    observe=observe_values,
    mistakes=edits(
        seqkd.answer_labels,
        {"labels = ids[1:].clone()": "labels = ids[:-1].clone()"},
        "the label is the token that the model has read already. Label t is the one after it: ids[t + 1].",
        {"clone()\n    speaks = False": "clone()\n    speaks = True"},
        "what stands before the first mark, or between it and the assistant's, is learned. The assistant speaks "
        "from its own mark on.",
        {"        speaks = False": "        pass"},
        "once the assistant has spoken, everything is learned, the user's later turns too. They end its turn.",
        {"labels[place] == user": "token == user"},
        "the user's mark is learned after an answer. It is not the assistant who writes it: -100.",
        {"token == assistant": "labels[place] == assistant"},
        "the assistant's mark is learned. It belongs to the prompt: the first label comes after it.",
        {"speaks = True": "speaks, labels[place] = True, -100"},
        "the first token of each answer is not learned. Its label stands at the assistant's mark.",
        {
            "token == assistant_token_id": "token == assistant_token_id and assistant_token_id not in ids[:place]"
        },
        "only the first answer is learned. Every turn of the assistant counts.",
        {"token == assistant_token_id": "token == assistant_token_id and token not in ids[place + 1 :]"},
        "only the last answer is learned. Every turn of the assistant counts.",
        {"-100": "0"},
        "0 is a token like any other. Where nothing is to be learned, the label is -100.",
        {"not speaks": "speaks"},
        "that is the wrong way round: what the user says is learned, and what the assistant says is not.",
        {"return labels": "labels[-1] = -100\n    return labels"},
        "the last token is not learned. Without it, the model never learns to stop.",
        {"return labels": "return labels[labels != -100]"},
        "the other tokens are cut out. They stay in the conversation: their labels become -100.",
    ),
    advice={
        "type": "return a tensor of labels, one for each token but the last.",
        "shape": "there is one label less than there are tokens: nothing follows the last one.",
        "dtype": "labels are whole numbers, as the tokens are.",
        "IndexError": "there is one label less than there are tokens.",
    },
)
