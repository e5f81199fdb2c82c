"""Sequence-level distillation on what people translated: Indonesian to Javanese, all translators from random weights.

Source: Kim and Rush (2016), "Sequence-Level Knowledge Distillation". Every method gets as many learning rates, of which
the best by greedy BLEU on validation sentences, with seed 0, is taken. All students make the same number of steps; what
goes on with the teacher makes as many steps on gold as on interpolated sentences. A test sentence has one reference.
"""

import json
import re
import zlib
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import sacrebleu
import torch
from datasets import Dataset, DatasetDict
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from course_utils import data, models, paths, results, training
from course_utils.data import pairs
from course_utils.methods import seqkd
from course_utils.models import small_translators, translators
from course_utils.runs import tries
from course_utils.training import metrics

NAME = "04_translators"
"""What the rows bear as their notebook: results.load("04_translators")."""

ROLE = "translation_javanese"
MAX_WORDS, VOCABULARY, BATCH_SIZE, MAX_NEW_TOKENS, BEAMS, SEEDS = 16, 2000, 16, 60, 5, range(3)
TEACHER = {"d_model": 128, "layers": 2, "heads": 4, "ffn": 512, "dropout": 0.1}
STUDENT = {"d_model": 64, "layers": 1, "heads": 4, "ffn": 256, "dropout": 0.0}
ALPHA = 0.5
"""The share of the teacher's distribution in the loss of word-KD; the rest is gold."""

STEPS = {"teacher: baseline": 2000, "student": 1500, "teacher: more": 400}
"""Of the teacher, of every student, and of what goes on with the teacher."""

FROM_SCRATCH, GOES_ON = (1e-3, 2e-3, 4e-3), (1e-4, 3e-4, 1e-3)
RATES: dict[str, Sequence[float]] = {
    "teacher: baseline": FROM_SCRATCH,
    "student: baseline": FROM_SCRATCH,
    "student: word-KD": FROM_SCRATCH,
    "student: seq-KD": FROM_SCRATCH,
    "student: seq-inter": FROM_SCRATCH,
    "teacher: baseline + seq-inter": GOES_ON,
    "teacher: baseline + gold": GOES_ON,
}
"""Set before the table was made. The teacher comes first: the others learn from it."""

UNCHANGED = "the source unchanged"
"""The row of what a reader gets who returns the source: no model, and a strong baseline between close relatives."""

DATA = f"NusaWrites, Indonesian to Javanese, at most {MAX_WORDS} words"
BEAM = f"{DATA}, beam of {BEAMS}"
VALIDATION = f"{DATA}, validation"
Loss = Callable[[Any, training.Batch], Tensor]


def steps(method: str) -> int:
    """How many steps a method trains."""
    return STEPS.get(method, STEPS["student" if method.startswith("student") else "teacher: more"])


def sentences() -> DatasetDict:
    """The pairs of which neither side has more than `MAX_WORDS` words, with columns id, source, targets."""

    def short(row: dict[str, Any]) -> bool:
        return max(len(text.split()) for text in (row["source"], *row["targets"])) <= MAX_WORDS

    return data.load(ROLE).filter(short)


def tokenizer(train: Dataset) -> PreTrainedTokenizerFast:
    """The vocabulary of both languages, from the training pairs."""
    texts = [*train["source"], *(text for targets in train["targets"] for text in targets)]
    return small_translators.train_tokenizer(texts, VOCABULARY)


def new_translator(method: str, tokens: PreTrainedTokenizerFast, seed: int) -> PreTrainedModel:
    """Random weights, in the shape of the teacher or of the student, as the method's name says."""
    shape = TEACHER if method.startswith("teacher") else STUDENT
    return small_translators.new_translator(shape, tokens, seed)


def fit(
    model: PreTrainedModel,
    tokens: PreTrainedTokenizerFast,
    rows: Dataset,
    rate: float,
    seed: int,
    *,
    steps: int,
    loss_fn: Loss = training.gold_loss,
    progress: bool = False,
) -> training.History:
    """Train a translator on pairs, with the settings of the table."""
    start = model.config.decoder_start_token_id
    loader = pairs.make_loader(rows, tokens, BATCH_SIZE, start_token_id=start, shuffle=True, seed=seed)
    return training.fit(
        model, loader, steps=steps, learning_rate=rate, loss_fn=loss_fn, seed=seed, progress=progress
    )


def translate(
    model: PreTrainedModel, tokens: PreTrainedTokenizerFast, sources: Sequence[str], beams: int, **more: bool
) -> list[Any]:
    """What a beam of that width finds best for each source; 1 is greedy. more: all_beams=True for the whole beam."""
    return translators.translate(model, tokens, sources, beams, max_new_tokens=MAX_NEW_TOKENS, **more)


def with_targets(rows: Dataset, targets: Sequence[str]) -> Dataset:
    """The same sources with other translations, one each."""
    return Dataset.from_dict(
        {"id": rows["id"], "source": rows["source"], "targets": [[text] for text in targets]}
    )


def nearest(beams: Sequence[Sequence[str]], rows: Dataset) -> list[str]:
    """Of each beam the sentence that is most like the gold one, by BLEU of one sentence."""

    def similarity(text: str, other: str) -> float:
        return sacrebleu.sentence_bleu(text, [other]).score

    return [
        seqkd.closest(beam, targets, similarity) for beam, targets in zip(beams, rows["targets"], strict=True)
    ]


def by_word(teacher: PreTrainedModel, outputs: Any, batch: training.Batch) -> Tensor:
    """The loss of word-KD: the teacher's next-token distributions along the gold translation, and gold itself."""
    names = ("input_ids", "attention_mask", "decoder_input_ids")
    with torch.no_grad(), training.autocast(batch["input_ids"].device):
        taught = teacher(**{name: batch[name] for name in names}).logits.float()
    kd = seqkd.word_kd_loss(outputs.logits, taught, batch["labels"])
    return ALPHA * kd + (1 - ALPHA) * training.gold_loss(outputs, batch)


def _tries(method: str) -> tries.Tries:
    return tries.Tries(NAME, "translators", {method: RATES[method]}, SEEDS, DATA, VALIDATION, steps(method))


def chosen(method: str) -> float:
    """The learning rate with the best validation BLEU. Raises ValueError where one has not been tried."""
    return _tries(method).chosen(method)


def tried(method: str) -> dict[float, float]:
    """The greedy BLEU on validation sentences of each learning rate that has been tried."""
    return _tries(method).tried(method)


def scores(method: str, beams: int = 1) -> list[float]:
    """The BLEU of the table's runs with the chosen rate, greedy or with the whole beam, in the order of `SEEDS`.

    Raises ValueError where one has not been made.
    """
    found = _tries(method) if beams == 1 else _tries(method)._replace(data=BEAM)
    return found.scores(method)


def unchanged() -> float:
    """The BLEU of the test sources themselves. Raises ValueError where nobody has measured it."""
    if not (found := _unchanged()):
        raise ValueError(f"{UNCHANGED} has no row. Make it: python -m course_utils tables translators.")
    return found[-1]


def _unchanged() -> list[float]:
    rows = results.load(NAME, tries.TRACK)
    return [] if rows.empty else rows.loc[rows["method"] == UNCHANGED, "value"].tolist()


class Table:
    """A row for each try; for each run with the chosen rate one with greedy search and one with the beam; and one for
    the source unchanged.

    Trained models and the teacher's beams are kept in the build folder, so nothing is trained or translated twice.
    """

    roles = (ROLE,)

    def __init__(self) -> None:
        self.sentences = sentences()
        self.tokenizer = tokenizer(self.sentences["train"])
        settings = (MAX_WORDS, VOCABULARY, BATCH_SIZE, MAX_NEW_TOKENS, BEAMS, TEACHER, STUDENT, STEPS, ALPHA)
        self.folder = paths.BUILD / "translators" / f"{zlib.crc32(repr(settings).encode()):08x}"
        self._beams = cache(self._make_beams)

    @staticmethod
    def missing() -> list[tries.Run]:
        """The runs without a row: all tries, then the table's runs by seed, the teacher first; the source last."""
        runs = [run for method in RATES for run in _tries(method).missing()]
        runs.sort(key=lambda run: (run.rate is None, run.seed))
        return runs + ([] if _unchanged() else [tries.Run(UNCHANGED, 0)])

    def make(self, run: tries.Run) -> str:
        """Train and measure one run, record its rows, and tell what it was. The tries of a method come first."""
        if run.method == UNCHANGED:
            score = self._record(run, DATA, self.sentences["test"], self.sentences["test"]["source"])
            return f"{run.method}: BLEU {score:.1f} on {DATA}"
        rate = chosen(run.method) if run.rate is None else run.rate
        model, history = self.trained(run.method, run.seed, rate)
        facts = {
            "trainable_parameters": history.trainable_parameters,
            "seconds": history.seconds,
            "learning_rate": rate,
            "steps": steps(run.method),
        }
        # The greedy row comes last: it says that the run is made.
        asked = {VALIDATION: ("validation", 1)} if run.rate else {BEAM: ("test", BEAMS), DATA: ("test", 1)}
        for name, (split, beams) in asked.items():
            rows = self.sentences[split]
            said = translate(model, self.tokenizer, rows["source"], beams)
            score = self._record(run, name, rows, said, **facts)
        return f"{run.method}, seed {run.seed}, rate {rate:g}: BLEU {score:.1f} on {name}"

    @staticmethod
    def _record(run: tries.Run, name: str, rows: Dataset, said: Sequence[str], **facts: Any) -> float:
        """Record the BLEU of what was said to these rows, and return it. facts: of the training, if there was one."""
        score = metrics.load_metric("sacrebleu").compute(predictions=said, references=rows["targets"])
        results.record(
            NAME,
            "E11",
            run.method,
            model=run.method.split(":")[0],
            data=name,
            seed=run.seed,
            metric="sacrebleu",
            value=score["sacrebleu"],
            signature=score["signature"],
            **{"trainable_parameters": 0, "seconds": 0.0} | facts,
        )
        return float(score["sacrebleu"])

    def trained(self, method: str, seed: int, rate: float) -> tuple[PreTrainedModel, training.History]:
        """The model of a run: trained, or read where it was trained before."""
        words = "-".join(re.findall(r"\w+", method))  # a colon cannot stand in a file's name everywhere
        path = self.folder / f"{words}-{seed}-{rate:g}.pt"
        model = new_translator(method, self.tokenizer, seed)
        if not path.exists():
            if method in ("teacher: baseline + seq-inter", "teacher: baseline + gold"):
                model = self._teacher(seed)
            rows, loss = self._lesson(method, seed)
            history = fit(model, self.tokenizer, rows, rate, seed, steps=steps(method), loss_fn=loss)
            with paths.whole_file(path) as part:
                torch.save({"weights": model.state_dict(), "history": vars(history)}, part)
        stored = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(stored["weights"])
        return model.to(models.device()).eval(), training.History(**stored["history"])

    def _teacher(self, seed: int) -> PreTrainedModel:
        method = "teacher: baseline"
        return self.trained(method, seed, chosen(method))[0]

    def _lesson(self, method: str, seed: int) -> tuple[Dataset, Loss]:
        """What a method learns from: pairs, and a loss."""
        gold = self.sentences["train"]
        if method == "student: word-KD":
            return gold, partial(by_word, self._teacher(seed))
        if method == "student: seq-KD":
            return with_targets(gold, [beam[0] for beam in self._beams(seed)]), training.gold_loss
        if method.endswith("seq-inter"):
            return with_targets(gold, nearest(self._beams(seed), gold)), training.gold_loss
        return gold, training.gold_loss

    def _make_beams(self, seed: int) -> list[list[str]]:
        """What the teacher says to each training source, best first: translated, or read where it was before."""
        path = self.folder / f"beams-{seed}-{chosen('teacher: baseline'):g}.json"
        if not path.exists():
            sources = self.sentences["train"]["source"]
            found = translate(self._teacher(seed), self.tokenizer, sources, BEAMS, all_beams=True)
            paths.write_whole(path, json.dumps(found, ensure_ascii=False))
        return json.loads(path.read_text(encoding="utf-8"))
