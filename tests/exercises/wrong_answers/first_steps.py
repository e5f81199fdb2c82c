"""Answers to the exercises of notebook 00 as a reader might write them.

WRONG: for each exercise, the answers and a piece of the hint that each must get. RIGHT: other ways to be
right.
"""

import torch
import torch.nn.functional as F

# --- accuracy ---


def accuracy_counted(predicted, labels):
    return (predicted == labels).sum()


def accuracy_of_errors(predicted, labels):
    return sum(p != y for p, y in zip(predicted, labels, strict=True)) / len(labels)


def accuracy_in_percent(predicted, labels):
    return 100 * (predicted == labels).sum().item() / len(labels)


def accuracy_of_booleans(predicted, labels):
    return (predicted == labels).mean()


def accuracy_not_averaged(predicted, labels):
    return torch.eq(predicted, labels)


def accuracy_all_or_nothing(predicted, labels):
    return bool((predicted == labels).all())


def accuracy_as_distance(predicted, labels):
    return (predicted - labels).abs().float().mean()


def accuracy_rounded_down(predicted, labels):
    return (predicted == labels).sum() // len(labels)


def accuracy_kept(predicted, labels):
    return (predicted == labels).float().mean(dim=0, keepdim=True)


def accuracy_by_loop(predicted, labels):
    right = 0
    for guess, label in zip(predicted.tolist(), labels.tolist(), strict=True):
        right += guess == label
    return right / len(labels)


def accuracy_as_tensor(predicted, labels):
    return (predicted == labels).sum() / len(labels)


# --- masked_mean ---


def mean_with_padding(vectors, attention_mask):
    return vectors.mean(dim=1)


def mean_over_whole_length(vectors, attention_mask):
    return (vectors * attention_mask[:, :, None]).sum(dim=1) / vectors.shape[1]


def mean_padding_summed(vectors, attention_mask):
    return vectors.sum(dim=1) / attention_mask.sum(dim=1)[:, None]


def mean_summed(vectors, attention_mask):
    return (vectors * attention_mask[..., None]).sum(1)


def mean_by_batch_count(vectors, attention_mask):
    return (vectors * attention_mask.unsqueeze(2)).sum(dim=1) / attention_mask.sum()


def mean_of_padding(vectors, attention_mask):
    mask = 1 - attention_mask.unsqueeze(-1)
    return (vectors * mask).sum(dim=1) / mask.sum(dim=1)


def mean_kept(vectors, attention_mask):
    mask = attention_mask.unsqueeze(-1)
    return (vectors * mask).sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)


def mean_by_row_of_counts(vectors, attention_mask):
    return (vectors * attention_mask[:, :, None]).sum(1) / attention_mask.sum(1)


def mean_squeezed(vectors, attention_mask):
    return mean_kept(vectors, attention_mask).squeeze()


def mean_first_token(vectors, attention_mask):
    return vectors[:, 0, :]


def mean_over_sentences(vectors, attention_mask):
    mask = attention_mask.unsqueeze(-1)
    return (vectors * mask).sum(0) / mask.sum(0).clamp(min=1)


def mean_two_dims(vectors, attention_mask):
    return (vectors * attention_mask).sum(dim=1) / attention_mask.sum(dim=1)


def mean_in_place(vectors, attention_mask):
    vectors *= attention_mask.unsqueeze(-1)
    return vectors.sum(dim=1) / attention_mask.sum(dim=1, keepdim=True)


def mean_over_all(vectors, attention_mask):
    return vectors[attention_mask == 1].mean()


def mean_row_by_row(vectors, attention_mask):
    rows = [row[mask == 1].mean(dim=0) for row, mask in zip(vectors, attention_mask, strict=True)]
    return torch.stack(rows)


def mean_by_product(vectors, attention_mask):
    weights = attention_mask.to(vectors.dtype) / attention_mask.sum(dim=1, keepdim=True)
    return torch.einsum("bl,bls->bs", weights.to(vectors.dtype), vectors)


# --- slope ---


def slope_forward(function, x, step):
    return (function(x + step) - function(x)) / step


def slope_backward(function, x, step):
    return (function(x) - function(x - step)) / step


def slope_one_step(function, x, step):
    return (function(x + step) - function(x - step)) / step


def slope_precedence(function, x, step):
    return (function(x + step) - function(x - step)) / 2 * step


def slope_halved(function, x, step):
    return (function(x + step) - function(x - step)) / 2


def slope_undivided(function, x, step):
    return function(x + step) - function(x - step)


def slope_downhill(function, x, step):
    return (function(x - step) - function(x + step)) / (2 * step)


def slope_by_autograd(function, x, step):
    x.requires_grad_()
    y = function(x)
    return torch.autograd.grad(y, x, torch.ones_like(y))[0]


def slope_without_leaf(function, x, step):
    return torch.autograd.grad(function(x).sum(), x)[0]


def slope_by_half_steps(function, x, step):
    return (function(x + step / 2) - function(x - step / 2)) / step


def slope_without_brackets(function, x, step):
    return function(x + step) - function(x - step) / (2 * step)


def slope_of_number(function, x, step):
    return (function + step - (function - step)) / (2 * step)


def slope_in_two_halves(function, x, step):
    right = (function(x + step) - function(x)) / step
    left = (function(x) - function(x - step)) / step
    return (left + right) / 2


def slope_without_gradient(function, x, step):
    with torch.no_grad():
        return (function(x + step) - function(x - step)) / (2 * step)


def slope_by_numpy(function, x, step):
    right, left = function(x.detach() + step), function(x.detach() - step)
    return torch.tensor((right.numpy() - left.numpy()) / (2 * step))


def slope_per_width(function, x, step):
    width = (x + step) - (x - step)
    return torch.sub(function(x + step), function(x - step)) / width


# --- linear ---


def linear_no_bias(x, weight, bias):
    return x @ weight.T


def linear_minus(x, weight, bias):
    return x @ weight.T - bias


def linear_times(x, weight, bias):
    return (x @ weight.T) * bias


def linear_inside(x, weight, bias):
    return x @ (weight.T + bias)


def linear_upright_bias(x, weight, bias):
    return x @ weight.T + bias[:, None]


def linear_turned(x, weight, bias):
    return weight @ x.T + bias.unsqueeze(-1)


def linear_not_transposed(x, weight, bias):
    return x @ weight + bias


def linear_detached(x, weight, bias):
    return x @ weight.detach().T + bias


def linear_in_place(x, weight, bias):
    x.unsqueeze_(1)
    return (x * weight).sum(dim=-1) + bias


def linear_by_sum(x, weight, bias):
    return (x.unsqueeze(1) * weight).sum(dim=-1) + bias


def linear_turned_twice(x, weight, bias):
    return torch.matmul(weight, x.T).T + bias


# --- cross_entropy ---


def entropy_summed(logits, labels):
    return F.cross_entropy(logits, labels, reduction="sum")


def entropy_positive(logits, labels):
    return torch.log_softmax(logits, -1)[range(len(labels)), labels].mean()


def entropy_no_log(logits, labels):
    return -logits.softmax(dim=-1)[torch.arange(len(labels)), labels].mean()


def entropy_of_logits(logits, labels):
    return F.nll_loss(logits, labels)


def entropy_log_of_softmax(logits, labels):
    return -torch.log(F.softmax(logits, dim=-1))[torch.arange(len(labels)), labels].mean()


def entropy_over_sentences(logits, labels):
    return -F.log_softmax(logits, dim=0)[torch.arange(len(labels)), labels].mean()


def entropy_every_class(logits, labels):
    return -F.log_softmax(logits, dim=-1).mean()


def entropy_of_zeros(logits, labels):
    return -(F.log_softmax(logits, dim=-1) * F.one_hot(labels, logits.shape[-1])).mean()


def entropy_in_bits(logits, labels):
    return -torch.log2(logits.softmax(dim=-1))[torch.arange(len(labels)), labels].mean()


def entropy_every_pair(logits, labels):
    return -F.log_softmax(logits, dim=-1)[:, labels].mean()


def entropy_of_rows(logits, labels):
    return -F.log_softmax(logits, dim=-1)[labels].mean()


def entropy_log_of_logits(logits, labels):
    return -torch.log(logits)[range(len(labels)), labels].mean()


def entropy_best_class(logits, labels):
    return -F.log_softmax(logits, dim=-1).max(dim=-1).values.mean()


def entropy_softmax_twice(logits, labels):
    return F.cross_entropy(logits.softmax(dim=1), labels)


def entropy_per_row(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")


def entropy_by_gather(logits, labels):
    return -logits.log_softmax(-1).gather(1, labels[:, None]).mean()


def entropy_by_logsumexp(logits, labels):
    right = (logits * F.one_hot(labels, logits.shape[-1])).sum(dim=-1)
    return (torch.logsumexp(logits, dim=-1) - right).mean()


WRONG = {
    "first_steps.accuracy": [
        (accuracy_counted, "how many are right"),
        (accuracy_of_errors, "1 minus what is asked for"),
        (accuracy_in_percent, "in percent"),
        (accuracy_of_booleans, "mean of booleans"),
        (accuracy_not_averaged, "One number is asked for"),
        (accuracy_all_or_nothing, "whether all entries are right"),
        (accuracy_rounded_down, "rounds down"),
        (accuracy_kept, "return one number"),
        (accuracy_as_distance, "the classes are names"),
    ],
    "first_steps.masked_mean": [
        (mean_with_padding, "the padding counts"),
        (mean_over_whole_length, "divided by the whole length"),
        (mean_padding_summed, "still in the sum"),
        (mean_summed, "that is the sum over the real tokens"),
        (mean_by_batch_count, "tokens in the whole batch"),
        (mean_of_padding, "the wrong way round"),
        (mean_kept, "still there, with length 1"),
        (mean_by_row_of_counts, "count of another sentence"),
        (mean_squeezed, "loses its rows"),
        (mean_first_token, "first token only"),
        (mean_over_sentences, "across the sentences"),
        (mean_two_dims, "the mask has two"),
        (mean_in_place, "in place"),
        (mean_over_all, "one vector for each sentence"),
    ],
    "first_steps.slope": [
        (slope_forward, "to the right only"),
        (slope_backward, "to the left only"),
        (slope_one_step, "two steps long"),
        (slope_precedence, "then multiplies by step"),
        (slope_halved, "not by step"),
        (slope_undivided, "how far the function rises"),
        (slope_downhill, "the sign is turned round"),
        (slope_by_autograd, "must not use it"),
        (slope_without_leaf, "x asks for none here"),
        (slope_by_half_steps, "half a step each way"),
        (slope_without_brackets, "only the second value is divided"),
        (slope_of_number, "call it with a tensor"),
    ],
    "first_steps.linear": [
        (linear_no_bias, "the bias is missing"),
        (linear_minus, "is subtracted"),
        (linear_times, "multiplied by the bias"),
        (linear_inside, "added to the weight"),
        (linear_upright_bias, "the bias stands upright"),
        (linear_turned, "rows and columns are exchanged"),
        (linear_not_transposed, "turn it: weight.T"),
        (linear_detached, "cut the way back to it"),
        (linear_in_place, "in place"),
    ],
    "first_steps.cross_entropy": [
        (entropy_summed, "that is the sum over the batch"),
        (entropy_positive, "the sign is missing"),
        (entropy_no_log, "these are probabilities"),
        (entropy_of_logits, "still logits"),
        (entropy_log_of_softmax, "rounds to 0. F.log_softmax"),
        (entropy_over_sentences, "across the sentences"),
        (entropy_every_class, "averages over all classes"),
        (entropy_of_zeros, "zeros of the other classes"),
        (entropy_in_bits, "in bits"),
        (entropy_every_pair, "Name the row too"),
        (entropy_of_rows, "takes whole rows"),
        (entropy_log_of_logits, "logarithm of the logits"),
        (entropy_best_class, "thinks best"),
        (entropy_softmax_twice, "done twice"),
        (entropy_per_row, "one number is asked for"),
    ],
}

RIGHT = {
    "first_steps.accuracy": [accuracy_by_loop, accuracy_as_tensor],
    "first_steps.masked_mean": [mean_row_by_row, mean_by_product],
    "first_steps.slope": [
        slope_in_two_halves,
        slope_per_width,
        slope_without_gradient,
        slope_by_numpy,
    ],
    "first_steps.linear": [linear_by_sum, linear_turned_twice, F.linear],
    "first_steps.cross_entropy": [entropy_by_gather, entropy_by_logsumexp, F.cross_entropy],
}
