"""What makes the bundled sentiment set worth teaching on: four measurements, each with the bound that it must keep."""

from typing import Any

from datasets import DatasetDict
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from course_utils import assets, data, models, training

BATCH = {"teacher": 16, "student": 64}


def majority(sentiment: DatasetDict) -> float:
    """The share of the most frequent label in the test split."""
    labels = list(sentiment["test"]["label"])
    return max(labels.count(label) for label in set(labels)) / len(labels)


def bag_of_words(sentiment: DatasetDict) -> float:
    """Test accuracy of logistic regression on word counts, trained on the labelled split."""
    vectorizer = CountVectorizer()
    features = vectorizer.fit_transform(sentiment["train"]["text"])
    classifier = LogisticRegression(max_iter=1000).fit(features, sentiment["train"]["label"])
    return classifier.score(vectorizer.transform(sentiment["test"]["text"]), sentiment["test"]["label"])


def tuned(role: str, sentiment: DatasetDict, seed: int) -> float:
    """Test accuracy of the role's model after training on the gold labels: pretrained weights, or random for the
    student."""
    tokenizer = models.load_tokenizer("teacher")
    names = sentiment["train"].features["label"].names
    if role == "student":
        model = models.new_classifier(role, names, tokenizer, seed)
    else:
        model = models.load_classifier(role, names, seed)
    train, test = (data.tokenize(sentiment[split], tokenizer) for split in ("train", "test"))
    training.fit(
        model,
        data.make_loader(train, tokenizer, BATCH[role], shuffle=True, seed=seed),
        seed=seed,
        progress=False,
        **assets.entry(role).recipe,
    )
    return training.evaluate(model, data.make_loader(test, tokenizer, 128, shuffle=False))


def measure(seeds: tuple[int, ...] = (0,)) -> list[dict[str, Any]]:
    """One row a property: what it is, what was measured (means over the seeds), the bound, and whether it is kept."""
    sentiment = data.load("sentiment")
    teacher = sum(tuned("teacher", sentiment, seed) for seed in seeds) / len(seeds)
    student = sum(tuned("student", sentiment, seed) for seed in seeds) / len(seeds)
    rows = [
        ("majority class", majority(sentiment), "at most", 0.45),
        ("bag-of-words logistic regression", bag_of_words(sentiment), "at most", 0.80),
        ("teacher, fine-tuned", teacher, "at least", 0.90),
        ("teacher minus student on gold labels alone", teacher - student, "at least", 0.08),
    ]
    return [
        {
            "property": name,
            "measured": round(value, 3),
            "bound": f"{side} {bound}",
            "kept": value <= bound if side == "at most" else value >= bound,
        }
        for name, value, side, bound in rows
    ]
