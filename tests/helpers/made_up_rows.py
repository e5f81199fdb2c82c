"""Made-up result rows for each statement's test: values with which it holds, and values with which it fails."""

from typing import Any

import pandas as pd

from course_utils.results.papers import paper
from course_utils.results.statements import distillation, tuning

SIZES = ("15k", "60k", "150k", "600k", "1800k")
TWO, FOUR = tuning.TWO, tuning.FOUR
Line = dict[str, Any]


def line(exhibit: str, method: str, holds: float, fails: float, **more: Any) -> Line:
    """A measurement: what else it needs is in `more`, where anything but data, metric and notebook is a setting."""
    fixed = {"data": "some", "metric": "accuracy", "notebook": "x", "trainable_parameters": 1}
    return {"exhibit": exhibit, "method": method, "holds": holds, "fails": fails, **fixed, **more}


def pair(exhibit: str, better: str, other: str, **more: Any) -> list[Line]:
    """Two methods of which the first is better where the statement holds, and worse where it fails."""
    return [line(exhibit, better, 0.8, 0.4, **more), line(exhibit, other, 0.5, 0.7, **more)]


def level(exhibit: str, one: str, other: str, **more: Any) -> list[Line]:
    """Two methods that are level where the statement holds; where it fails, the first is far behind."""
    return [line(exhibit, one, 0.801, 0.4, **more), line(exhibit, other, 0.8, 0.8, **more)]


def on(data: tuple[str, ...], made: Any, *arguments: str, **more: Any) -> list[Line]:
    return [found for name in data for found in made(*arguments, data=name, **more)]


def glue(made: Any, one: str, other: str) -> list[Line]:
    return on(tuning.GLUE, made, "GLUE", one, other, examples=100)


def words(real: bool) -> list[Line]:
    kind, values = "few-shot prompt" if real else "prompt", {0: 0.1, 1: 0.3, 6: 0.8}
    told = {0: 0.7, 1: 0.6, 6: 0.85}
    return [
        line(
            "E02", f"{kind}, {how} description", value, 1 - value, shots=shots, size="135M" if real else "15k"
        )
        for how, by_shots in {"no": values, "with": told}.items()
        for shots, value in by_shots.items()
    ]


def rungs() -> list[Line]:
    found = []
    for number, size in enumerate(SIZES):
        for shots, value in {0: 0.05, 6: 0.1 + 0.15 * number}.items():
            found.append(line("E02", "prompt, no description", value, 0.9 - value, size=size, shots=shots))
    return found


def across() -> list[Line]:
    found = []
    for size, english, holds, fails in zip(SIZES, (0.1, 0.2, 0.3, 0.6, 0.8), (0, 0, 0, 0.4, 0.9), (0, 0, 0, 0.9, 0.4),
                                           strict=True):  # fmt: skip
        found.append(line("E04", "English, tuned", english, english, size=size))
        found.append(line("E04", "Indonesian, tuned in English", holds, fails, size=size))
        found += [
            line("E04", f"Indonesian, {how}", 0.1, 0.1, size=size)
            for how in ("before", "tuned without descriptions")
        ]
    return found


def emergence() -> list[Line]:
    match, nats = (0, 0, 0.1, 0.9, 1), (-2.0, -1.0, -0.5, -0.2, -0.1)
    return [
        found
        for size, one, other, up, down in zip(SIZES, match, match[::-1], nats, nats[::-1], strict=True)
        for found in (
            line("E05", "exact match", one, other, size=size),
            line("E05", "log-likelihood a token", up, down, size=size, metric="nats"),
        )
    ]


def students(holds: float, fails: float) -> list[Line]:
    base = [line("E06", "teacher", 0.95, 0.95), line("E07", "gold labels", 0.6, 0.6)]
    return base + [line("E07", method, holds, fails, data="all") for method in distillation.ALL]


def small_berts() -> list[Line]:
    """The paper's order of the table, with TinyBERT the first after its teacher; and the other way round."""
    figures = paper("E10")["mnli_m"]
    ours = {method: figures[theirs] / 100 for method, theirs in distillation.SMALL_BERTS.items()}
    return [
        line("E10", method, value, 1.5 - value if method == "BERT (teacher)" else 1 - value, data=task)
        for method, value in ours.items()
        for task in TWO
    ]


def speed_ups() -> list[Line]:
    times = {"BERT-tiny, gold labels": 9.4, "TinyBERT": 9.4, "BERT-small, gold labels": 5.7}
    times |= {"PKD": 3.0, "DistilBERT": 3.0}
    return [line("E10", method, value, 10 - value, metric="speed-up") for method, value in times.items()]


def bleu(real: bool, better: str, other: str) -> list[Line]:
    return pair("E11", better, other, metric="sacrebleu", **({} if real else {"num_beams": 1}))


def chat(real: bool) -> list[Line]:
    if real:
        more = {"data": "Vicuna's questions", "category": "writing"}
        metrics = ("log-likelihood", "ROUGE-L")
        return [
            found
            for name in metrics
            for found in pair("E12", "sequence-level", "before", metric=name, **more)
        ]
    tuned = [
        line("E12", name, 0.8, 0.1, asked=a) for name in ("instructions", "conversations") for a in ASKED
    ]
    return tuned + [line("E12", "base", 0.2, 0.5, asked=asked) for asked in ASKED]


ASKED = ("question", "follow-up")


def ia3(real: bool) -> list[Line]:
    found = pair("E18", "(IA)³", tuning.FULL, data="few", examples_per_class=32)
    more = {"data": "NusaX, English, 32 a class", "notebook": "07_few_shot"}
    return found + (pair("E18", "(IA)³", tuning.FULL, **more) if real else [])


def swapping(real: bool) -> list[Line]:
    size = f"adapters of {96 if real else 32}"
    names = [line("E20", size, 0.801, 0.4, data="names"), line("E17", tuning.FULL, 0.8, 0.8, data="names")]
    return on(TWO, level, "E19", size, tuning.FULL) + names


def transfer(real: bool) -> list[Line]:
    others, found = (tuning.FULL, "task adapter alone" if real else "alone"), []
    for target in ("English", "Indonesian", "Javanese", "Sundanese", "Minangkabau"):
        where = {"data": f"NusaX, {target}", "notebook": "09_transfer"} if real else {
            "source": "another", "target": target.lower()
        }  # fmt: skip
        found.append(line("E21", "MAD-X", 0.8, 0.4, **where))
        found += [line("E21", other, 0.5, 0.6, **where) for other in others]
    return found


def ranks(holds: dict[int, float], fails: dict[int, float], weights: tuple[str, ...]) -> list[Line]:
    return [
        line("E26", "LoRA", holds[rank], fails[rank], data=task, rank=rank, weights=name, steps=75)
        for task in TWO for name in weights for rank in holds
    ]  # fmt: skip


def lora(real: bool) -> list[Line]:
    if real:
        return glue(level, "LoRA", tuning.FULL)
    return on(TWO, level, "E28", "LoRA", tuning.FULL)


def lora_best(real: bool) -> list[Line]:
    adapters = f"adapters of {96 if real else 32}"
    if real:
        return glue(pair, "LoRA", "BitFit") + glue(pair, "LoRA", adapters)[1::2]
    return on(TWO, pair, "E28", "LoRA", "BitFit") + on(TWO, pair, "E19", "LoRA", adapters)[1::2]


def wordings(real: bool) -> list[Line]:
    if real:
        where = {"data": "NusaX, English, 100 test reviews"}
        return [line("E22", "wording: a", 0.9, 0.5, **where), line("E22", "wording: b", 0.1, 0.45, **where)]
    return [
        line("E22", "known", 0.9, 0.5, template="a"),
        line("E22", "instructive", 0.1, 0.45, template="b"),
        line("E22", "misleading", 0.0, 0.0, template="c"),
    ]


def tuned_by_size() -> list[Line]:
    gaps = zip(SIZES, (0.6, 0.5, 0.4, 0.3, 0.1), (0.1, 0.3, 0.4, 0.5, 0.6), strict=True)
    return [
        found
        for size, holds, fails in gaps
        for found in (
            line("E23", "model tuning", 0.9, 0.9, data="reverse", size=size),
            line("E23", "prompt tuning", 0.9 - holds, 0.9 - fails, data="reverse", size=size),
        )
    ]


def learned(real: bool) -> list[Line]:
    where = ("NusaX, English",) if real else ("reverse", "shift + head")
    settings = {"num_virtual_tokens": 20} if real else {"size": "150k"}
    written = [line("E23", "best of sixteen written prompts", 0.6, 0.6, data=name) for name in where]
    return written + [line("E23", "prompt tuning", 0.8, 0.4, data=name, **settings) for name in where]


def prefixes(real: bool) -> list[Line]:
    where, size = (("NusaX, English",), {}) if real else (("reverse", "shift + head"), {"size": "150k"})
    flat = [
        line("E23", "prompt tuning", 0.5, 0.7, data=name, num_virtual_tokens=60, **size) for name in where
    ]
    return flat + [line("E25", "prefix tuning", 0.8, 0.4, data=name, **size) for name in where]


def quantized(real: bool) -> list[Line]:
    whole, size = ("language model: float32", "size (MB)") if real else ("float32", "file (kB)")
    names = (
        ("language model: int8", "language model: 4 bits (NF4)") if real else ("int8, ours", "4 bits, ours")
    )
    found = [line("E31", whole, 0.9, 0.9), line("E31", whole, 100, 100, metric=size)]
    for method in names:
        found += [line("E31", method, 0.899, 0.5), line("E31", method, 40, 120, metric=size)]
    return found


def templates() -> list[Line]:
    return [
        line("E22", name, *((0.8, 0.4) if kind == "instructive" else (0.3, 0.6)), data="MultiArith")
        for name, kind in paper("E22")["category"].items()
    ]


def lines(name: str, real: bool) -> list[Line]:
    """The measurements of a statement on the real track, or on the bundled one."""
    full, rank_one = tuning.FULL, dict.fromkeys((1, 2, 4, 8, 64), 0.9)
    late = line("E32", "early exit", 0.5, 5.0, metric="points lost")
    slower = ("adapters", "LoRA, unmerged", "prompt of 10", "prefix of 10")
    made: dict[str, Any] = {
        "S02": lambda: words(real), "S03": lambda: words(real), "S04": rungs, "S06": across, "S07": emergence,
        "S08": lambda: [line("E06", "teacher", 0.9, 0.6), line("E07", "gold labels", 0.6, 0.59)],
        "S09": lambda: students(0.94, 0.65),
        "S10": lambda: pair("E07", "KD, labelled sentences", "gold labels"),
        "S11": lambda: pair("E07", "KD and gold, labelled sentences", "gold labels")
        + [line("E07", "KD, labelled sentences", 0.4, 0.4)],
        "S12": lambda: pair("E07", distillation.ALL[0], distillation.ALL[2]),
        "S13": lambda: [line("E07", "KD, labelled sentences", 0.5, 0.9)]
        + [line("E08", "KD, no gold label", 0.5 + 0.02 * n, 0.9 - 0.02 * n, times=n) for n in (1, 4, 16)],
        "S14": lambda: on(TWO, pair, "E09", "BERT-tiny, logit KD and inside", "BERT-tiny, logit KD"),
        "S15": lambda: on(TWO, pair, "E09", "BERT-tiny, logit KD and inside",
                          "BERT-tiny, logit KD and inside, first dimensions"),
        "S16": small_berts, "S17": small_berts, "S18": small_berts, "S19": speed_ups,
        "S20": lambda: bleu(real, "student: word-KD", "student: baseline"),
        "S21": lambda: bleu(real, "student: seq-KD", "student: word-KD"),
        "S22": lambda: bleu(real, "student: seq-KD", "teacher: baseline"),
        "S23": lambda: bleu(real, "teacher: baseline + seq-inter", "teacher: baseline + gold"),
        "S24": lambda: chat(real),
        "S27": lambda: pair("E15", "language model: LoRA", f"language model: {full}", metric="largest batch on a T4"),
        "S28": lambda: on((FOUR[0], FOUR[3]), pair, "E17", full, "head only")
        + [line("E16", "task model on frozen embeddings", 0.6, 0.5, data=name) for name in (FOUR[0], FOUR[3])],
        "S29": lambda: on(FOUR, pair, "E17", full, "top layer")
        + [line("E16", "top layers", 0.6, 0.6, data=name, k=2) for name in FOUR[1:3]],
        "S30": lambda: glue(level, "BitFit", full) if real else on(FOUR, level, "E17", "BitFit", full),
        "S32": lambda: ia3(real),
        "S34": lambda: glue(level, "adapters of 96", full) if real
        else on(TWO, level, "E19", "adapters of 32", full),
        "S35": lambda: glue(pair, "adapters of 192", "top layer") if real
        else on(TWO, pair, "E19", "adapters of 95", "top layer"),
        "S37": lambda: swapping(real), "S38": lambda: transfer(real), "S39": templates,
        "S40": lambda: wordings(real), "S41": tuned_by_size, "S42": lambda: learned(real),
        "S43": lambda: [line("E24", "own prompt over any other task's", 40, -40, metric="points, least of the tasks")],
        "S44": lambda: prefixes(real),
        "S45": lambda: [line("recap", n, 5, 60, metric="latency (% more than the base)") for n in slower],
        "S46": lambda: ranks(rank_one, {**rank_one, 1: 0.4}, ("Wq Wv",)),
        "S47": lambda: ranks({1: 0.8, 64: 0.8}, {1: 0.4, 64: 0.4}, ("Wq Wk Wv Wo",))
        + ranks({1: 0.6, 64: 0.6}, {1: 0.6, 64: 0.6}, ("Wq",)),
        "S48": lambda: ranks({8: 0.8, 64: 0.801}, {8: 0.8, 64: 0.5}, ("Wq", "Wq Wv", "Wq Wk Wv Wo")),
        "S49": lambda: [line("E27", "LoRA, merged", 1.0, 1.3, metric="latency (times the base's)")],
        "S50": lambda: lora(real), "S51": lambda: lora_best(real),
        "S52": lambda: pair("E29", "dense, as many operations", "8 experts, one a word", metric="loss"),
        "S53": lambda: level("E30", "linear attention", "softmax attention")
        + [line("E30", "linear attention", 1, 2, metric="slope of log-log time beyond the crossing")],
        "S54": lambda: quantized(real),
        "S55": lambda: [line("E32", "early exit", 50, 90, metric="layers (%)"), late],
    }  # fmt: skip
    return list(made[name]())


def frame(name: str, track: str, values: list[str]) -> pd.DataFrame:
    """Rows of a statement on a track; values: for each seed "holds" or "fails"."""
    return pd.DataFrame(
        [
            {**{key: value for key, value in found.items() if key not in ("holds", "fails")}, "value": found[which],
             "track": track, "seed": seed, "model": "m", "time": f"{seed}"}
            for found in lines(name, track == "real")
            for seed, which in enumerate(values)
        ]
    )  # fmt: skip
