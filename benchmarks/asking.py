"""What it costs to ask a language model: many questions after the same solved examples, each with three answers."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch
from measure import Figure, compare, seconds
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from course_utils import assets, data, models
from course_utils.models import language_models
from course_utils.paths import BUILD

QUESTIONS, EXAMPLES, BATCH_SIZE = 100, 8, 16
HARNESS = BUILD / "lm-eval-venv" / "bin" / "python"
SMALL = {
    "hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 4,
    "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 4096,
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A language model, and prompts with one answer each: every question comes three times."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    prompts: list[str]
    answers: list[str]

    def score(self, reuse_prefix: bool = True) -> Tensor:
        """The log-probability of each answer, as the course computes it. (requests,)."""
        how = {"batch_size": BATCH_SIZE, "reuse_prefix": reuse_prefix}
        return language_models.score(self.model, self.tokenizer, self.prompts, self.answers, **how)


def load() -> Asked:
    """Reviews and their moods. On the real track the language model is asked; on the bundled one, which has none that
    reads prompts of this length, a small one with random weights that reads letters: it costs what a trained one costs.
    """
    splits = data.load("sentiment_multilingual", "english")
    labels = splits["train"].features["label"].names
    if assets.track() == "real":
        name, choices = assets.entry("language_model").id, [f" {label}" for label in labels]
        tokenizer = models.load_tokenizer("language_model")
        model = models.load_language_model("language_model").to(models.device())
    else:
        name, choices = "a small Llama with random weights", [" a", " b", " c"]
        tokenizer = models.load_tokenizer("lm_ladder")
        torch.manual_seed(0)
        model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SMALL)).to(models.device())
    shown = splits["train"].select(range(EXAMPLES))
    examples = "".join(
        f"Review: {text}\nSentiment:{choices[label]}\n\n"
        for text, label in zip(shown["text"], shown["label"], strict=True)
    )
    texts = splits["test"].select(range(QUESTIONS))["text"]
    prompts = [f"{examples}Review: {text}\nSentiment:" for text in texts for _ in choices]
    return Asked(name, model.eval(), tokenizer, prompts, choices * QUESTIONS)


def bench_prefix_cache() -> Figure:
    """The examples computed once against the examples computed for each question."""
    asked = load()
    return compare(
        f"{QUESTIONS} questions after {EXAMPLES} examples ({asked.name}): prefix cached / not",
        lambda: seconds(asked.score),
        lambda: seconds(lambda: asked.score(reuse_prefix=False)),
        0.25,
    )


def bench_harness() -> list[Figure]:
    """The course's scores against those of lm-evaluation-harness, or no row where that has no environment here."""
    if not HARNESS.is_file():
        print(
            f"Left out, the row beside lm-evaluation-harness: there is no {HARNESS}. lm_eval_harness.py says how."
        )
        return []
    script = Path(__file__).with_name("lm_eval_harness.py")
    done = subprocess.run([HARNESS, script], capture_output=True, text=True)
    if done.returncode:
        print(f"Left out, the row beside lm-evaluation-harness; it ended with: {done.stderr.strip()[-300:]}")
        return []
    return [Figure(**json.loads(done.stdout.splitlines()[-1]))]
