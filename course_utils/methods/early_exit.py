"""Early exiting: a classifier after each layer, and the first that is sure answers.

Source: Xin, Tang, Lee, Yu and Lin (2020), "DeeBERT: Dynamic Early Exiting for Accelerating BERT Inference", section
3: the model is fine-tuned first, then the classifiers on the frozen model; the entropy of their answer decides.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from course_utils.methods.freezing import encoder_layers
from course_utils.methods.validation import Given, checked, in_float32, kind_of


def entropy(logits: Tensor) -> Tensor:
    """How unsure an answer is, in nats: 0 where one class has all the probability. (..., classes) to (...)."""
    log_p = logits.log_softmax(dim=-1)
    return -(log_p.exp() * log_p).sum(dim=-1)


def exit_layers(logits: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Where each sentence leaves, and what it is then taken for.

    logits: (layers, batch, classes), those of the classifier after each layer. A sentence leaves at the first layer
    whose probabilities have an entropy below `threshold`, at the latest at the last. Returns the number of
    layers that were computed, (batch,), from 1 on, and the classes, (batch,), both whole numbers.
    """
    sure = entropy(logits) < threshold
    sure[-1] = True
    layers = sure.int().argmax(dim=0)
    classes = logits.argmax(dim=-1).gather(0, layers[None])[0]
    return layers + 1, classes


def leave_early(
    hidden: Tensor,
    layers: Sequence[Callable[[Tensor, Tensor], Tensor]],
    classifiers: Sequence[Callable[[Tensor], Tensor]],
    threshold: float,
) -> tuple[Tensor, Tensor]:
    """What `exit_layers` says, but each layer is computed only for the sentences that are still in the batch.

    hidden: (batch, length, width), what goes into the first layer. A layer is called with the hidden states of those
    that are left, and with their indices in the whole batch, (left,); a classifier with what comes out, and it
    gives logits, (left, classes). Returns the number of layers that were computed, (batch,), and the classes, (batch,).
    """
    rows = torch.arange(len(hidden), device=hidden.device)
    computed, classes = torch.zeros_like(rows), torch.zeros_like(rows)
    for number, (layer, classify) in enumerate(zip(layers, classifiers, strict=True), start=1):
        hidden = layer(hidden, rows)
        logits = classify(hidden)
        leaves = entropy(logits) < threshold
        if number == len(layers):
            leaves = torch.ones_like(leaves)
        computed[rows[leaves]] = number
        classes[rows[leaves]] = logits[leaves].argmax(dim=-1)
        hidden, rows = hidden[~leaves], rows[~leaves]
        if not len(rows):
            break
    return computed, classes


@contextmanager
def after_each_layer(model: nn.Module, see: Callable[[int, Tensor], None]) -> Iterator[None]:
    """Within this block, `see` gets the number of each layer, from 1, and the hidden states that come out of it."""

    def hook(number: int) -> Callable[..., None]:
        return lambda layer, given, output: see(number, _hidden_states(output))

    layers = enumerate(encoder_layers(model), start=1)
    handles = [layer.register_forward_hook(hook(number)) for number, layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hidden_states(output: Any) -> Tensor:
    """Of what a layer returns, which in some architectures is a tuple."""
    return output[0] if isinstance(output, tuple) else output


@torch.no_grad()
def _first_token(model: PreTrainedModel, ids: list[int]) -> tuple[Tensor, Tensor]:
    """The first token's state after the last layer, for a text of these tokens, and the logits."""
    depth, states = len(encoder_layers(model)), {}
    given = torch.tensor([ids], device=model.device)
    with after_each_layer(model, lambda number, hidden: states.update({number: hidden[:, 0]})):
        logits = model(input_ids=given, attention_mask=torch.ones_like(given)).logits
    return states[depth], logits


def _first_token_has_read_the_text(given: Given) -> None:
    """The model is a classifier in which the first token sees those that follow, as in an encoder."""
    model, was_training = given["model"], given["model"].training
    if getattr(model.config, "is_encoder_decoder", False):
        raise ValueError(
            f"{kind_of(model)} has an encoder and a decoder, and early exiting leaves one stack of layers. Take an "
            "encoder, such as BERT."
        )
    last, classes = model.config.vocab_size - 1, model.config.num_labels
    try:
        model.eval()
        (one, logits), (other, _) = (_first_token(model, [last, last - ending]) for ending in (1, 2))
    finally:
        model.train(was_training)
    if logits.shape != (1, classes) or classes < 2:
        raise ValueError(
            f"{kind_of(model)} gives logits of the shape {tuple(logits.shape)} for one text, and early exiting decides "
            "by the entropy of two classes or more: take a model for sequence classification."
        )
    if torch.allclose(one, other, rtol=1e-4, atol=1e-4):  # experts sum in another order for another text
        raise ValueError(
            f"{kind_of(model)} reads from left to right, so its first token, which the classifiers read, knows nothing "
            "of the text that follows. Take an encoder, such as BERT."
        )


def _one_sentence(given: Given) -> None:
    shape = tuple(given["input_ids"].shape)
    if len(shape) != 2 or shape[0] != 1:
        raise ValueError(
            f"input_ids has the shape {shape}, and one sentence is asked for, (1, length), since sentences leave at "
            "layers of their own. Give them one by one, or to answer_batch."
        )


def _run_layer(layer: nn.Module, hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """One layer of a BERT. hidden, and what comes out: (batch, length, width); attention_mask: (batch, length)."""
    padding = (1 - attention_mask[:, None, None]).to(hidden.dtype)
    return _hidden_states(layer(hidden, padding * torch.finfo(hidden.dtype).min))


def _model_logits(model: Any, hidden: Tensor) -> Tensor:
    """What the model's own classifier makes of the last layer's states, in float32."""
    pooler = getattr(model.base_model, "pooler", None)
    return in_float32(model.classifier(hidden if pooler is None else pooler(hidden)))


@torch.no_grad()
def _nothing_but_layers(given: Given) -> None:
    """The model is embeddings, then `encoder.layer`, then a classifier, which one after the other give its logits."""
    model: Any = given["self"].model.eval()
    body = model.base_model
    encoder: Any = getattr(body, "encoder", nn.Module())
    alone = set(body._modules) <= {"embeddings", "encoder", "pooler"} and set(encoder._modules) == {"layer"}
    if alone:
        last = model.config.vocab_size - 1
        text = torch.tensor([[last, last - 1]], device=model.device)
        hidden, mask = body.embeddings(text), torch.ones_like(text)
        for layer in encoder.layer:
            hidden = _run_layer(layer, hidden, mask)
        own = in_float32(model(input_ids=text, attention_mask=mask).logits)
        alone = torch.allclose(_model_logits(model, hidden), own, rtol=0.02, atol=0.02)
    if not alone:
        raise ValueError(
            f"{kind_of(model)} is not of BERT's build (embeddings, then encoder.layer, then a classifier, and nothing "
            "else between them), so sentences cannot leave a batch between its layers. Give them to answer one by one."
        )


class _Sure(Exception):
    """Leaves the model in the middle: the class, and the number of layers that were computed."""


class InternalClassifiers(nn.Module):
    """A fine-tuned encoder, frozen, with a small classifier on the first token after each layer but the last.

    The classifiers are all that trains: width to width, tanh, width to classes, as BERT's own head. They are on the
    model's device, and in float32, whatever its dtype. Raises ValueError, and changes nothing, for a model that is no
    classifier, has a decoder, reads from left to right, or keeps no list of layers (`encoder_layers`).
    """

    @checked(_first_token_has_read_the_text)
    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        width, classes = model.config.hidden_size, model.config.num_labels
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, classes))
            for _ in range(len(encoder_layers(model)) - 1)
        ).to(model.device, torch.promote_types(model.dtype, torch.float32))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SequenceClassifierOutput:
        """Returns logits of shape (layers, batch, classes), float32; the last are the model's own."""
        self.model.eval()  # frozen: no dropout either
        after: list[Tensor] = []
        with after_each_layer(self.model, lambda number, hidden: after.append(hidden[:, 0])):
            outputs = self.model(input_ids=input_ids, attention_mask=attention_mask)
        early = [head(in_float32(first)) for head, first in zip(self.heads, after[:-1], strict=True)]
        return SequenceClassifierOutput(logits=torch.stack([*early, in_float32(outputs.logits)]))

    @checked(_one_sentence)
    @torch.no_grad()
    def answer(self, input_ids: Tensor, threshold: float) -> tuple[int, int]:
        """The class of one sentence, (1, length), and the number of layers that were computed for it, no more.

        Raises ValueError for more than one sentence.
        """
        depth = len(self.heads) + 1

        def leave_if_sure(number: int, hidden: Tensor) -> None:
            if number < depth:
                logits = self.heads[number - 1](in_float32(hidden[:, 0]))
                if entropy(logits) < threshold:
                    raise _Sure(int(logits.argmax()), number)

        self.model.eval()
        try:
            with after_each_layer(self.model, leave_if_sure):
                outputs = self.model(input_ids=input_ids, attention_mask=torch.ones_like(input_ids))
        except _Sure as sure:
            chosen, computed = sure.args
            return chosen, computed
        return int(outputs.logits.argmax()), depth

    @checked(_nothing_but_layers)
    @torch.no_grad()
    def answer_batch(
        self, input_ids: Tensor, attention_mask: Tensor, threshold: float
    ) -> tuple[Tensor, Tensor]:
        """For a padded batch, (batch, length): the layers computed for each sentence, and its class (`leave_early`).

        For a model of BERT's build. Raises ValueError for another, whose sentences `answer` takes one by one.
        """
        self.model.eval()
        body: Any = self.model.base_model

        def run(layer: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
            return lambda hidden, rows: _run_layer(layer, hidden, attention_mask[rows])

        def early(head: nn.Module, hidden: Tensor) -> Tensor:
            return head(in_float32(hidden[:, 0]))  # type: ignore[no-any-return]

        classifiers = [*(partial(early, head) for head in self.heads), partial(_model_logits, self.model)]
        return leave_early(
            body.embeddings(input_ids), list(map(run, body.encoder.layer)), classifiers, threshold
        )
