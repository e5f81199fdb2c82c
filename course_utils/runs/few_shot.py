"""(IA)³ and full fine-tuning of a language model on a few dozen reviews, with answers in words and no new head.

Source: Liu et al. (2022), "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning".
Left out: its second pretraining on many tasks, and its two further losses. Both methods see the same reviews for as
many steps, and get three learning rates, of which the best on the validation rows, with seed 0, is taken. The seed also
draws the reviews.
"""

from collections.abc import Sequence

from datasets import Dataset, DatasetDict
from torch import nn
from transformers import PreTrainedTokenizerBase

from course_utils import data, models, training
from course_utils.methods import ia3
from course_utils.models import label_words
from course_utils.runs import tries

NAME = "07_few_shot"
"""What the rows bear as their notebook: results.load("07_few_shot")."""

RATES = {"full fine-tuning": (1e-5, 3e-5, 1e-4), "(IA)³": (1e-2, 3e-2, 1e-1)}
"""Set before the table was made: each a factor of about three apart."""

PER_CLASS, STEPS, BATCH_SIZE, SEEDS, ASKED = 32, 36, 8, range(3), 200
WORDING = label_words.SENTIMENT[0]
DATA = f"NusaX, English, {PER_CLASS} a class"
VALIDATION = f"{DATA}, validation"


def add_ia3(model: nn.Module) -> nn.Module:
    """The paper's three vectors in each layer of a Llama, the third on the input of the feed-forward's last matrix.

    In place; returns the model. It gets no new head.
    """
    return ia3.inject_ia3(model, ["k_proj", "v_proj"], ["down_proj"], head=())


def asked(reviews: DatasetDict) -> Dataset:
    """The test reviews that every run is asked about."""
    return reviews["test"].select(range(min(ASKED, len(reviews["test"]))))


def train(
    method: str,
    tokenizer: PreTrainedTokenizerBase,
    reviews: Dataset,
    rate: float,
    seed: int,
    progress: bool = False,
) -> tuple[nn.Module, training.History]:
    """A fresh model, trained on `PER_CLASS` reviews of each class by one of the methods of `RATES`."""
    model = models.load_language_model("language_model").to(models.device())
    if method == "(IA)³":
        add_ia3(model)
    few = data.few_of_each(reviews, PER_CLASS, seed)
    loader = label_words.make_loader(few, tokenizer, WORDING, BATCH_SIZE, seed)
    history = training.fit(model, loader, steps=STEPS, learning_rate=rate, seed=seed, progress=progress)
    return model, history


def _tries() -> tries.Tries:
    return tries.Tries(NAME, "few-shot", RATES, SEEDS, DATA, VALIDATION, STEPS)


def chosen(method: str) -> float:
    """The learning rate with the best validation accuracy. Raises ValueError where one has not been tried."""
    return _tries().chosen(method)


def tried(method: str) -> dict[float, float]:
    """The validation accuracy of each learning rate that has been tried."""
    return _tries().tried(method)


def scores(method: str) -> Sequence[float]:
    """The test accuracies (%) of the table's runs with the chosen rate, in the order of `SEEDS`. Raises ValueError
    where one has not been made."""
    return _tries().scores(method)


class Table:
    """A row for each try and for each run with the chosen rate."""

    roles = ("language_model", "sentiment_multilingual")

    def __init__(self) -> None:
        self.reviews = data.load("sentiment_multilingual", "english")
        self.tokenizer = models.load_tokenizer("language_model")

    @staticmethod
    def missing() -> list[tries.Run]:
        """The runs without a row: all tries, then the table's runs, seed by seed."""
        return _tries().missing()

    def make(self, run: tries.Run) -> str:
        """Train and measure one run, record its row, and tell what it was. The tries of a method come first."""
        rate = chosen(run.method) if run.rate is None else run.rate
        rows, name = (
            (asked(self.reviews), DATA) if run.rate is None else (self.reviews["validation"], VALIDATION)
        )
        model, history = train(run.method, self.tokenizer, self.reviews["train"], rate, run.seed)
        accuracy = label_words.right(model, self.tokenizer, rows, WORDING).mean().item()
        _tries().record("E18", run, history, model="language model", data=name, accuracy=accuracy, rate=rate)
        return f"{run.method}, seed {run.seed}, rate {rate:g}: {accuracy:.1%} on {name}"
