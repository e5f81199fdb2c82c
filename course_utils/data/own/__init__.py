"""A reader's own data: read a file, look at it, clean it, split it without leakage, and know what to beat.

    rows = own.read_table("reviews.csv", text="text", label="label")
    own.look(rows, tokenizer)
    splits = own.split(own.clean(rows))
    own.baselines(splits["train"], splits["test"])

Sets are `datasets.Dataset`, tables for reading are pandas data frames.
"""

from course_utils.data.own.cleaning import clean
from course_utils.data.own.findings import look, text_keys
from course_utils.data.own.scores import baselines, interval
from course_utils.data.own.splits import split, stay_together
from course_utils.data.own.tables import read_table

__all__ = ["baselines", "clean", "interval", "look", "read_table", "split", "stay_together", "text_keys"]
