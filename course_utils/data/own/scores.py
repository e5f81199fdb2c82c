"""What a score is worth: its interval, and the baselines that it has to beat."""

import re
from collections import Counter
from math import sqrt
from statistics import NormalDist

import pandas as pd
from datasets import Dataset
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from course_utils.data.columns import labels_of
from course_utils.data.files import DataError

WORD = re.compile(r"(?u)\b\w+\b")  # scikit-learn's own leaves out words of one letter


def interval(correct: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Bounds of the accuracy behind `correct` right answers out of `n`, both from 0 to 1.

    Wilson's score interval (Wilson, 1927, "Probable inference, the law of succession, and statistical inference",
    JASA 22; recommended by Brown, Cai and DasGupta, 2001, "Interval estimation for a binomial proportion", section
    4.1.1). Unlike the mean plus or minus two standard errors it stays inside [0, 1], and has a width at 0 and at n. It
    measures the chance in the draw of the test rows, not that of the seed. Raises ValueError unless 0 <= correct <= n
    and n >= 1.
    """
    if not (n >= 1 and 0 <= correct <= n):
        raise ValueError(
            f"{correct} right answers out of {n}: correct should lie between 0 and n, and n above 0."
        )
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = correct / n
    middle = share + z * z / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def baselines(train: Dataset, test: Dataset) -> pd.DataFrame:
    """The accuracy on `test` that needs no language model: a model that does not beat it has learned nothing of use.

    Rows: "commonest label" of `train`, and "bag of words" (scikit-learn's logistic regression on the counts of words,
    of a pair those of both texts joined). Columns: accuracy, low and high (95 % interval), correct, rows. Takes the
    columns text, label and, where it is there, text_pair; raises DataError where a label is missing.
    """
    for name, rows in (("train", train), ("test", test)):
        if "label" not in rows.column_names:
            raise DataError(
                f"The {name} rows have no column 'label', so there is no accuracy to compare with."
            )
        if not len(rows) or any(label is None or label == -1 for label in rows["label"]):
            raise DataError(
                f"The {name} rows are empty, or some have no label. Drop those first: own.clean(rows)."
            )
    if str(train.features["label"]) != str(test.features["label"]):
        raise DataError(
            "The train and test rows number their labels differently. Read the second with "
            'classes=train.features["label"].names.'
        )
    truth, known = labels_of(test)[0], labels_of(train)[0]
    commonest = Counter(known).most_common(1)[0][0]
    guesses = {
        "commonest label": [commonest] * len(truth),
        "bag of words": _bag_of_words(train, known, test, commonest),
    }
    lines = {}
    for name, guessed in guesses.items():
        correct = sum(guess == label for guess, label in zip(guessed, truth, strict=True))
        low, high = interval(correct, len(truth))
        lines[name] = [correct / len(truth), low, high, correct, len(truth)]
    columns = ["accuracy", "low", "high", "correct", "rows"]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns).astype(
        {"correct": int, "rows": int}
    )


def _bag_of_words(train: Dataset, labels: list[int], test: Dataset, commonest: int) -> list[int]:
    wordless = not any(map(WORD.search, _joined(train)))
    if len(set(labels)) == 1 or wordless:  # logistic regression needs two classes, and something to count
        return [commonest] * len(test)
    model = make_pipeline(CountVectorizer(token_pattern=WORD.pattern), LogisticRegression(max_iter=1000))
    return [int(label) for label in model.fit(_joined(train), labels).predict(_joined(test))]


def _joined(rows: Dataset) -> list[str]:
    if "text_pair" not in rows.column_names:
        return list(rows["text"])
    return [f"{one} {other}" for one, other in zip(rows["text"], rows["text_pair"], strict=True)]
