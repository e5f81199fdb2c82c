"""The slides' statements, their tests as functions of result rows, and what became of each."""

from course_utils.results.statements.asking import NOT_MEASURED, Part
from course_utils.results.statements.listed import TESTS, Outcome, Statement, statement, statements
from course_utils.results.statements.shown import (
    counts,
    exhibits_table,
    shipped,
    show_statements,
    summary,
    verdict_of,
)  # fmt: skip

__all__ = [
    "NOT_MEASURED", "TESTS", "Outcome", "Part", "Statement", "counts", "exhibits_table", "shipped", "show_statements",
    "statement", "statements", "summary", "verdict_of",
]  # fmt: skip
