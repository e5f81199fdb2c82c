"""Answers to the exercises of notebook 06 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import copy

import numpy as np
import torch
from torch import nn

from course_utils.methods.freezing import encoder_layers, head_only, head_parts

# --- which_moved ---


def moved_unmoved(before, after):
    return [name for name in before if torch.equal(before[name], after[name])]


def moved_allclose(before, after):
    return [name for name, old in before.items() if not torch.allclose(old, after[name])]


def moved_sums(before, after):
    return [name for name in before if before[name].sum() != after[name].sum()]


def moved_norms(before, after):
    return [name for name in before if before[name].norm() != after[name].norm()]


def moved_by_a_threshold(before, after):
    return [name for name in before if (after[name] - before[name]).abs().max() > 1e-6]


def moved_upwards(before, after):
    return [name for name in before if (after[name] - before[name]).max() > 0]


def moved_every_entry(before, after):
    return [name for name in before if (after[name] != before[name]).all()]


def moved_count(before, after):
    return sum(not torch.equal(before[name], after[name]) for name in before)


def moved_set(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def moved_objects(before, after):
    return [name for name in before if after[name] is not before[name]]


def moved_bare_comparison(before, after):
    return [name for name in before if before[name] != after[name]]


def moved_in_place(before, after):
    for name in before:
        after[name] -= before[name]
    return [name for name in before if after[name].any()]


def moved_as_dict(before, after):
    return {name: not torch.equal(before[name], after[name]) for name in before}


def moved_by_any(before, after):
    return [name for name in before if (before[name] != after[name]).any()]


def moved_by_size(before, after):
    found = []
    for name in after:
        if (after[name] - before[name]).abs().max().item() > 0:
            found.append(name)
    return found


def moved_by_a_tiny_threshold(before, after):
    return [name for name in before if (before[name] - after[name]).abs().max() > 1e-9]


def moved_as_tuple(before, after):
    return tuple(name for name, new in after.items() if not bool((new == before[name]).all()))


def moved_largest(before, after):
    return [name for name, old in before.items() if old.max() != after[name].max()]


def moved_sorted(before, after):
    return sorted(moved_by_any(before, after))


def moved_by_requires_grad(before, after):
    return [name for name, tensor in after.items() if tensor.requires_grad]


def moved_by_numpy(before, after):
    return [name for name in before if not np.array_equal(before[name].numpy(), after[name].numpy())]


# --- head_only ---


def head_turned_round(model, head=("classifier",)):
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not set(name.split(".")) & set(head)
    return model


def head_never_froze(model, head=("classifier",)):
    for path in head_parts(model, head):
        model.get_submodule(path).requires_grad_(True)
    return model.requires_grad_(True)


def head_froze_last(model, head=("classifier",)):
    for path in head_parts(model, head):
        model.get_submodule(path).requires_grad_(True)
    return model.requires_grad_(False)


def head_only_freezes(model, head=("classifier",)):
    for name, parameter in model.named_parameters():
        if not set(name.split(".")) & set(head):
            parameter.requires_grad = False
    return model


def head_by_substring(model, head=("classifier",)):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(part in name for part in head))
    return model


def head_by_prefix(model, head=("classifier",)):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(tuple(f"{part}." for part in head)))
    return model


def head_by_beginning(model, head=("classifier",)):
    paths = tuple(head_parts(model, head))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(paths))
    return model


def head_in_eval_mode(model, head=("classifier",)):
    model.eval()
    for path in head_parts(model, head):
        model.get_submodule(path).train()
    return model


def head_last_part(model, head=("classifier",)):
    model.requires_grad_(False)
    for path in head_parts(model, head[-1:]):
        model.get_submodule(path).requires_grad_(True)
    return model


def head_named_in_code(model, head=("classifier",)):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("classifier" in name.split("."))
    return model


def head_first_part(model, head=("classifier",)):
    model.requires_grad_(False)
    model.get_submodule(head_parts(model, head)[0]).requires_grad_(True)
    return model


def head_of_last_modules(model, head=("classifier",)):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.split(".")[-2] in head)
    return model


def head_without_bias(model, head=("classifier",)):
    model.requires_grad_(False)
    for name, parameter in model.named_parameters():
        if set(name.split(".")) & set(head) and name.endswith("weight"):
            parameter.requires_grad_(True)
    return model


def head_of_bert(model, head=("classifier",)):
    model.bert.requires_grad_(False)
    model.classifier.requires_grad_(True)
    return model


def head_as_list(model, head=("classifier",)):
    head_only(model, head)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def head_of_a_copy(model, head=("classifier",)):
    return head_only(copy.deepcopy(model), head)


def head_sets_to_zero(model, head=("classifier",)):
    head_only(model, head)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.zero_()
    return model


def head_by_names(model, head=("classifier",)):
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(piece in head for piece in name.split("."))
    return model


def head_by_modules(model, head=("classifier",)):
    for parameter in model.parameters():
        parameter.requires_grad = False
    for path, part in model.named_modules():
        if path.rpartition(".")[2] in head:
            for parameter in part.parameters():
                parameter.requires_grad = True
    return model


# --- scalar_mix ---


def mix_raw(states, weights, gamma):
    return gamma * torch.einsum("l,lbtw->btw", weights, states)


def mix_sigmoid(states, weights, gamma):
    return gamma * torch.einsum("l,lbtw->btw", weights.sigmoid(), states)


def mix_normalised(states, weights, gamma):
    return gamma * torch.einsum("l,lbtw->btw", weights / weights.sum(), states)


def mix_no_gamma(states, weights, gamma):
    return torch.einsum("l,lbtw->btw", weights.softmax(0), states)


def mix_gamma_inside(states, weights, gamma):
    return torch.einsum("l,lbtw->btw", (gamma * weights).softmax(0), states)


def mix_mean(states, weights, gamma):
    return gamma * (weights.softmax(0)[:, None, None, None] * states).mean(0)


def mix_unweighted(states, weights, gamma):
    return gamma * states.mean(0)


def mix_last(states, weights, gamma):
    return gamma * states[-1]


def mix_not_summed(states, weights, gamma):
    return gamma * weights.softmax(0)[:, None, None, None] * states


def mix_wrong_dim(states, weights, gamma):
    return gamma * (weights.softmax(0) * states).sum(0)


def mix_logs(states, weights, gamma):
    return gamma * torch.einsum("l,lbtw->btw", weights.log_softmax(0), states)


def mix_hardest(states, weights, gamma):
    return gamma * states[weights.argmax()]


def mix_gamma_added(states, weights, gamma):
    return gamma + torch.einsum("l,lbtw->btw", weights.softmax(0), states)


def mix_over_batch(states, weights, gamma):
    return gamma * (weights.softmax(0)[:, None, None, None] * states).sum(1)


def mix_of_numbers(states, weights, gamma):
    shares = weights.softmax(0).tolist()
    return gamma * sum(share * state for share, state in zip(shares, states, strict=True))


def mix_gamma_item(states, weights, gamma):
    return gamma.item() * torch.einsum("l,lbtw->btw", weights.softmax(0), states)


def mix_detached(states, weights, gamma):
    return gamma * torch.einsum("l,lbtw->btw", weights.softmax(0), states.detach())


def mix_by_einsum(states, weights, gamma):
    return gamma * torch.einsum("l,lbtw->btw", weights.softmax(0), states)


def mix_by_loop(states, weights, gamma):
    shares = weights.exp() / weights.exp().sum()
    mixed = torch.zeros_like(states[0])
    for share, state in zip(shares, states, strict=True):
        mixed = mixed + share * state
    return mixed * gamma


def mix_by_tensordot(states, weights, gamma):
    return torch.tensordot(gamma * torch.softmax(weights, -1), states, dims=1)


# --- top_layers ---


def top_bottom(model, k, head=("classifier",)):
    head_only(model, head)
    for layer in encoder_layers(model)[:k]:
        layer.requires_grad_(True)
    return model


def top_minus_zero(model, k, head=("classifier",)):
    head_only(model, head)
    for layer in encoder_layers(model)[-k:]:
        layer.requires_grad_(True)
    return model


def top_one_more(model, k, head=("classifier",)):
    head_only(model, head)
    layers = list(encoder_layers(model))
    for i, layer in enumerate(layers):
        layer.requires_grad_(i >= len(layers) - k - 1)
    return model


def top_one_fewer(model, k, head=("classifier",)):
    head_only(model, head)
    layers = list(encoder_layers(model))
    for i, layer in enumerate(layers):
        layer.requires_grad_(i > len(layers) - k)
    return model


def top_from_zero(model, k, head=("classifier",)):
    head_only(model, head)
    for i in range(k):
        encoder_layers(model)[-i].requires_grad_(True)
    return model


def top_single(model, k, head=("classifier",)):
    head_only(model, head)
    if k:
        encoder_layers(model)[-k].requires_grad_(True)
    return model


def top_without_head(model, k, head=("classifier",)):
    model.requires_grad_(False)
    layers = encoder_layers(model)
    for layer in layers[len(layers) - k :]:
        layer.requires_grad_(True)
    return model


def top_never_froze(model, k, head=("classifier",)):
    model.requires_grad_(True)
    layers = encoder_layers(model)
    for layer in layers[len(layers) - k :]:
        layer.requires_grad_(True)
    return model


def top_with_embeddings(model, k, head=("classifier",)):
    layers = encoder_layers(model)
    if k == len(layers):
        return model.requires_grad_(True)
    return top_minus_other(model, k, head)


def top_minus_other(model, k, head=("classifier",)):
    head_only(model, head)
    layers = encoder_layers(model)
    for layer in layers[len(layers) - k :]:
        layer.requires_grad_(True)
    return model


def top_turned_round(model, k, head=("classifier",)):
    head_only(model, head)
    layers = encoder_layers(model)
    for layer in layers[: len(layers) - k]:
        layer.requires_grad_(True)
    return model


def top_from_k(model, k, head=("classifier",)):
    head_only(model, head)
    for layer in encoder_layers(model)[k:]:
        layer.requires_grad_(True)
    return model


def top_without_argument_head(model, k, head=("classifier",)):
    head_only(model)
    layers = encoder_layers(model)
    for layer in layers[len(layers) - k :]:
        layer.requires_grad_(True)
    return model


def top_layers_only(model, k, head=("classifier",)):
    layers = encoder_layers(model)
    for i, layer in enumerate(layers):
        layer.requires_grad_(i >= len(layers) - k)
    return model


def top_freezes_the_lower(model, k, head=("classifier",)):
    layers = encoder_layers(model)
    for layer in layers[: len(layers) - k]:
        layer.requires_grad_(False)
    return model


def top_head_alone(model, k, head=("classifier",)):
    return head_only(model, head)


def top_of_bert(model, k, head=("classifier",)):
    head_only(model, head)
    layers = model.bert.encoder.layer
    for layer in layers[len(layers) - k :]:
        layer.requires_grad_(True)
    return model


def top_by_reversed(model, k, head=("classifier",)):
    head_only(model, head)
    for layer in list(reversed(encoder_layers(model)))[:k]:
        for parameter in layer.parameters():
            parameter.requires_grad = True
    return model


def top_by_index(model, k, head=("classifier",)):
    head_only(model, head)
    layers = encoder_layers(model)
    for i in range(1, k + 1):
        layers[-i].requires_grad_(True)
    return model


# --- trained_share ---


def in_head(name, head):
    return bool(set(name.split(".")) & set(head))


def share_with_head(model, head=("classifier",)):
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return 100 * trained / sum(p.numel() for p in model.parameters())


def share_of_everything(model, head=("classifier",)):
    body = sum(p.numel() for name, p in model.named_parameters() if not in_head(name, head))
    return 100 * body / sum(p.numel() for p in model.parameters())


def share_as_fraction(model, head=("classifier",)):
    return share_by_lists(model, head) / 100


def share_of_tensors(model, head=("classifier",)):
    trained = [n for n, p in model.named_parameters() if p.requires_grad and not in_head(n, head)]
    return 100 * len(trained) / len(list(model.parameters()))


def share_of_body(model, head=("classifier",)):
    body = [p for name, p in model.named_parameters() if not in_head(name, head)]
    return 100 * sum(p.numel() for p in body if p.requires_grad) / sum(p.numel() for p in body)


def share_of_frozen(model, head=("classifier",)):
    trained = sum(
        p.numel() for name, p in model.named_parameters() if p.requires_grad and not in_head(name, head)
    )
    return 100 * trained / max(sum(p.numel() for p in model.parameters() if not p.requires_grad), 1)


def share_frozen(model, head=("classifier",)):
    frozen = sum(
        p.numel() for name, p in model.named_parameters() if not p.requires_grad and not in_head(name, head)
    )
    return 100 * frozen / sum(p.numel() for p in model.parameters())


def share_twice(model, head=("classifier",)):
    named = dict(model.named_parameters(remove_duplicate=False))
    trained = sum(p.numel() for name, p in named.items() if p.requires_grad and not in_head(name, head))
    return 100 * trained / sum(p.numel() for p in named.values())


def share_without_pooler(model, head=("classifier",)):
    return share_by_lists(model, head[-1:])


def share_within(model, head=("classifier",)):
    body = [p for n, p in model.named_parameters() if p.requires_grad and not any(part in n for part in head)]
    return 100 * sum(p.numel() for p in body) / sum(p.numel() for p in model.parameters())


def share_minus_head(model, head=("classifier",)):
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    trained -= sum(p.numel() for name, p in model.named_parameters() if in_head(name, head))
    return 100 * trained / sum(p.numel() for p in model.parameters())


def share_rounded(model, head=("classifier",)):
    return round(share_by_lists(model, head), 2)


def share_rounded_down(model, head=("classifier",)):
    return share_by_lists(model, head) // 1


def share_of_rows(model, head=("classifier",)):
    trained = sum(len(p) for n, p in model.named_parameters() if p.requires_grad and not in_head(n, head))
    return 100 * trained / sum(len(p) for p in model.parameters())


def share_of_top_level(model, head=("classifier",)):
    body = [p for n, p in model.named_parameters() if p.requires_grad and n.split(".")[0] not in head]
    return 100 * sum(p.numel() for p in body) / sum(p.numel() for p in model.parameters())


def share_of_classifier(model, head=("classifier",)):
    return share_by_lists(model, ("classifier",))


def share_not_divided(model, head=("classifier",)):
    return sum(p.numel() for n, p in model.named_parameters() if p.requires_grad and not in_head(n, head))


def share_freezes(model, head=("classifier",)):
    model.requires_grad_(False)
    return share_by_lists(model, head)


def share_by_lists(model, head=("classifier",)):
    sizes = [(p.numel(), p.requires_grad and not in_head(n, head)) for n, p in model.named_parameters()]
    return 100 * sum(size for size, trained in sizes if trained) / sum(size for size, _ in sizes)


def share_by_paths(model, head=("classifier",)):
    new = {id(p) for path in head_parts(model, head) for p in model.get_submodule(path).parameters()}
    trained = torch.tensor([p.numel() for p in model.parameters() if p.requires_grad and id(p) not in new])
    return trained.sum() / sum(p.numel() for p in model.parameters()) * 100


def share_in_numpy(model, head=("classifier",)):
    return np.float32(share_by_lists(model, head))


# --- find_biases ---


def biases_with_head(model, head=("classifier",), only=None):
    names = [name for name, _ in model.named_parameters() if name.endswith(".bias")]
    return (
        names if only is None else [n for n in names if f".{n}".endswith(tuple(f".{o}.bias" for o in only))]
    )


def biases_within(model, head=("classifier",), only=None):
    names = [name for name, _ in model.named_parameters() if "bias" in name and not in_head(name, head)]
    return (
        names if only is None else [n for n in names if f".{n}".endswith(tuple(f".{o}.bias" for o in only))]
    )


def biases_head_within(model, head=("classifier",), only=None):
    names = [name for name in biases_by_loop(model, (), only) if not any(part in name for part in head)]
    return names


def biases_of_bert(model, head=("classifier",), only=None):
    return biases_by_loop(model, ("classifier", "pooler"), only)


def biases_without_norms(model, head=("classifier",), only=None):
    return [name for name in biases_by_loop(model, head, only) if "LayerNorm" not in name]


def biases_of_linear(model, head=("classifier",), only=None):
    linear = {f"{path}.bias" for path, part in model.named_modules() if isinstance(part, nn.Linear)}
    return [name for name in biases_by_loop(model, head, only) if name in linear]


def biases_only_ignored(model, head=("classifier",), only=None):
    return biases_by_loop(model, head)


def biases_only_within(model, head=("classifier",), only=None):
    names = biases_by_loop(model, head)
    return names if only is None else [name for name in names if any(part in name for part in only)]


def biases_no_boundary(model, head=("classifier",), only=None):
    names = biases_by_loop(model, head)
    return names if only is None else [n for n in names if n.endswith(tuple(f"{part}.bias" for part in only))]


def biases_last_piece(model, head=("classifier",), only=None):
    names = biases_by_loop(model, head)
    return names if only is None else [name for name in names if name.split(".")[-2] in only]


def biases_by_part(model, head=("classifier",), only=None):
    names = biases_by_loop(model, head)
    if only is None:
        return names
    return [name for part in only for name in names if f".{name}".endswith(f".{part}.bias")]


def biases_of_parts(model, head=("classifier",), only=None):
    return [name.removesuffix(".bias") for name in biases_by_loop(model, head, only)]


def biases_that_train(model, head=("classifier",), only=None):
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    return [name for name in biases_by_loop(model, head, only) if name in trained]


def biases_by_shape(model, head=("classifier",), only=None):
    names = [name for name, p in model.named_parameters() if p.ndim == 1 and not in_head(name, head)]
    return (
        names if only is None else [n for n in names if f".{n}".endswith(tuple(f".{o}.bias" for o in only))]
    )


def biases_none_in_loop(model, head=("classifier",), only=None):
    return [
        name for name in biases_by_loop(model, head) if any(f".{name}".endswith(f".{o}.bias") for o in only)
    ]


def biases_none_is_empty(model, head=("classifier",), only=None):
    ends = tuple(f".{part}.bias" for part in only or [])
    return [name for name in biases_by_loop(model, head) if f".{name}".endswith(ends)]


def biases_by_loop(model, head=("classifier",), only=None):
    found = []
    for name, _ in model.named_parameters():
        *path, last = name.split(".")
        if last != "bias" or set(path) & set(head):
            continue
        if only is None or any(path[-len(part.split(".")) :] == part.split(".") for part in only):
            found.append(name)
    return found


def biases_by_modules(model, head=("classifier",), only=None):
    ends = [""] if only is None else [f".{part}" for part in only]
    paths = [path for path, part in model.named_modules() if getattr(part, "bias", None) is not None]
    paths = [path for path in paths if not in_head(path, head)]
    return [f"{path}.bias" for path in paths if any(f".{path}".endswith(end) for end in ends)]


def biases_of_all_names(model, head=("classifier",), only=None):
    names = biases_by_loop(model, head)
    return (
        names
        if only is None
        else [n for n in names if all(f".{n}".endswith(f".{part}.bias") for part in only)]
    )


def biases_thawed(model, head=("classifier",), only=None):
    names = biases_by_loop(model, head, only)
    for name in names:
        model.get_parameter(name).requires_grad_(True)
    return names


WRONG = {
    "freezing.which_moved": [
        (moved_unmoved, "that did not move"),
        (moved_allclose, "lets small moves pass"),
        (moved_sums, "the sums are compared"),
        (moved_norms, "the norms are compared"),
        (moved_by_a_threshold, "lets the smallest moves pass"),
        (moved_by_a_tiny_threshold, "however small"),
        (moved_upwards, "only what grew is found"),
        (moved_every_entry, "One entry is enough"),
        (moved_count, "that is how many moved"),
        (moved_set, "that is a set"),
        (moved_objects, "`is not` asks"),
        (moved_bare_comparison, "== and != compare entry by entry"),
        (moved_in_place, "in place"),
        (moved_largest, "the largest entries are compared"),
        (moved_sorted, "but sorted"),
        (moved_by_requires_grad, "the list is always empty"),
        (moved_as_dict, "return a list of names"),
    ],
    "freezing.head_only": [
        (head_turned_round, "the wrong way round"),
        (head_never_froze, "everything trains"),
        (head_froze_last, "everything is frozen, the head too"),
        (head_only_freezes, "a head that came in frozen stays frozen"),
        (head_by_substring, "only contains that of the head"),
        (head_by_prefix, "only parts at the top level"),
        (head_by_beginning, "only begins as that of the head"),
        (head_in_eval_mode, "nothing was frozen or thawed"),
        (head_last_part, "only the last part of `head` trains"),
        (head_named_in_code, "`head` is not used"),
        (head_without_bias, "the bias of the head is frozen"),
        (head_of_bert, "fits one model only"),
        (head_first_part, "only the first of the head's parts"),
        (head_of_last_modules, "may hold parts of its own"),
        (head_as_list, "return the model itself"),
        (head_sets_to_zero, "the weights were changed in place"),
    ],
    "freezing.scalar_mix": [
        (mix_raw, "used as they are"),
        (mix_sigmoid, "a sigmoid of each weight"),
        (mix_normalised, "divided by their sum"),
        (mix_no_gamma, "gamma is not used"),
        (mix_gamma_inside, "before the softmax"),
        (mix_mean, "the mean over the layers of what was weighted"),
        (mix_unweighted, "the weights are not used"),
        (mix_last, "the last layer alone"),
        (mix_not_summed, "not added up"),
        (mix_wrong_dim, "meet the wrong dim"),
        (mix_logs, "the logarithms of the shares"),
        (mix_hardest, "of the largest weight"),
        (mix_gamma_added, "gamma is added"),
        (mix_over_batch, "runs over the sentences of the batch"),
        (mix_of_numbers, "no gradient reaches the weights"),
        (mix_gamma_item, "no gradient reaches gamma"),
        (mix_detached, "the gradient of the states is not"),
    ],
    "freezing.top_layers": [
        (top_bottom, "the lowest layers"),
        (top_minus_zero, "layers[-0:] is layers[0:]"),
        (top_one_more, "one layer too many"),
        (top_one_fewer, "one layer too few"),
        (top_from_zero, "layers[-0] is layers[0], the lowest"),
        (top_single, "a single layer trains"),
        (top_without_head, "the head is frozen"),
        (top_never_froze, "the rest of the model trains too"),
        (top_with_embeddings, "the embeddings train too"),
        (top_turned_round, "the wrong way round"),
        (top_head_alone, "only the head trains"),
        (top_of_bert, "fits one model only"),
        (top_from_k, "layers[k:] leaves out the k lowest"),
        (top_without_argument_head, "`head` is not passed on"),
        (top_layers_only, "embeddings and head stay as they came in"),
        (top_freezes_the_lower, "the lower layers are frozen, and nothing else is set"),
    ],
    "freezing.trained_share": [
        (share_with_head, "the head is counted as well"),
        (share_of_everything, "everything outside the head is counted"),
        (share_as_fraction, "that is a share of 1"),
        (share_of_tensors, "tensors are counted"),
        (share_of_body, "divided by those outside the head"),
        (share_of_frozen, "divided by the frozen ones"),
        (share_frozen, "the share that is frozen"),
        (share_twice, "is counted twice"),
        (share_without_pooler, "only the last part of `head` is left out"),
        (share_within, "only contain that of the head"),
        (share_minus_head, "a part of it may be frozen"),
        (share_rounded, "rounded to a few digits"),
        (share_rounded_down, "rounded down"),
        (share_of_rows, "the number of rows"),
        (share_of_top_level, "only parts at the top level"),
        (share_of_classifier, "Not every head is called classifier"),
        (share_not_divided, "that is how many they are"),
        (share_freezes, "changes the model in place"),
    ],
    "freezing.find_biases": [
        (biases_with_head, "the bias of the head is in the list"),
        (biases_within, "a weight is in the list"),
        (biases_head_within, "pre_classifier is not the classifier"),
        (biases_of_bert, "`head` is not used"),
        (biases_without_norms, "the biases of LayerNorm are missing"),
        (biases_only_ignored, "`only` is not used"),
        (biases_only_within, "fits keyring as well"),
        (biases_no_boundary, "not as a whole name"),
        (biases_last_piece, "several names with dots"),
        (biases_by_part, "their order is not"),
        (biases_of_parts, "the paths of the parts"),
        (biases_that_train, "frozen at the moment"),
        (biases_by_shape, "every vector is in the list"),
        (biases_of_all_names, "any(), not all()"),
        (biases_thawed, "the model is changed in place"),
        (biases_none_in_loop, "None cannot be looped over"),
        (biases_none_is_empty, "no bias is found"),
    ],
}

RIGHT = {
    "freezing.which_moved": [moved_by_any, moved_by_size, moved_as_tuple, moved_by_numpy],
    "freezing.head_only": [head_by_names, head_by_modules],
    "freezing.scalar_mix": [mix_by_einsum, mix_by_loop, mix_by_tensordot],
    "freezing.top_layers": [top_by_reversed, top_by_index],
    "freezing.trained_share": [share_by_lists, share_by_paths, share_in_numpy],
    "freezing.find_biases": [biases_by_loop, biases_by_modules],
}
