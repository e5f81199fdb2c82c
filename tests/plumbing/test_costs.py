"""Operations are counted as on paper, whatever the attention implementation; times are measured in turns."""

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, T5Config, T5ForConditionalGeneration

from course_utils.measure import costs
from course_utils.methods.bottleneck import BottleneckStudent

LENGTH, WIDTH, INNER, LAYERS = 6, 8, 16, 2
BATCH = {"input_ids": torch.ones(3, LENGTH, dtype=torch.long), "attention_mask": torch.ones(3, LENGTH)}


def bert(implementation: str) -> BertForSequenceClassification:
    config = BertConfig(
        vocab_size=9, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=2,
        intermediate_size=INNER, num_labels=3, attn_implementation=implementation,
    )  # fmt: skip
    return BertForSequenceClassification(config).eval()


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_flops_are_those_worked_out_by_hand(implementation):
    projections = 4 * LENGTH * WIDTH * WIDTH  # query, key, value, output
    attention = 2 * LENGTH * LENGTH * WIDTH  # scores, and the weighted sum
    feed_forward = 2 * LENGTH * WIDTH * INNER
    head = WIDTH * WIDTH + WIDTH * 3  # pooler and classes, for one token
    by_hand = 2 * (LAYERS * (projections + attention + feed_forward) + head)
    assert costs.count_flops(bert(implementation), BATCH) == by_hand


def test_flops_of_fused_layers_are_counted_too():
    student = BottleneckStudent(bert("eager").config, bottleneck_size=4)
    assert costs.count_flops(student.eval(), BATCH) == costs.count_flops(student.train(), BATCH)


def test_models_take_turns(monkeypatch):
    turns = []

    def latency(model, batch, repeats):
        turns.append(model)
        return {"a": 3.0, "b": 1.0}[model] + 10 * (len(turns) <= 2)  # the first round is disturbed

    monkeypatch.setattr(costs, "latency", latency)
    assert costs.take_turns({"one": "a", "two": "b"}, BATCH, rounds=3) == {"one": 3.0, "two": 1.0}
    assert turns == ["a", "b"] * 3


def test_an_encoder_decoder_is_counted_in_eval_mode_and_left_as_it_came():
    torch.manual_seed(0)
    shape = {"d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    model = T5ForConditionalGeneration(T5Config(vocab_size=9, decoder_start_token_id=0, **shape)).train()
    tokens = torch.ones(3, LENGTH, dtype=torch.long)
    whole = costs.count_flops(model, {"input_ids": tokens, "decoder_input_ids": tokens})
    short = costs.count_flops(model, {"input_ids": tokens, "decoder_input_ids": tokens[:, :2]})
    assert whole > short > 0 and model.training
