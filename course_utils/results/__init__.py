"""Results: rows and tables of them, the papers' figures beside them, statements, verdicts, methods side by side."""

from course_utils.results.cards import write_card
from course_utils.results.comparison import beside_papers, by_method, elsewhere, for_reading
from course_utils.results.papers import beside_paper, paper
from course_utils.results.rows import RUN, Row, load, record, record_figure, record_fit
from course_utils.results.statements import exhibits_table, show_statements, statement, statements
from course_utils.results.sweeps import choose, score, sweep
from course_utils.results.tables import SHARES, made_on, mean_and_spread, over_seeds, table
from course_utils.results.tasks import averages, by_task
from course_utils.results.verdicts import Verdict, interval, judge, verdict

__all__ = [
    "RUN",
    "SHARES",
    "Row",
    "Verdict",
    "averages",
    "beside_paper",
    "beside_papers",
    "by_method",
    "by_task",
    "choose",
    "elsewhere",
    "exhibits_table",
    "for_reading",
    "interval",
    "judge",
    "load",
    "made_on",
    "mean_and_spread",
    "over_seeds",
    "paper",
    "record",
    "record_figure",
    "record_fit",
    "score",
    "show_statements",
    "statement",
    "statements",
    "sweep",
    "table",
    "verdict",
    "write_card",
]
