"""The bundled ladder: causal language models of five sizes, trained alike on the same tokens in the same order.

The text is made as it is read: episodes of tasks on words (`course_utils.data.word_puzzles`). Each run writes
checkpoints, goes on where it was cut off, and logs its loss.

    python data/recipes/ladder.py             train every size, write data/models/lm_ladder
    python data/recipes/ladder.py --again     train the smaller sizes with other seeds, print their scores
"""

import itertools
import json
import random
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import cards
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from torch import nn
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

from course_utils import training
from course_utils.data import word_puzzles
from course_utils.methods import scale
from course_utils.models import ladder
from course_utils.paths import BUILD, DATA
from course_utils.training.history import History

# name: width, layers, heads, learning rate
SIZES: dict[str, tuple[int, int, int, float]] = {
    "15k": (24, 2, 2, 5e-3),
    "60k": (48, 2, 3, 4e-3),
    "150k": (64, 3, 4, 3e-3),
    "600k": (112, 4, 4, 2e-3),
    "1800k": (192, 4, 6, 1.5e-3),
}
HALF = ("600k", "1800k")  # sizes whose matrix products are worth doing in bfloat16
AGAIN, OTHER_SEEDS = ("15k", "60k"), (1, 2)  # cheap enough to train several times
STEPS, BATCH, SEED, HELD_OUT, LOG_EVERY = 5000, 16, 0, 60, 100
SPECIAL = ["<pad>", "<s>", word_puzzles.END, word_puzzles.ARROW, "<unk>"]
CHARACTERS = [*" abcdefghijklmnopqrstuvwxyz", *".,!/:+"]


def read_words() -> word_puzzles.Words:
    """The pairs in words.txt. Those of `HELD_OUT` pairs, in both languages, are kept from all training."""
    text = (Path(__file__).parent / "words.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = [
        (english, other) for line in lines for english, other in (pair.split() for pair in line.split(","))
    ]
    pairs = [pair for pair in pairs if all(re.fullmatch("[a-z]{3,9}", word) for word in pair)]
    random.Random(SEED).shuffle(pairs)
    held_out = sorted(word for pair in pairs[:HELD_OUT] for word in pair)
    return word_puzzles.Words(pairs=sorted(pairs[HELD_OUT:]), held_out=held_out)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token a character, and one for the arrow between what is given and its answer."""
    vocabulary = {piece: number for number, piece in enumerate(SPECIAL + CHARACTERS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(f"{word_puzzles.ARROW}|\n|."), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token=word_puzzles.END,
        unk_token="<unk>",
        model_max_length=2 * ladder.ROW,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


class HalfPrecision(GPTNeoXForCausalLM):
    """The model of Pythia (Biderman et al., 2023), small, with its matrix products in bfloat16: twice as fast where
    the hardware has them. The weights stay float32."""

    def forward(self, input_ids: torch.Tensor) -> Any:  # type: ignore[override]
        with torch.autocast(input_ids.device.type, torch.bfloat16):
            outputs = super().forward(input_ids)
        outputs.logits = outputs.logits.float()
        return outputs


def config(name: str, vocabulary: int) -> GPTNeoXConfig:
    """The shape of a size of the ladder."""
    width, layers, heads, _ = SIZES[name]
    return GPTNeoXConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=2 * ladder.ROW,
        rotary_pct=1.0,
        use_parallel_residual=False,
        tie_word_embeddings=True,
        initializer_range=0.4 / width**0.5,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def train(name: str, out: Path, seed: int) -> tuple[GPTNeoXForCausalLM, History]:
    """Train one size on the ladder's stream. The seed decides the first weights only; the tokens are always the
    same."""
    tokenizer = make_tokenizer()
    loader = ladder.training_loader(read_words(), tokenizer, STEPS * BATCH, BATCH, SEED)
    training.set_seed(seed)
    architecture = HalfPrecision if name in HALF else GPTNeoXForCausalLM
    model = architecture(config(name, len(tokenizer)))
    history = training.fit(
        model,
        loader,
        steps=STEPS,
        learning_rate=SIZES[name][3],
        seed=seed,
        checkpoint=BUILD / "bundle" / f"ladder-{name}-{seed}",
        progress=False,
    )
    plain = GPTNeoXForCausalLM(model.config)
    plain.load_state_dict(model.state_dict())
    plain.eval().save_pretrained(out)
    return plain, history


@torch.no_grad()
def accuracy(model: nn.Module, shots: int, language: str | None) -> float:
    """Exact match over every task, on words that training never showed."""
    tokenizer, known = make_tokenizer(), read_words()
    asked = word_puzzles.questions(
        word_puzzles.TASKS, 10 * len(word_puzzles.TASKS), shots, language, known, seed=1
    )
    prompts = [scale.build_prompt(q.description, q.examples, q.query) for q in asked]
    right = []
    for batch, mask in ladder.answer_batches(prompts, [q.answer for q in asked], tokenizer):
        logits = model(batch["input_ids"]).logits  # padding stands on the right, where nothing looks at it
        right.append(scale.exact_match(logits, batch["input_ids"], mask))
    return float(torch.cat(right).float().mean())


def scores(model: nn.Module) -> dict[str, float]:
    """Accuracy by number of examples, without and with an English description."""
    return {
        f"{shots} examples, {language or 'no'} description": round(accuracy(model, shots, language), 3)
        for language in (None, "english")
        for shots in (0, 1, 4)
    }


def build(out: Path, seed: int = SEED) -> dict[str, Any]:
    """Train every size into a folder of its own in `out`, with tokenizer, words, losses and facts beside them.
    A size that an earlier call finished is kept. Returns the facts for the card."""
    out.mkdir(parents=True, exist_ok=True)
    make_tokenizer().save_pretrained(out)
    known = read_words()
    _write_json(out / "words.json", {"pairs": known.pairs, "held_out": known.held_out})
    sizes, losses = {}, []
    for name in SIZES:
        done = BUILD / "bundle" / f"ladder-{name}-{seed}" / "done.json"
        if not done.exists():
            _write_json(done, _train_and_note(name, out / name, seed))
        noted = json.loads(done.read_text(encoding="utf-8"))
        sizes[name] = noted["facts"]
        losses += [{"size": name, **row} for row in noted["losses"]]
    facts = {"steps": STEPS, "batch": BATCH, "row": ladder.ROW, "seed": seed, "sizes": sizes}
    _write_json(out / "ladder.json", facts)
    (out / "loss.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in losses), encoding="utf-8", newline="\n"
    )
    return facts


def _train_and_note(name: str, out: Path, seed: int) -> dict[str, Any]:
    width, layers, heads, rate = SIZES[name]
    model, history = train(name, out, seed)
    curve = history.losses
    losses = [
        {"step": end, "loss": round(sum(curve[end - LOG_EVERY : end]) / LOG_EVERY, 4)}
        for end in range(LOG_EVERY, len(curve) + 1, LOG_EVERY)
    ]
    facts = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "hidden_size": width,
        "layers": layers,
        "heads": heads,
        "learning_rate": rate,
        "loss": losses[-1]["loss"],
        "minutes": round(history.seconds / 60, 1),
    }
    print(name, facts, scores(model), flush=True)
    return {"facts": facts, "losses": losses}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8", newline="\n")


def train_again() -> None:
    """Train the smaller sizes with other seeds, and print their scores. Nothing of it ships."""
    for name, seed in itertools.product(AGAIN, OTHER_SEEDS):
        model, history = train(name, BUILD / "bundle" / f"again-{name}-{seed}", seed)
        print(name, seed, round(sum(history.losses[-LOG_EVERY:]) / LOG_EVERY, 4), scores(model), flush=True)


def main() -> None:
    """Train the ladder, write its card, and put it into place."""
    work, out = BUILD / "bundle" / "lm_ladder", DATA / "models" / "lm_ladder"
    facts = build(work)
    shutil.copytree(work, out, dirs_exist_ok=True)
    cards.write_ladder(out, facts)


if __name__ == "__main__":
    train_again() if "--again" in sys.argv else main()
