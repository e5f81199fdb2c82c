"""A reader's own model: opened or refused in one sentence, what it will need to train, and the card beside it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import psutil
import pytest
import small_world
import torch
from huggingface_hub import ModelCard
from peft import LoraConfig, get_peft_model
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    MixtralConfig,
    MixtralForCausalLM,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5ForConditionalGeneration,
)

from course_utils import assets, measure, models, results
from course_utils.methods.freezing import head_only
from course_utils.methods.lora import inject_lora

LABELS = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    small_world.write(tmp_path)
    small_world.enter(monkeypatch, tmp_path)
    return tmp_path


def bert(vocabulary: int | None = None, labels: int = 3) -> BertForSequenceClassification:
    """A tiny classifier, for the tokens of the small world unless told otherwise."""
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=vocabulary or len(small_world.tokenizer()), hidden_size=8, num_hidden_layers=1,
            num_attention_heads=2, intermediate_size=16, max_position_embeddings=64, num_labels=labels,
        )
    )  # fmt: skip


def saved(model: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    small_world.tokenizer().save_pretrained(folder)
    return folder


def refused(*given: Any) -> str:
    with pytest.raises(assets.AssetError) as error:
        models.load_own(*given)
    return str(error.value)


# Opening it


def test_a_role_is_what_its_own_loader_gives() -> None:
    model, tokenizer, head = models.load_own("encoder", "labels", LABELS, seed=3)
    twin = models.load_classifier("encoder", LABELS, seed=3)
    assert all(map(torch.equal, model.state_dict().values(), twin.state_dict().values()))
    assert tokenizer.get_vocab() == models.load_tokenizer("encoder").get_vocab()
    assert set(head) == {"classifier", "pooler"}  # the pooler was not pretrained
    assert models.longest_text(model, tokenizer) == 64


def test_a_folder_with_another_head_gets_a_new_one(tmp_path: Path) -> None:
    other = bert(labels=2)
    torch.nn.init.ones_(other.bert.pooler.dense.bias)
    model, _, head = models.load_own(saved(other.half(), tmp_path / "mine"), "labels", LABELS)
    assert model.classifier.out_features == 3 and head == ["classifier"]
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model.bert.pooler.dense.weight, other.bert.pooler.dense.weight.float())


def test_a_pooler_that_was_never_trained_is_new(tmp_path: Path) -> None:
    """all-MiniLM was trained on the mean of the tokens: its pooler has the bias it was born with, 0."""
    _, _, head = models.load_own(saved(bert(), tmp_path / "mean"), "labels", LABELS)
    assert head == ["classifier", "pooler"]


def test_tags_and_answers(tmp_path: Path) -> None:
    vocabulary = len(small_world.tokenizer())
    roberta = RobertaModel(
        RobertaConfig(
            vocab_size=vocabulary,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=8,
            max_position_embeddings=20,
            pad_token_id=1,
        ),
        add_pooling_layer=False,
    )
    tagger, _, head = models.load_own(saved(roberta, tmp_path / "roberta"), "tags", ["O", "B-PER"])
    assert tagger(torch.tensor([[2, 5, 3]])).logits.shape == (1, 3, 2) and head == ["classifier"]
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, n_positions=32, n_embd=8, n_layer=1, n_head=2))
    folder = saved(gpt2, tmp_path / "gpt2")
    tokenizer = small_world.tokenizer()
    tokenizer.pad_token, tokenizer.eos_token = None, "[SEP]"
    tokenizer.save_pretrained(folder)
    writer, own_tokenizer, head = models.load_own(folder, "answers")
    assert head == [] and own_tokenizer.pad_token == "[SEP]"
    assert writer.config.pad_token_id == own_tokenizer.pad_token_id
    assert models.longest_text(writer, own_tokenizer) == 32


def test_what_cannot_be_opened_is_told_in_one_sentence(tmp_path: Path) -> None:
    assert "Did you mean the role 'encoder'?" in refused("encodr", "labels", LABELS)
    assert "COURSE_TRACK=real" in refused("org/model", "labels", LABELS)
    assert "neither a role" in refused("no/such/place", "labels", LABELS)
    assert "labels, tags, answers" in refused("encoder", "label", LABELS)
    empty = tmp_path / "notes"
    empty.mkdir()
    (empty / "a.txt").write_text("")
    assert "no config.json in it, but a.txt" in refused(empty, "labels", LABELS)
    (empty / "adapter_config.json").write_text("{}")
    assert "holds an adapter" in refused(empty, "labels", LABELS)
    t5 = T5ForConditionalGeneration(
        T5Config(vocab_size=len(small_world.tokenizer()), d_model=8, d_kv=4, d_ff=8, num_layers=1)
    )
    assert "cannot be loaded for answers" in refused(saved(t5, tmp_path / "t5"), "answers")


def test_a_body_that_would_stay_random_is_refused(tmp_path: Path) -> None:
    folder = saved(bert(), tmp_path / "wider")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"intermediate_size": 32}))
    assert "another shape than config.json says" in refused(folder, "labels", LABELS)
    other = saved(bert(), tmp_path / "other")
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=9, n_positions=32, n_embd=8, n_layer=1, n_head=2))
    gpt2.save_pretrained(tmp_path / "gpt2")
    (other / "model.safetensors").write_bytes((tmp_path / "gpt2" / "model.safetensors").read_bytes())
    assert "weights of another model" in refused(other, "labels", LABELS)


def test_a_classifier_and_its_tokenizer_agree_on_padding(tmp_path: Path) -> None:
    """GPT-2's classifier reads the last token that is not config.pad_token_id: of a padded row, too."""
    vocabulary = len(small_world.tokenizer())
    config = GPT2Config(
        vocab_size=vocabulary, n_positions=32, n_embd=8, n_layer=1, n_head=2, num_labels=3, pad_token_id=7
    )
    folder = saved(GPT2ForSequenceClassification(config), tmp_path / "gpt2")
    model, tokenizer, _ = models.load_own(folder, "labels", LABELS)
    pad = tokenizer.pad_token_id
    assert model.config.pad_token_id == pad != 7
    alone = model(torch.tensor([[5, 6]])).logits
    padded = model(torch.tensor([[5, 6, pad, pad]]), attention_mask=torch.tensor([[1, 1, 0, 0]])).logits
    torch.testing.assert_close(alone, padded)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = saved(bert(), tmp_path / "old")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    assert "safetensors" in refused(folder, "labels", LABELS)


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    folder = saved(bert(), tmp_path / "odd")
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"model_type": "odd", "auto_map": {"AutoConfig": "odd.Config"}}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "odd.py").write_text("raise SystemExit('it was run')")
    assert "brings code of its own" in refused(folder, "labels", LABELS)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = saved(bert(9), tmp_path / "mixed")
    assert "belong to different models" in refused(folder, "labels", LABELS)


def test_a_model_that_does_not_fit_is_refused_before_its_weights_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    assert "0.0 GB are free" in refused("encoder", "labels", LABELS)


# What it will need


def test_needs_are_those_of_a_real_step() -> None:
    """The estimate on fake tensors against the ledger of a real second step."""
    model, _, head = models.load_own("encoder", "labels", LABELS)

    def lora(model: Any) -> Any:
        return inject_lora(model, ["query"], rank=2, lora_alpha=4, head=head)

    methods = {"LoRA": lora, "full": lambda model: model, "head": lambda model: head_only(model, head)}
    table = measure.training_needs(model, methods, batch_size=8, length=20, free=10**7)
    assert table.loc["LoRA", "trained"] == models.count(
        lora(models.load_own("encoder", "labels", LABELS)[0]), True
    )
    batch = {"input_ids": torch.ones(8, 20, dtype=torch.long), "labels": torch.zeros(8, dtype=torch.long)}
    step = measure.second_step(
        model.train(), batch, lambda model, rows: model(**rows).loss, torch.optim.AdamW(model.parameters())
    )
    assert table.loc["full", "peak (MB)"] == pytest.approx(step.peak.sum() / 1e6, rel=0.1)
    assert table.loc["full", "peak (MB)"] > table.loc["LoRA", "peak (MB)"] > table.loc["head", "peak (MB)"]
    assert table.loc["head", "largest batch"] > table.loc["full", "largest batch"] > 0
    assert model.config._attn_implementation == "sdpa"  # not the one without a mask, which the estimate takes
    nothing = measure.training_needs(model, {"full": methods["full"]}, 2, 20, free=100)
    assert nothing.loc["full", "largest batch"] == 0


def test_needs_of_a_language_model_fall_with_the_answers_length() -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=500, n_positions=64, n_embd=8, n_layer=1, n_head=2))
    methods = {"full": lambda model: model}
    whole = measure.training_needs(model, methods, 4, 48)
    short = measure.training_needs(model, methods, 4, 48, answer_length=2)
    assert short["peak (MB)"].item() < whole["peak (MB)"].item() / 2


def test_the_largest_batch_fits_where_few_rows_do_not_show_what_a_row_takes() -> None:
    """With a row of three tokens the peak lies in the optimizer's step, whatever the number of rows."""
    model, methods, free = (
        models.load_own("encoder", "labels", LABELS)[0],
        {"full": lambda model: model},
        10**7,
    )

    def peak(rows: int) -> float:
        return float(measure.fake_training_step(model, methods["full"], rows, 3).peak.sum())

    found = measure.training_needs(model, methods, 1, 3, free=free)["largest batch"].item()
    assert 0.9 * free < peak(found) <= free < peak(found + 1)
    on_the_line = int(1 + (free - peak(1)) / (peak(2) - peak(1)))
    assert on_the_line > 1.5 * found and peak(on_the_line) > free  # through these two points alone


def test_no_batch_fits_where_the_optimizers_step_alone_does_not() -> None:
    """A line through 16 and 32 rows falls below that step's memory, which is there for any number of rows."""
    model = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_positions=64, n_embd=64, n_layer=1, n_head=2))
    methods = {"full": lambda model: model}
    one_row = int(measure.fake_training_step(model, methods["full"], 1, 16).peak.sum())
    found = measure.training_needs(model, methods, 16, 16, free=one_row - 1000)["largest batch"].item()
    assert found == 0


def test_what_cannot_be_estimated_is_refused() -> None:
    model, methods = models.load_own("encoder", "labels", LABELS)[0], {"full": lambda model: model}
    with pytest.raises(ValueError, match="at most 64 tokens, and 65"):
        measure.training_needs(model, methods, 2, 65)
    t5 = T5ForConditionalGeneration(T5Config(vocab_size=9, d_model=8, d_kv=4, d_ff=8, num_layers=1))
    for other in (t5, get_peft_model(model, LoraConfig(target_modules=["query"]))):
        with pytest.raises(ValueError, match="cannot be estimated"):
            measure.training_needs(other, methods, 2, 8)  # type: ignore[arg-type]
    sizes: dict[str, Any] = {
        "vocab_size": 9,
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
    }
    sizes |= {"num_attention_heads": 1, "num_key_value_heads": 1, "num_local_experts": 2}
    experts = MixtralForCausalLM(MixtralConfig(**sizes))
    headless = BertModel(BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1))
    for other in (experts, headless):
        with pytest.raises(ValueError, match="cannot be estimated: .*Measure a real step"):
            measure.training_needs(other, methods, 2, 8)


# The card


def test_a_card_says_what_the_model_is_worth(tmp_path: Path) -> None:
    columns = ["accuracy", "low", "high", "correct", "rows"]
    scores = pd.DataFrame(
        {"commonest label": [0.4, 0.3, 0.5, 40, 100], "LoRA": [0.9, 0.826, 0.945, 90, 100]}, index=columns
    ).T
    path = results.write_card(
        tmp_path / "mine",
        scores,
        method="LoRA",
        base="org/base",
        data="reviews.csv",
        labels=LABELS,
        settings={"rank": 8},
        group="customer",
    )
    card = ModelCard.load(path)
    assert "that share no text and no customer with the rows" in card.text
    assert card.data.base_model == "org/base" and card.data.eval_results[0].metric_value == 0.9
    assert (
        "| LoRA | 90.0 | 82.6 to 94.5 |" in card.text and "- rank: 8" in card.text and "a, b, c" in card.text
    )
    with pytest.raises(KeyError):
        results.write_card(
            tmp_path / "no", scores, method="x", base="b", data="d", labels=LABELS, settings={}
        )
    assert not (tmp_path / "no").exists()
