"""What must hold for intermediate distillation, whoever implements it, and for the student that ships with it."""

import hashlib

import pytest
import torch
import torch.nn.functional as F
from small_world import needs_bundle
from torch import nn
from torch.utils.data import DataLoader
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BloomConfig,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    T5Config,
    T5ForSequenceClassification,
)

from course_utils import assets, models, training
from course_utils.methods import intermediate_kd as ik
from course_utils.methods import kd
from course_utils.methods.bottleneck import BottleneckStudent
from course_utils.paths import DATA

MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]])
REAL = MASK.bool()


def bert(width: int = 8, layers: int = 4, seed: int = 0, **settings) -> BertForSequenceClassification:
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=30, hidden_size=width, num_hidden_layers=layers, num_attention_heads=2, num_labels=3,
        intermediate_size=16, max_position_embeddings=16, initializer_range=0.5, **settings,
    )  # fmt: skip
    return BertForSequenceClassification(config).eval()


def batch(ids: tuple[int, ...] = (7, 2, 4)) -> dict[str, torch.Tensor]:
    words = torch.arange(15).reshape(3, 5) % 25 + 5
    return {"input_ids": words * MASK, "attention_mask": MASK, "id": torch.tensor(ids)}


def outputs(model: nn.Module):
    with torch.no_grad():
        return model(batch()["input_ids"], MASK, output_hidden_states=True)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- the layer map ---


def test_layer_maps_are_those_of_the_papers():
    assert ik.layer_map(4, 12, "uniform") == [3, 6, 9, 12]  # TinyBERT-4 of BERT-base
    assert ik.layer_map(6, 12, "last") == [7, 8, 9, 10, 11, 12]
    assert ik.layer_map(6, 12, "first") == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kind", ["uniform", "first", "last"])
@pytest.mark.parametrize(("student", "teacher"), [(2, 4), (3, 4), (2, 6), (5, 5)])
def test_a_layer_map_rises_and_stays_inside_the_teacher(student, teacher, kind):
    layers = ik.layer_map(student, teacher, kind)
    assert len(layers) == student and layers == sorted(set(layers))
    assert layers[0] >= 1 and layers[-1] <= teacher
    assert layers[-1] == teacher or kind == "first"


@pytest.mark.parametrize("kind", ["uniform", "first", "last"])
@pytest.mark.parametrize(("student", "teacher"), [(6, 4), (0, 4)])
def test_a_student_deeper_than_its_teacher_is_refused(student, teacher, kind):
    with pytest.raises(ValueError, match=f"student has {student} layers and the teacher has {teacher}"):
        ik.layer_map(student, teacher, kind)


def test_an_unknown_layer_map_names_those_that_exist():
    with pytest.raises(ValueError, match="uniform, first and last"):
        ik.layer_map(2, 4, "middle")


# --- the losses ---

MASKED = [
    (lambda s, t: ik.hidden_loss(s, t, MASK), (3, 5, 6)),
    (lambda s, t: ik.cosine_loss(s, t, MASK), (3, 5, 6)),
    (lambda s, t: ik.attention_loss(s, t, MASK), (3, 2, 5, 5)),
]
LOSSES = [*MASKED, (ik.patient_loss, (3, 2, 6))]


@pytest.mark.parametrize(("loss", "shape"), LOSSES)
def test_a_loss_is_0_for_equals_and_above_0_otherwise(loss, shape):
    assert loss(draw(*shape), draw(*shape)).item() == pytest.approx(0, abs=1e-12)
    assert loss(draw(*shape), draw(*shape, seed=1)).item() > 0.1


@pytest.mark.parametrize(("loss", "shape"), LOSSES)
def test_the_gradient_reaches_the_student_and_not_the_teacher(loss, shape):
    student, teacher = draw(*shape).requires_grad_(), draw(*shape, seed=1).requires_grad_()
    found = torch.autograd.grad(loss(student, teacher), (student, teacher), allow_unused=True)
    assert found[0].abs().max() > 0 and found[1] is None


@pytest.mark.parametrize(("loss", "shape"), MASKED)
def test_padding_does_not_count(loss, shape):
    student, teacher = draw(*shape), draw(*shape, seed=1)
    real = REAL[:, :, None] if len(shape) == 3 else (REAL[:, :, None] & REAL[:, None, :])[:, None]
    spoilt = torch.where(real, teacher, teacher + 100)
    torch.testing.assert_close(loss(student, spoilt), loss(student, teacher))
    gradient = torch.autograd.grad(loss(student.requires_grad_(), spoilt), student)[0]
    assert (gradient * ~real).abs().max() == 0


def test_hidden_loss_is_the_mse_of_the_real_tokens():
    student, teacher, weight = draw(3, 5, 4), draw(3, 5, 6, seed=1), draw(6, 4, seed=2)
    expected = F.mse_loss((student @ weight.T)[REAL], teacher[REAL])
    torch.testing.assert_close(ik.hidden_loss(student, teacher, MASK, weight), expected)


def test_attention_loss_is_the_mean_of_the_heads():
    student, teacher = draw(3, 2, 5, 5), draw(3, 2, 5, 5, seed=1)
    each = [ik.attention_loss(student[:, [h]], teacher[:, [h]], MASK) for h in range(2)]
    torch.testing.assert_close(ik.attention_loss(student, teacher, MASK), torch.stack(each).mean())


def test_patient_and_cosine_loss_look_at_directions_only():
    student, teacher = draw(3, 5, 6), draw(3, 5, 6, seed=1)
    torch.testing.assert_close(ik.patient_loss(3 * student, teacher), ik.patient_loss(student, teacher))
    torch.testing.assert_close(
        ik.cosine_loss(3 * student, teacher, MASK), ik.cosine_loss(student, teacher, MASK)
    )
    everywhere = torch.ones_like(MASK)
    torch.testing.assert_close(
        ik.patient_loss(student, teacher), 2 * ik.cosine_loss(student, teacher, everywhere)
    )
    library = nn.CosineEmbeddingLoss()(student[REAL], teacher[REAL], torch.ones(int(MASK.sum())))
    torch.testing.assert_close(ik.cosine_loss(student, teacher, MASK), library)


# --- inside a model ---


def test_scores_after_the_softmax_are_the_attentions_of_transformers():
    model = bert(attn_implementation="eager")
    with torch.no_grad():
        output = model(batch()["input_ids"], MASK, output_hidden_states=True, output_attentions=True)
    hidden = ((1 - MASK) * -1e9)[:, None, None, :]
    for layer, attention in enumerate(output.attentions, start=1):
        scores = ik.score_map(model, output.hidden_states, layer)
        torch.testing.assert_close((scores + hidden).softmax(-1), attention)


def test_scores_are_the_same_under_every_attention_implementation():
    eager, sdpa = (bert(attn_implementation=name) for name in ("eager", "sdpa"))
    maps = [ik.score_map(model, outputs(model).hidden_states, 2) for model in (eager, sdpa)]
    torch.testing.assert_close(*[scores[0] for scores in maps])  # the row without padding


def test_a_model_that_is_its_own_teacher_has_no_loss():
    model = ik.add_projection(bert(), 8)
    with torch.no_grad():
        model.projection.weight.copy_(torch.eye(8))
        states = outputs(model).hidden_states
        found = ik.tinybert_losses(model, model, states, states, MASK, [1, 2, 3, 4])
    assert list(found) == ["embedding", "hidden", "attention"]
    assert max(value.item() for value in found.values()) < 1e-10


def test_the_three_losses_are_those_written_out_by_hand():
    teacher, student = bert(), ik.add_projection(bert(width=4, layers=2, seed=1), 8)
    theirs, mine = outputs(teacher).hidden_states, outputs(student).hidden_states
    with torch.no_grad():
        found = ik.tinybert_losses(student, teacher, mine, theirs, MASK, [2, 4])
        seen = [student.projection(state)[REAL] for state in mine]
        apart = [F.mse_loss(seen[m], theirs[layer][REAL]) for m, layer in enumerate([0, 2, 4])]
    torch.testing.assert_close(found["embedding"], apart[0])
    torch.testing.assert_close(found["hidden"], (apart[1] + apart[2]) / 2)


@pytest.mark.parametrize("layers", [[0, 4], [-1, 4], [2, 5], [4], [1, 2, 3]])
def test_a_layer_map_that_does_not_fit_is_refused(layers):
    teacher, student = bert(), ik.add_projection(bert(width=4, layers=2, seed=1), 8)
    states = outputs(student).hidden_states, outputs(teacher).hidden_states
    with pytest.raises(ValueError, match="student has 2 layers and the teacher has layers 1 to 4"):
        ik.tinybert_losses(student, teacher, *states, MASK, layers)


def test_losses_inside_need_a_projection_and_as_many_heads():
    teacher, student = bert(), bert(layers=2)
    states = outputs(student).hidden_states, outputs(teacher).hidden_states
    with pytest.raises(ValueError, match="Call add_projection first"):
        ik.tinybert_losses(student, teacher, *states, MASK, [2, 4])
    student.config.num_attention_heads = 4
    with pytest.raises(ValueError, match=r"\(3, 4, 5, 5\).*\(3, 2, 5, 5\)"):
        ik.tinybert_losses(ik.add_projection(student, 8), teacher, *states, MASK, [2, 4])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_student_in_half_precision_learns_from_a_teacher_in_float32(dtype):
    teacher, student = bert(), ik.add_projection(bert(width=4, layers=2, seed=1).to(dtype), 8)
    assert student.projection.weight.dtype == dtype
    mine = student(batch()["input_ids"], MASK).hidden_states
    found = ik.tinybert_losses(student, teacher, mine, outputs(teacher).hidden_states, MASK, [2, 4])
    assert {value.dtype for value in found.values()} == {torch.float32}
    sum(found.values()).backward()
    assert student.projection.weight.grad.isfinite().all()


def test_scores_are_those_of_bert_or_refused():
    config = DistilBertConfig(vocab_size=30, dim=8, n_layers=1, n_heads=2, hidden_dim=16)
    with pytest.raises(
        ValueError, match="DistilBertForSequenceClassification computes its attention in another"
    ):
        ik.score_map(DistilBertForSequenceClassification(config), [torch.zeros(1, 3, 8)] * 2, 1)


def test_the_projection_trains_with_the_student_and_can_be_taken_away():
    teacher, student = bert(), bert(width=4, layers=2, seed=1)
    size, logits = models.count(student), outputs(student).logits
    ik.add_projection(student, 8)
    assert models.count(student) == size + 4 * 8
    before = student.projection.weight.detach().clone()
    theirs = outputs(teacher).hidden_states

    def loss_fn(output, batch):
        losses = ik.tinybert_losses(student, teacher, output.hidden_states, theirs, MASK, [2, 4])
        return torch.stack(list(losses.values())).sum()

    loader = DataLoader([batch()], batch_size=None)
    history = training.fit(student, loader, steps=30, learning_rate=1e-2, loss_fn=loss_fn, progress=False)
    assert history.losses[-1] < history.losses[0]
    assert not torch.equal(student.projection.weight, before)
    del student.projection
    assert models.count(student) == size and not torch.equal(outputs(student).logits, logits)


def test_keep_layers_copies_and_leaves_the_model_alone():
    model = bert()
    logits = outputs(model).logits
    torch.testing.assert_close(outputs(ik.keep_layers(model, [1, 2, 3, 4])).logits, logits)
    student = ik.keep_layers(model, [2, 4])
    assert student.config.num_hidden_layers == 2 and len(outputs(student).hidden_states) == 3
    kept, there = student.base_model.encoder.layer[1], model.base_model.encoder.layer[3]
    weight = kept.output.dense.weight
    assert torch.equal(weight, there.output.dense.weight) and weight is not there.output.dense.weight
    assert model.config.num_hidden_layers == 4
    torch.testing.assert_close(outputs(model).logits, logits)


@pytest.mark.parametrize("number", [0, 5])
def test_keep_layers_refuses_a_layer_that_does_not_exist(number):
    with pytest.raises(ValueError, match="1 to 4"):
        ik.keep_layers(bert(), [1, number])


def test_keep_layers_refuses_to_keep_none():
    with pytest.raises(ValueError, match="`layers` names no layer. Name at least one of 1 to 4."):
        ik.keep_layers(bert(), [])


# --- the cache ---


def test_the_cache_gives_what_the_teacher_says_live_in_any_order():
    teacher = bert()
    whole = batch()
    rows = []
    for i in (2, 0, 1):
        row = {name: value[i : i + 1] for name, value in whole.items()}
        length = int(MASK[i].sum())
        rows.append({name: value[:, :length] if value.dim() > 1 else value for name, value in row.items()})
    cached = ik.cache_teacher(teacher, rows)
    logits, states = ik.look_up(cached, whole)
    live = outputs(teacher)
    torch.testing.assert_close(logits, live.logits)
    assert len(states) == len(live.hidden_states) == 5
    for found, expected in zip(states, live.hidden_states, strict=True):
        torch.testing.assert_close(found[REAL], expected[REAL], rtol=2e-3, atol=2e-3)  # half precision
        assert found[~REAL].abs().max() == 0
    assert cached.starts[[0, 1, 3]].tolist() == [-1, -1, -1]
    torch.testing.assert_close(cached.logits, kd.cache_logits(teacher, rows), equal_nan=True)


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        ((7, 7, 1), "Two examples have the id 7"),
        ((7, -1, 1), "the id -1, which is below 0"),
        ((7, 1244051646071611394, 1), "the id 1244051646071611394; the largest"),
    ],
)
@pytest.mark.parametrize("cache", [ik.cache_teacher, kd.cache_logits])
def test_an_id_that_is_not_one_examples_own_is_refused(cache, ids, problem):
    teacher = bert().train()
    with pytest.raises(ValueError, match=problem):
        cache(teacher, [batch(ids)])
    assert teacher.training
    with pytest.raises(ValueError, match="Two examples have the id 2"):  # in two batches
        cache(teacher, [batch(), batch((2, 8, 9))])
    with pytest.raises(ValueError, match="no id, only input_ids, attention_mask"):
        cache(teacher, [{name: value for name, value in batch().items() if name != "id"}])


def test_an_example_that_was_never_cached_is_named():
    cached = ik.cache_teacher(bert(), [batch((7, 2, 4))])
    for unknown in (3, 8, -1):
        with pytest.raises(ValueError, match=f"never asked about the example with the id {unknown}"):
            ik.look_up(cached, batch((7, 2, unknown)))
    with pytest.raises(ValueError, match="the id 2 has 5 tokens here, and had 3"):
        ik.look_up(cached, batch((2, 7, 4)))


def test_states_beyond_half_precision_are_kept_right():
    teacher = bert()
    with torch.no_grad():
        teacher.bert.encoder.layer[1].output.LayerNorm.weight.mul_(1e6)
    live = outputs(teacher).hidden_states
    assert live[2].abs().max() > 65504
    _, states = ik.look_up(ik.cache_teacher(teacher, [batch()]), batch())
    for found, expected in zip(states, live, strict=True):
        torch.testing.assert_close(found[REAL], expected[REAL])


def test_an_encoder_decoder_is_refused():
    sizes = {"vocab_size": 30, "d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    model = T5ForSequenceClassification(T5Config(**sizes))
    for method in (lambda: ik.cache_teacher(model, []), lambda: ik.keep_layers(model, [1])):
        with pytest.raises(ValueError, match="T5ForSequenceClassification has an encoder and a decoder"):
            method()


def test_the_cache_works_under_autocast():
    """As on the real track, where the machine multiplies bfloat16 itself."""
    teacher, rows = bert(), [batch()]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = ik.cache_teacher(teacher, rows)
    exact = ik.cache_teacher(teacher, rows)
    assert rough.states.dtype == torch.half
    torch.testing.assert_close(rough.states, exact.states, rtol=0.1, atol=0.1)


# --- the bottleneck student ---


def test_a_bottleneck_student_is_as_wide_as_its_teacher_outside_and_narrow_inside():
    torch.manual_seed(0)
    teacher = bert()
    student = BottleneckStudent(teacher.config, bottleneck_size=4).eval()
    found, theirs = outputs_of(student, MASK), outputs(teacher)
    assert found.logits.shape == (3, 3)
    assert [state.shape for state in found.hidden_states] == [state.shape for state in theirs.hidden_states]
    assert models.count(student) < models.count(teacher)
    assert student.layers[0].body.self_attn.embed_dim == 4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_bottleneck_student_works_in_half_precision(dtype):
    student = BottleneckStudent(bert().config, bottleneck_size=4).to(dtype)
    found = outputs_of(student, MASK)
    assert found.logits.dtype == dtype and found.logits.isfinite().all()


def test_a_bottleneck_student_names_what_does_not_fit():
    with pytest.raises(ValueError, match="multiple of the teacher's 2 attention heads, and it is 5"):
        BottleneckStudent(bert().config, bottleneck_size=5)
    with pytest.raises(ValueError, match="BloomConfig has no max_position_embeddings"):
        BottleneckStudent(BloomConfig(), bottleneck_size=4)


def outputs_of(student: nn.Module, mask: torch.Tensor):
    with torch.no_grad():
        return student(batch()["input_ids"], mask)


def test_padding_does_not_reach_the_tokens_of_a_bottleneck_student():
    torch.manual_seed(0)
    student = BottleneckStudent(bert().config, bottleneck_size=4)
    for mode in (True, False):
        student.train(mode)
        alone = student(batch()["input_ids"][2:, :2], MASK[2:, :2]).logits
        torch.testing.assert_close(outputs_of(student, MASK).logits[2:], alone.detach())


# --- what ships ---


@needs_bundle
def test_the_student_of_the_general_stage_fits_the_student_and_its_card():
    folder = DATA / "models" / "student-general"
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text(encoding="utf-8")
    labels = ["a", "b"]
    general = models.load_classifier("student_general", labels)
    fresh = models.new_classifier("student", labels, models.load_tokenizer("teacher"))
    shapes = [{name: p.shape for name, p in model.named_parameters()} for model in (general, fresh)]
    assert shapes[0] == shapes[1]
    assert general.config.num_attention_heads == assets_heads("teacher")


def assets_heads(role: str) -> int:
    return BertConfig.from_pretrained(assets.fetch(role)).num_attention_heads
