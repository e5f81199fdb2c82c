"""The course's metrics: local `evaluate.Metric` modules over scikit-learn, SciPy, seqeval and sacreBLEU.

`evaluate.load("accuracy")` fetches a script from the network. These classes hold the same few lines here, so
`load_metric` works with no network. Each `compute` returns a dictionary whose key of the metric's own name is
the score.
"""

from typing import Any

import evaluate
from datasets import Features, Sequence, Value

from course_utils.data.tags import iob2
from course_utils.paths import BUILD

CLASS_IDS = Features({"predictions": Value("int64"), "references": Value("int64")})
SCORES = Features({"predictions": Value("float64"), "references": Value("float64")})
TAGS = Features({"predictions": Sequence(Value("string")), "references": Sequence(Value("string"))})
TRANSLATIONS = Features({"predictions": Value("string"), "references": Sequence(Value("string"))})


class Accuracy(evaluate.Metric):
    """Share of predictions equal to their reference, from 0 to 1."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Share of predictions that equal their reference.",
            citation="Pedregosa et al. (2011). Scikit-learn: Machine Learning in Python. JMLR 12.",
            inputs_description="predictions, references: class ids.",
            features=CLASS_IDS,
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        from sklearn.metrics import accuracy_score

        return {"accuracy": float(accuracy_score(references, predictions))}


class MacroF1(evaluate.Metric):
    """Mean over the classes of their F1 score, from 0 to 1; a rare class counts as much as a common one."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Unweighted mean of the F1 scores of the classes.",
            citation="Pedregosa et al. (2011). Scikit-learn: Machine Learning in Python. JMLR 12.",
            inputs_description="predictions, references: class ids.",
            features=CLASS_IDS,
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        from sklearn.metrics import f1_score

        return {"macro_f1": float(f1_score(references, predictions, average="macro", zero_division=0.0))}


class Matthews(evaluate.Metric):
    """Matthews correlation of the classes, from -1 to 1; 0 where all predictions are of one class. GLUE's for CoLA."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Matthews correlation coefficient.",
            citation="Pedregosa et al. (2011). Scikit-learn: Machine Learning in Python. JMLR 12.",
            inputs_description="predictions, references: class ids.",
            features=CLASS_IDS,
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        from sklearn.metrics import matthews_corrcoef

        return {"matthews": float(matthews_corrcoef(references, predictions))}


class F1(evaluate.Metric):
    """F1 score of class 1 of two, from 0 to 1. GLUE's for MRPC, where class 1 is "equivalent"."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="F1 score of class 1.",
            citation="Pedregosa et al. (2011). Scikit-learn: Machine Learning in Python. JMLR 12.",
            inputs_description="predictions, references: class ids, 0 or 1.",
            features=CLASS_IDS,
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        from sklearn.metrics import f1_score

        if not {*predictions, *references} <= {0, 1}:
            raise ValueError('"f1" is of class 1 of two, and here are more classes. Take "macro_f1".')
        return {"f1": float(f1_score(references, predictions, zero_division=0.0))}


class Spearman(evaluate.Metric):
    """Spearman's rank correlation of scores, from -1 to 1; 0 where either side is constant. GLUE's for STS-B."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Spearman's rank correlation coefficient.",
            citation="Virtanen et al. (2020). SciPy 1.0. Nature Methods 17.",
            inputs_description="predictions, references: numbers.",
            features=SCORES,
        )

    def _compute(self, predictions: list[float], references: list[float]) -> dict[str, float]:
        from scipy.stats import spearmanr

        if len(set(predictions)) < 2 or len(set(references)) < 2:
            return {"spearman": 0.0}
        return {"spearman": float(spearmanr(references, predictions).statistic)}


class Seqeval(evaluate.Metric):
    """F1 over whole entities (CoNLL's rule): type and both boundaries must match. From 0 to 1.

    Tags may be IOB1, IOB2, BIOES or BILOU. Raises ValueError for names that are no tags, such as transformers' LABEL_0.
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Precision, recall and F1 over whole named entities.",
            citation="Tjong Kim Sang and De Meulder (2003). CoNLL-2003. Nakayama (2018). seqeval.",
            inputs_description="predictions, references: one list of tags ('B-PER', 'O') a sentence.",
            features=TAGS,
        )

    def _compute(self, predictions: list[list[str]], references: list[list[str]]) -> dict[str, float]:
        from seqeval.metrics import f1_score, precision_score, recall_score

        # seqeval itself knows no L- and U-, and takes a name such as LABEL_0 for an entity's type.
        predictions, references = ([iob2(tags) for tags in rows] for rows in (predictions, references))
        scores = {"seqeval": f1_score, "precision": precision_score, "recall": recall_score}
        return {
            name: float(score(references, predictions, zero_division=0)) for name, score in scores.items()
        }


class Sacrebleu(evaluate.Metric):
    """Corpus BLEU on detokenised text, from 0 to 100, with the signature that makes it comparable."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Corpus BLEU with sacreBLEU's own tokenisation.",
            citation="Post (2018). A Call for Clarity in Reporting BLEU Scores. WMT.",
            inputs_description="predictions: detokenised text; references: a list of correct sentences each.",
            features=TRANSLATIONS,
        )

    def _compute(self, predictions: list[str], references: list[list[str]]) -> dict[str, Any]:
        from sacrebleu.metrics import BLEU

        # sacreBLEU wants one list for the first references, one for the second ...; None stands for a missing
        # one.
        most = max(len(choices) for choices in references)
        streams: list[Any] = [
            [choices[i] if i < len(choices) else None for choices in references] for i in range(most)
        ]
        bleu = BLEU()
        score = bleu.corpus_score(list(predictions), streams)
        return {"sacrebleu": float(score.score), "signature": str(bleu.get_signature())}


METRICS: dict[str, type[evaluate.Metric]] = {
    "accuracy": Accuracy,
    "macro_f1": MacroF1,
    "f1": F1,
    "matthews": Matthews,
    "spearman": Spearman,
    "seqeval": Seqeval,
    "sacrebleu": Sacrebleu,
}


def load_metric(name: str) -> evaluate.Metric:
    """The metric of that name, one of `METRICS`. Nothing is downloaded.

    `load_metric(name).compute(predictions=..., references=...)[name]` is the score. Raises ValueError for
    another name.
    """
    if name not in METRICS:
        raise ValueError(f"There is no metric called {name!r}. The course has: {', '.join(METRICS)}.")
    # In memory: evaluate would otherwise write each prediction to a file, with a lock, in the home folder.
    return METRICS[name](keep_in_memory=True, cache_dir=str(BUILD / "cache" / "metrics"), seed=0)


def bleu(translations: list[str], references: list[list[str]]) -> float:
    """sacreBLEU of detokenised text against one or more references each, from 0 to 100."""
    metric = load_metric("sacrebleu")
    given = {"predictions": translations, "references": references}
    return float(metric.compute(**given)["sacrebleu"])
