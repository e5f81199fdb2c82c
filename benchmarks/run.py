"""`make bench`: what the training loop and the cached teacher cost, as ratios of two sides measured in one
run.

Both sides use the same weights, sentences, batch size, threads and precision. They take turns, and swap who
goes first, for five rounds after one round that is thrown away; the ratio is the median of the five. Written
to build/results/bench.json, and with --store to data/results/bench.json, which ships.
"""

import argparse
import contextlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import busy
import torch
from asking import bench_harness, bench_prefix_cache
from datasets import Dataset
from measure import Figure, compare, line, seconds
from sides import BATCH_SIZE, LEARNING_RATE, World, bare_seconds, fit_seconds, load_world, steps_within
from torch import nn
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

from course_utils import assets, data, models, session, training
from course_utils.measure import latency
from course_utils.methods import ia3, kd, lora, replacing
from course_utils.paths import BUILD, DATA, write_whole
from course_utils.results import rows

MERGED_REPEATS = 100
FEW_LABELS = 128
FEW_LABEL_STEPS = 60
SEEDS = range(3)


def trainer_seconds(world: World, model: nn.Module, rows: Dataset) -> float:
    """Seconds of transformers.Trainer for one epoch: its defaults, dynamic padding, nothing saved or
    reported."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=1,
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            bf16=training.precision() == "bf16",
            save_strategy="no",
            report_to="none",
        )
        trainer = Trainer(model, arguments, DataCollatorWithPadding(world.tokenizer), rows)
        with contextlib.redirect_stdout(io.StringIO()):  # without its bar, Trainer prints its log instead
            return seconds(trainer.train)


def bench_loop(world: World, name: str, make: Callable[[], nn.Module]) -> Figure:
    """Our loop against the bare step, on the same batches in the same order."""
    loader = world.loader(len(world.train))
    steps = steps_within(make(), loader)

    def bare() -> float:
        loader.batch_sampler.set_epoch(0)  # type: ignore[union-attr]
        return bare_seconds(make(), loader, steps)

    return compare(
        f"the loop / bare forward-backward-step ({name})",
        lambda: fit_seconds(make(), loader, steps),
        bare,
        1.03,
    )


def bench_trainer(world: World) -> Figure:
    """Our loop against Trainer: same model, sentences and number of examples. Our time includes making the
    loader."""
    examples = min(
        BATCH_SIZE * steps_within(world.teacher(), world.loader(len(world.train))), len(world.train)
    )
    rows = world.train.select(range(examples))

    def ours() -> float:
        start = time.perf_counter()
        loader = world.loader(examples)
        making = time.perf_counter() - start
        return making + fit_seconds(world.teacher(), loader, len(loader))

    return compare(
        "the loop / transformers.Trainer", ours, lambda: trainer_seconds(world, world.teacher(), rows), 0.85
    )


def kd_loss_from(logits: Callable[[training.Batch], torch.Tensor]) -> training.LossFunction:
    """KD and gold, with the teacher's logits for a batch given by `logits`."""
    return lambda outputs, batch: (
        0.5 * kd.kd_loss(outputs.logits, logits(batch), temperature=2.0)
        + 0.5 * kd.gold_loss(outputs.logits, batch["labels"])
    )


def bench_kd(world: World) -> list[Figure]:
    """A student on cached teacher logits against gold labels alone, and against a teacher that runs at every
    step."""
    device, teacher = models.device(), world.teacher().eval()
    loader = world.loader(len(world.train))
    steps = steps_within(world.student(), loader)

    def cache() -> torch.Tensor:
        with training.autocast(device):
            return kd.cache_logits(teacher, loader).float().to(device)

    @torch.no_grad()
    def live(batch: training.Batch) -> torch.Tensor:
        with training.autocast(device):
            output = teacher(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        return output.logits.float()

    cached = cache()
    from_cache = kd_loss_from(lambda batch: cached[batch["id"]])
    with_cache = compare(
        "KD with cached logits / gold labels alone",
        lambda: fit_seconds(world.student(), loader, steps, loss_fn=from_cache),
        lambda: fit_seconds(world.student(), loader, steps),
        1.08,
    )
    epochs = 4
    caching = compare(
        f"KD with cached logits, the caching included / KD with the live teacher ({epochs} epochs)",
        lambda: (
            seconds(cache) + fit_seconds(world.student(), loader, epochs * len(loader), loss_fn=from_cache)
        ),
        lambda: fit_seconds(world.student(), loader, epochs * len(loader), loss_fn=kd_loss_from(live)),
    )
    return [with_cache, caching]


def bench_latency(world: World) -> Figure:
    """One batch of test sentences through the student and through the teacher, without gradients."""
    batch = next(iter(data.make_loader(world.test, world.tokenizer, BATCH_SIZE, shuffle=True)))
    student, teacher = world.student(), world.teacher()
    return compare(
        f"latency of the student / of the teacher (a batch of {BATCH_SIZE})",
        lambda: latency(student, batch) / 1000,
        lambda: latency(teacher, batch) / 1000,
    )


def bench_merged(world: World) -> list[Figure]:
    """A model with LoRA in every linear layer, or with (IA)³, merged and not, against the model without it."""
    batch = next(iter(data.make_loader(world.test, world.tokenizer, BATCH_SIZE, shuffle=True)))
    targets = ["query", "key", "value", "output.dense", "intermediate.dense"]
    head = assets.entry("teacher").head
    base = world.teacher()
    with_lora = [lora.inject_lora(world.teacher(), targets, 2, lora_alpha=16, head=head) for _ in range(2)]
    with_ia3 = [ia3.inject_ia3(world.teacher(), head=head) for _ in range(2)]
    changed = {
        "LoRA, merged": replacing.merge(with_lora[0]),
        "LoRA, unmerged": with_lora[1],
        "(IA)³, folded": replacing.merge(with_ia3[0]),
        "(IA)³, unfolded": with_ia3[1],
    }
    figures = []
    for name, model in changed.items():
        model.to(models.device())  # LoRA's and (IA)³'s own parameters too
        figure = compare(
            f"latency with {name} / of the base (a batch of {BATCH_SIZE})",
            lambda model=model: latency(model, batch, MERGED_REPEATS) / 1000,  # type: ignore[misc]
            lambda: latency(base, batch, MERGED_REPEATS) / 1000,
        )
        if name.endswith((" merged", " folded")):
            figure = replace(figure, goal="1.00 +- 0.03", held=abs(figure.value - 1) <= 0.03)
        figures.append(figure)
    return figures


def bench_pretraining(world: World) -> Figure:
    """Accuracy after fine-tuning on few labels: the pretrained encoder against the same one from random
    weights."""
    loader, test = world.loader(FEW_LABELS), data.make_loader(world.test, world.tokenizer, 64, shuffle=False)

    def accuracy(model: nn.Module, seed: int) -> float:
        options: dict[str, Any] = {"steps": FEW_LABEL_STEPS, "learning_rate": LEARNING_RATE, "seed": seed}
        return 100 * training.fit(model, loader, test, **options).final

    pretrained = [accuracy(world.teacher(seed), seed) for seed in SEEDS]
    random = [
        accuracy(models.new_classifier("teacher", world.labels, world.tokenizer, seed), seed)
        for seed in SEEDS
    ]
    gains = [ours - other for ours, other in zip(pretrained, random, strict=True)]
    value, sides = statistics.mean(gains), (statistics.mean(pretrained), statistics.mean(random))
    name = f"accuracy with {FEW_LABELS} labels: pretrained encoder - the same from random weights"
    return Figure(name, value, "points", *sides, (min(gains), max(gains)), "at least 5", value >= 5)


def main() -> int:
    """Run every comparison and print a line for each; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="for authors: keep the figures in data/results/")
    store = parser.parse_args().store
    threads = session.set_threads()
    session.quiet()
    world = load_world()
    figures = [
        *busy.bench(),
        bench_loop(world, "encoder", world.teacher),
        bench_loop(world, "student", world.student),
        bench_trainer(world),
        *bench_kd(world),
        bench_latency(world),
        *bench_merged(world),
        bench_pretraining(world),
        bench_prefix_cache(),
        *bench_harness(),
    ]
    machine = {**rows.machine(), "threads": threads, "precision": training.precision()}
    report = {
        "time": rows.now(),
        "track": assets.track(),
        "machine": machine,
        "versions": rows.versions(),
    }
    text = json.dumps(
        {**report, "figures": [asdict(figure) for figure in figures]}, indent=1, ensure_ascii=False
    )
    for folder in [BUILD / "results", *([DATA / "results"] if store else [])]:
        write_whole(folder / "bench.json", text + "\n")
    print("\n".join(line(figure) for figure in figures))
    print(", ".join(f"{name}: {value}" for name, value in machine.items()))
    return 0 if all(figure.held is not False for figure in figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())
