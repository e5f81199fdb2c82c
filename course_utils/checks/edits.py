"""Mistakes made from the reference's own source: each is a few replacements in its text, with a hint.

    edits(
        kd.kd_loss,
        {"batchmean": "mean"},
        "reduction='mean' also divides by the number of classes. ...",
        {" * temperature**2": ""},
        "the factor temperature ** 2 is missing. ...",
        _by_hand,
        "a function, where no edit expresses the wrong answer",
    )

An answer that behaves like the reference after an edit gets the hint of that edit.
"""

import ast
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from os.path import commonprefix
from typing import Any

from course_utils.checks.tasks import Function, Mistake

Replacements = Mapping[str, str]  # a piece of the reference's source -> what replaces it, wherever it occurs
Row = tuple[Replacements | Function, str]
Span = tuple[int, int, str]  # start and end in the text, and what replaces it

_CHECKED = re.compile(r"^ *@checked\(.*\)\n", re.MULTILINE)
_SIGNATURE = "\0"  # stands for signature and docstring while the rest is edited


def shown(method: Callable[..., Any] | type) -> str:
    """The source of a method as a notebook shows it: without the checks of its arguments (`methods/validation.py`)."""
    return _CHECKED.sub("", inspect.getsource(method))


def edited(reference: Function, replacements: Replacements) -> Function:
    """The reference, a function or a class, with all replacements made at once, each wherever its text occurs.

    Signature, docstring and `@checked` are left out; other decorators can be edited. The new text may use every name
    of the reference's module. Raises ValueError where a text does not occur, where the replacements overlap or change
    nothing, and where the result is not Python.
    """
    source = _Source.of(reference)
    return source.function(source.spans(replacements))


def edits(reference: Function, *table: Replacements | Function | str) -> "Edits":
    """The mistakes of an exercise, in turns: replacements (see `edited`) or a wrong function, and then its hint.

    They are tried in this order, then every two edits at once, where these do not overlap. A test grades every row, a
    mistake with its hint, and expects that hint, so that no two rows behave alike on the exercise's inputs. Raises
    TypeError where a mistake has no hint, or a hint no mistake.
    """
    rows = list(zip(table[::2], (*table[1::2], None), strict=False))
    for change, hint in rows:
        if isinstance(change, str) or not isinstance(hint, str):
            raise TypeError(
                f"edits of {reference.__name__}: a mistake and its hint stand in turns, not at {change!r}"
            )
    return Edits(reference, tuple(rows))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Edits:
    """See `edits`. The mistakes are made when first needed, and what does not fit raises ValueError then."""

    reference: Function
    table: tuple[Row, ...]

    def __iter__(self) -> Iterator[Mistake]:
        yield from self.alone
        yield from self.pairs

    @cached_property
    def alone(self) -> list[Mistake]:
        """Those of the rows."""
        return [
            Mistake(edited(self.reference, change) if isinstance(change, Mapping) else change, hint)
            for change, hint in self.table
        ]

    @cached_property
    def pairs(self) -> list[Mistake]:
        """Those of two edits at once."""
        source = _Source.of(self.reference)
        rows = [(source.spans(change), hint) for change, hint in self.table if isinstance(change, Mapping)]
        mistakes = []
        for (one, first), (other, second) in itertools.combinations(rows, 2):
            if first != second:
                with suppress(ValueError):  # they overlap, or together are not Python
                    both = source.function(one + other)
                    hint = f"Two things. First: {first} Second: {second}"
                    mistakes.append(Mistake(both, hint, twofold=True))
        return mistakes


@dataclass(frozen=True)
class _Source:
    """A reference's source, with its signature and docstring apart."""

    reference: Function
    signature: str
    text: str  # decorators and body, and between them a mark where the signature was

    @classmethod
    def of(cls, reference: Function) -> "_Source":
        source = textwrap.dedent(shown(inspect.unwrap(reference)))
        definition = ast.parse(source).body[0]
        assert isinstance(definition, ast.FunctionDef | ast.ClassDef)
        first = definition.body[0]
        last = (first.end_lineno or 0) if ast.get_docstring(definition) else first.lineno - 1
        lines = source.splitlines(keepends=True)
        head, body = lines[: definition.lineno - 1], lines[last:]
        return cls(
            reference, "".join(lines[definition.lineno - 1 : last]), "".join([*head, _SIGNATURE, *body])
        )

    def spans(self, replacements: Replacements) -> list[Span]:
        """Where to edit, without what old and new text have in common at their ends: so fewer edits overlap."""
        spans = []
        for old, new in replacements.items():
            starts = [match.start() for match in re.finditer(re.escape(old), self.text)]
            if not starts or old == new:
                problem = "would change nothing" if starts else "does not occur"
                raise ValueError(f"an edit of {self.reference.__name__}: {old!r} {problem} in\n{self.text}")
            before = len(commonprefix([old, new]))
            after = len(commonprefix([old[before:][::-1], new[before:][::-1]]))
            end = len(old) - after
            spans += [(start + before, start + end, new[before : len(new) - after]) for start in starts]
        return spans

    def function(self, spans: list[Span]) -> Function:
        name, code = self.reference.__name__, self.text
        spans = sorted(spans, key=lambda span: span[:2])
        if any(one[1] > other[0] for one, other in itertools.pairwise(spans)):
            raise ValueError(f"an edit of {name}: its replacements overlap: {spans}")
        for start, end, new in reversed(spans):
            code = code[:start] + new + code[end:]
        namespace = dict(vars(sys.modules[self.reference.__module__]))
        try:
            exec(compile(code.replace(_SIGNATURE, self.signature), f"<an edit of {name}>", "exec"), namespace)
        except SyntaxError as error:
            raise ValueError(f"an edit of {name} is not Python: {error}\n{code}") from error
        return namespace[name]  # type: ignore[no-any-return]
