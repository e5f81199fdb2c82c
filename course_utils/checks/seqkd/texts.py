"""Exercises on whole sentences: which candidate to learn from, and which texts say nothing new."""

import copy
from collections.abc import Callable, Sequence

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import seqkd

Similarity = Callable[[str, str], float]


def shared_words(text: str, other: str) -> float:
    """The share of words that two texts have in common."""
    ours, theirs = set(text.split()), set(other.split())
    return len(ours & theirs) / max(len(ours | theirs), 1)


def covered_words(text: str, other: str) -> float:
    """The share of a text's words that stand in another, which may hold more: not the same the other way round."""
    ours, theirs = set(text.split()), set(other.split())
    return len(ours & theirs) / max(len(ours), 1)


def _observe_texts(function: Function, arguments: Arguments) -> Observations:
    passed = copy.deepcopy(arguments)
    value = function(*passed.values())
    changed = [name for name, given in arguments.items() if not callable(given) and given != passed[name]]
    return {INPUTS_CHANGED: ", ".join(changed) or None, RESULT: value}


def _closest_cases(_: Generator) -> list[Arguments]:
    cases = (
        (["kopi itu enak", "kopinya enak", "kopinya lezat"], ["kopinya lezat"]),
        (["sup itu segar", "supnya segar", "sup itu gurih"], ["supnya segar", "sup itu gurih"]),
        (["hotel ini bagus", "hotelnya bagus"], ["hotelnya bagus sekali", "hotel itu mahal"]),
        (["a b", "c d", "a d"], ["e f"]),
        (["a b c d", "e f g", "a b e f"], ["a b c", "e f g h i", "a b c d e"]),
        (["a b", "a b e f", "e f"], ["a b x y", "e f x y"]),
        (["a b c d", "e f g"], ["e f x y", "a b c d"]),
        (["a x", "b c d", "b c"], ["e f", "b c d"]),
    )
    shared: list[Arguments] = [
        {"candidates": candidates, "references": references, "similarity": shared_words}
        for candidates, references in cases
    ]
    one_way = (["a b c d e f", "a b"], ["a b c"])
    return [
        *shared,
        dict(zip(("candidates", "references", "similarity"), (*one_way, covered_words), strict=True)),
    ]


def _at_its_own_place(candidates: Sequence[str], references: Sequence[str], similarity: Similarity) -> str:
    return max(zip(candidates, references, strict=False), key=lambda pair: similarity(*pair))[0]


CLOSEST = Exercise(
    reference=seqkd.closest,
    cases=_closest_cases,
    observe=_observe_texts,
    mistakes=edits(
        seqkd.closest,
        (
            {"max(candidates": "min(candidates"},
            "that is the candidate least like the references. Take the most similar one.",
        ),
        (
            {"in references": "in references[:1]"},
            "only the first reference is looked at. Each is as correct as the others: take the nearest.",
        ),
        (
            {"text: max": "text: sum"},
            "the similarities to all references are added. One good reference is enough: take the largest, not the "
            "sum or the mean.",
        ),
        (
            {"text: max": "text: min"},
            "that takes the reference that is farthest away. Take the nearest one: max, not min.",
        ),
        (
            {"(candidates": "(candidates[::-1]"},
            "of two candidates that are equally similar, take the first: the teacher prefers it.",
        ),
        (
            {"return max(": "return candidates.index(max(", "references))": "references)))"},
            "return the sentence itself, not its place in the list.",
        ),
        (
            {"candidates, key=lambda text: ": "", "references))": "references) for text in candidates)"},
            "return the sentence itself, not its similarity.",
        ),
        (
            {
                "candidates, key": "references, key",
                "reference) for reference in references": "candidate) for candidate in candidates",
            },
            "that is a reference. Return one of the candidates: what the teacher would say.",
        ),
        (
            {"(text, reference)": "(reference, text)"},
            "the candidate comes first: similarity(candidate, reference). It need not be the same the other way "
            "round.",
        ),
        (
            _at_its_own_place,
            "each candidate is compared with one reference, that at its own place. Compare it with all.",
        ),
        (
            {"in references": 'in [" ".join(references)]'},
            "the references are joined to one text. Compare with each, and take the nearest.",
        ),
        (
            {"lambda text: max(similarity(text, reference) for reference in references)": "len"},
            "that is the longest candidate. Take the most similar one.",
        ),
        (
            {"return": "return candidates[0]\n    return"},
            "that is always the teacher's first candidate: plain sequence-level distillation. Compare all of them "
            "with the references.",
        ),
    ),
    advice={
        "type": "return one of the candidates, a text.",
        "none": "nothing is returned where no candidate has anything in common with a reference. Then too, the first "
        "of the best is asked for.",
        "value": "for each candidate, take the largest of its similarities to the references; then the candidate for "
        "which that is largest, and of equals the first.",
    },
)


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
        (
            {"similarity(text, other) < threshold": "text != other"},
            "only exact copies are dropped. Near copies must go too: compare by similarity and threshold.",
        ),
        (
            {"in kept)": "in kept[-1:])"},
            "a text is compared with the last kept one only. A copy may stand far away: compare with all kept ones.",
        ),
        (
            {"for text in texts": "for place, text in enumerate(texts)", "in kept)": "in texts[:place])"},
            "a dropped text drops others. Compare with the texts that were kept, not with all that came before.",
        ),
        (
            {"if all": "if not all"},
            "nothing is kept. The first text is like no kept one, so it stays: compare a text with those kept before "
            "it, not with itself, and keep it where it differs.",
        ),
        (
            {"<": "<="},
            "a similarity equal to the threshold is too similar already: keep a text where it is less (<).",
        ),
        (
            {"all(": "not kept or any("},
            "it is not enough to differ from one kept text. It must differ from every one: all, not any.",
        ),
        (
            {"in texts": "in reversed(texts)", "return kept": "return kept[::-1]"},
            "the later of two similar texts is kept. Keep the one that came first.",
        ),
        (
            {"return kept": "return set(kept)"},
            "return a list, in the order of the texts; a set has no order.",
        ),
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
