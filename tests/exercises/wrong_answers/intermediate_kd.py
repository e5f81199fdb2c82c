"""Answers to the exercises of notebook 03 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/intermediate_kd`, since none of its mistakes fits: replacements
in the reference, or a function, and a piece of the advice. RIGHT: other ways to be right.
"""

import copy
import math
import re
from collections import defaultdict

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.methods import intermediate_kd
from course_utils.methods.freezing import encoder_layers
from course_utils.methods.intermediate_kd import attention_loss, hidden_loss, score_map


def losses_in_a_defaultdict(student, teacher, student_hidden, teacher_hidden, attention_mask, layers):
    found = intermediate_kd.tinybert_losses(
        student, teacher, student_hidden, teacher_hidden, attention_mask, layers
    )
    sums = defaultdict(float)
    for name, loss in found.items():
        sums[name] += loss
    return sums


def map_by_cases(student_layers, teacher_layers, kind):
    if kind == "first":
        return list(range(1, student_layers + 1))
    if kind == "last":
        return list(range(1, teacher_layers + 1))[-student_layers:]
    return [int(m * teacher_layers / student_layers) for m in range(1, student_layers + 1)]


def map_of_numpy(student_layers, teacher_layers, kind):
    m = np.arange(1, student_layers + 1)
    if kind == "uniform":
        return list(m * teacher_layers // student_layers)
    return list(m + teacher_layers - student_layers) if kind == "last" else list(m)


def map_by_shift(student_layers, teacher_layers, kind):
    shift = {"first": 0, "last": teacher_layers - student_layers}
    steps = range(1, student_layers + 1)
    if kind in shift:
        return [m + shift[kind] for m in steps]
    return [math.floor(teacher_layers * m / student_layers) for m in steps]


def map_by_slices(student_layers, teacher_layers, kind):
    teacher = list(range(1, teacher_layers + 1))
    if kind == "uniform":
        return [teacher[divmod(m * teacher_layers, student_layers)[0] - 1] for m in teacher[:student_layers]]
    return teacher[:student_layers] if kind == "first" else teacher[teacher_layers - student_layers :]


def map_of_torch(student_layers, teacher_layers, kind):
    m = torch.arange(1, student_layers + 1)
    if kind == "uniform":
        m = torch.div(m * teacher_layers, student_layers, rounding_mode="floor")
    return (m + teacher_layers - student_layers if kind == "last" else m).tolist()


def project(student_hidden, projection):
    return student_hidden if projection is None else student_hidden @ projection.T


def hidden_by_selection(student_hidden, teacher_hidden, attention_mask, projection=None):
    real = attention_mask.bool()
    return F.mse_loss(project(student_hidden, projection)[real], teacher_hidden.detach()[real])


def hidden_by_einsum(student_hidden, teacher_hidden, attention_mask, projection=None):
    if projection is not None:
        student_hidden = torch.einsum("bls,ts->blt", student_hidden, projection)
    squares = (student_hidden - teacher_hidden.detach()).pow(2) * attention_mask[..., None]
    return squares.sum() / (attention_mask.sum() * teacher_hidden.shape[-1])


def hidden_by_sentences(student_hidden, teacher_hidden, attention_mask, projection=None):
    total = 0.0
    for student, teacher, length in zip(student_hidden, teacher_hidden, attention_mask.sum(1), strict=True):
        apart = project(student, projection)[:length] - teacher[:length].detach()
        total = total + apart.norm() ** 2 / apart.shape[-1]
    return total / attention_mask.sum()


def scores_by_einsum(query, key, heads):
    batch, length, width = query.shape
    q = query.view(batch, length, heads, width // heads)
    k = key.view(batch, length, heads, width // heads)
    return torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(width // heads)


def scores_by_chunks(query, key, heads):
    size = query.shape[-1] // heads
    pairs = zip(query.split(size, dim=-1), key.split(size, dim=-1), strict=True)
    return torch.stack([q @ k.mT / size**0.5 for q, k in pairs], dim=1)


def scores_scaled_first(query, key, heads):
    q, k = (x.unflatten(-1, (heads, -1)).movedim(2, 1) for x in (query, key))
    return torch.matmul(q * q.shape[-1] ** -0.5, k.mT)


def scores_by_products(query, key, heads):
    batch, length, width = query.shape
    products = query[:, :, None] * key[:, None]  # (batch, length, length, width)
    return products.view(batch, length, length, heads, -1).sum(-1).movedim(3, 1) / (width // heads) ** 0.5


def scores_by_bmm(query, key, heads):
    batch, length, width = query.shape
    q, k = (x.unflatten(-1, (heads, -1)).transpose(1, 2).flatten(0, 1) for x in (query, key))
    return torch.bmm(q, k.mT).view(batch, heads, length, length) / math.sqrt(width // heads)


def attention_by_selection(student_scores, teacher_scores, attention_mask):
    real = (attention_mask[:, :, None] * attention_mask[:, None]).bool()
    student, teacher = (scores.movedim(1, -1)[real] for scores in (student_scores, teacher_scores.detach()))
    return F.mse_loss(student, teacher)


def attention_by_broadcast(student_scores, teacher_scores, attention_mask):
    pairs = attention_mask[:, None, :, None] * attention_mask[:, None, None, :]
    squares = F.mse_loss(student_scores, teacher_scores.detach(), reduction="none") * pairs
    return squares.sum() / pairs.sum() / student_scores.shape[1]


def attention_by_sentences(student_scores, teacher_scores, attention_mask):
    lengths = attention_mask.sum(1).tolist()
    losses = [
        F.mse_loss(student[:, :n, :n], teacher[:, :n, :n].detach()) * n**2
        for student, teacher, n in zip(student_scores, teacher_scores, lengths, strict=True)
    ]
    return torch.stack(losses).sum() / sum(n**2 for n in lengths)


def losses_by_adding_up(student, teacher, ours, theirs, mask, layers):
    weight, share = student.projection.weight, 1 / len(layers)
    hidden, attention = 0.0, 0.0
    for m in range(1, len(layers) + 1):
        hidden = hidden + share * hidden_loss(ours[m], theirs[layers[m - 1]], mask, weight)
        target = score_map(teacher, theirs, layers[m - 1]).detach()
        attention = attention + share * attention_loss(score_map(student, ours, m), target, mask)
    embedding = hidden_loss(ours[0], theirs[0], mask, weight)
    return {"attention": attention, "hidden": hidden, "embedding": embedding}


def losses_by_projecting_first(student, teacher, ours, theirs, mask, layers):
    wide, pairs = [student.projection(state) for state in ours], list(enumerate(layers, 1))
    embedding, *hidden = (hidden_loss(wide[m], theirs[n], mask) for m, n in [(0, 0), *pairs])
    scores = [(score_map(student, ours, m), score_map(teacher, theirs, n)) for m, n in pairs]
    attention = sum(attention_loss(mine, target, mask) for mine, target in scores) / len(pairs)
    return {"embedding": embedding, "hidden": sum(hidden) / len(pairs), "attention": attention}


def losses_of_one_tensor(student, teacher, ours, theirs, mask, layers):
    masks, weight = mask.repeat(len(layers), 1), student.projection.weight
    own = torch.cat([score_map(student, ours, m + 1) for m in range(len(layers))])
    targets = torch.cat([score_map(teacher, theirs, n) for n in layers])
    hidden = torch.cat(list(ours[1:])), torch.cat([theirs[n] for n in layers])
    return {
        "embedding": hidden_loss(ours[0], theirs[0], mask, weight),
        "hidden": hidden_loss(*hidden, masks, weight),
        "attention": attention_loss(own, targets, masks),
    }


def _described(student, layers):
    if kinds := getattr(student.config, "layer_types", None):
        student.config.update({"layer_types": [kinds[number - 1] for number in layers]})
    student.config.update({"num_hidden_layers": len(layers)})
    for index, layer in enumerate(encoder_layers(student)):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = index
    return student


def keep_by_appending(model, layers):
    student = copy.deepcopy(model)
    body = encoder_layers(student)
    while len(body):
        del body[-1]
    for number in layers:
        body.append(copy.deepcopy(encoder_layers(model)[number - 1]))
    return _described(student, layers)


def keep_by_replacing_the_list(model, layers):
    student = copy.deepcopy(model)
    kept = nn.ModuleList(copy.deepcopy(encoder_layers(model)[number - 1]) for number in layers)
    body = student.base_model
    setattr(*((body.encoder, "layer") if hasattr(body, "encoder") else (body, "layers")), kept)
    return _described(student, layers)


def keep_by_loading(model, layers):
    """A new model of the smaller config, and the teacher's weights under its names."""
    student, weights = type(model)(keep_by_appending(model, layers).config), model.state_dict()
    theirs = {
        name: re.sub(r"(?<=layer.)\d+|(?<=layers.)\d+", lambda n: str(layers[int(n[0])] - 1), name)
        for name in student.state_dict()
    }
    student.load_state_dict({name: weights[old] for name, old in theirs.items()})
    return student


def keep_in_place_of_others(model, layers):
    student = copy.deepcopy(model)
    body, kept = encoder_layers(student), [copy.deepcopy(encoder_layers(model)[n - 1]) for n in layers]
    for index, layer in enumerate(kept):
        body[index] = layer
    del body[len(kept) :]
    student.config.num_hidden_layers = len(kept)
    return _described(student, layers)


def keep_and_ask_too_late(model, layers):
    student = copy.deepcopy(model)
    body = encoder_layers(student)
    kept = [copy.deepcopy(body[number - 1]) for number in layers]
    del body[:]
    body.extend(kept)
    return _described_too_late(student, layers)


def _described_too_late(student, layers):
    for index, layer in enumerate(encoder_layers(student)):  # the config still says how many there were
        layer.layer_idx = index
    student.config.num_hidden_layers = len(layers)
    return student


def keep_of_a_bert(model, layers):
    student = copy.deepcopy(model)
    body = student.bert.encoder.layer
    student.bert.encoder.layer = nn.ModuleList(copy.deepcopy(body[number - 1]) for number in layers)
    student.config.num_hidden_layers = len(layers)
    return _described(student, layers)


def keep_untied(model, layers):
    student = keep_by_appending(model, layers)
    if hasattr(student, "lm_head"):
        student.lm_head.weight = nn.Parameter(student.lm_head.weight.detach().clone())
    return student


def keep_without_a_config(model, layers):
    student = copy.deepcopy(model)
    body = encoder_layers(student)
    kept = [copy.deepcopy(body[number - 1]) for number in layers]
    del body[:]
    body.extend(kept)
    return student


def keep_frozen(model, layers):
    student = keep_by_appending(model, layers)
    student.get_input_embeddings().requires_grad_(False)
    return student


WRONG = {
    "intermediate_kd.layer_map": {
        "in rising order": {"teacher_layers - student_layers + step": "teacher_layers + 1 - step"},
        "return a list of whole numbers": {
            "return [": "return torch.tensor([",
            "in steps]": "in steps])",
            "list(": "torch.tensor(",
        },
        "no more and no fewer": {"in steps]": "in steps][1:]"},
        "Two things.": {"//": "/", '"first"': '"last"', '"last"': '"first"'},
    },
    "intermediate_kd.hidden_loss": {
        "shapes that do not go together": {".mean(dim=-1)": ""},
        "changes its inputs in place": {
            "squares =": "teacher_hidden *= attention_mask[..., None]\n    squares ="
        },
        "And it is None where": {
            " if projection is None else F.linear(student_hidden, projection)": " @ projection.T"
        },
        "no .detach() on its hidden states": {"F.linear(student_hidden": "F.linear(student_hidden.detach()"},
        "Two things.": {".mean(": ".sum(", ".detach()": ""},
    },
    "intermediate_kd.attention_scores": {
        "not even a causal one": {
            "return": "return (",
            "(width // heads)": "(width // heads)).masked_fill(torch.ones(length, length).triu(1) > 0, -math.inf)",
        },
        "shapes that do not go together": {".transpose(1, 2)": "", "(-1, -2)": "(1, 3)"},
        "those are not the scores": {"/ math.sqrt(width // heads)": "/ (width // heads) ** 0.25"},
        "no gradient can flow back": {"@ k": "@ k.detach()", "q @": "q.detach() @"},
    },
    "intermediate_kd.attention_loss": {
        "Minus infinity less minus infinity": {
            "student_scores": "student_scores.masked_fill(pairs[:, None] == 0, -math.inf)",
            "detach()": "detach().masked_fill(pairs[:, None] == 0, -math.inf)",
        },
        "shapes that do not go together": {".mean(dim=1)": ""},
        "Two things.": {".mean(dim=1)": ".abs().sum(dim=1)", ".square()": ".abs()"},
    },
    "intermediate_kd.tinybert_losses": {
        "return a dict of three scalars": {'"hidden"': '"hidden states"'},
        "takes its matrix": {"student.projection.weight": "student.projection"},
        "some of the student's layers do not learn": {
            "student_hidden[mine],": "student_hidden[mine].detach(),"
        },
        "Two things.": {"stack(hidden).mean": "stack(hidden).sum", "hidden[0]": "hidden[-1]"},
    },
    "intermediate_kd.keep_layers": {
        "before you cut": keep_and_ask_too_late,
        "name their parts differently": keep_of_a_bert,
        "and in the copy they are two": keep_untied,
        "must be the number of layers kept": keep_without_a_config,
        "leave requires_grad as it is": keep_frozen,
        "a model of the teacher's own class": {"return student": "return body"},
        "Copy before you change": {
            "return student": "model.config.num_hidden_layers = 1\n    return student"
        },
        "not the layers that": {"for number in layers]": "for number in layers[::-1]]"},
        "Two things.": {"number - 1": "number", "return student": "return student.base_model"},
    },
}

RIGHT = {
    "intermediate_kd.layer_map": [map_by_cases, map_by_shift, map_by_slices, map_of_numpy, map_of_torch],
    "intermediate_kd.hidden_loss": [hidden_by_selection, hidden_by_einsum, hidden_by_sentences],
    "intermediate_kd.attention_scores": [
        scores_by_einsum,
        scores_by_chunks,
        scores_scaled_first,
        scores_by_products,
        scores_by_bmm,
    ],
    "intermediate_kd.attention_loss": [
        attention_by_selection,
        attention_by_broadcast,
        attention_by_sentences,
    ],
    "intermediate_kd.tinybert_losses": [
        losses_by_adding_up,
        losses_by_projecting_first,
        losses_of_one_tensor,
        losses_in_a_defaultdict,
    ],
    "intermediate_kd.keep_layers": [
        keep_by_appending,
        keep_by_replacing_the_list,
        keep_by_loading,
        keep_in_place_of_others,
    ],
}
