"""Early exiting: a classifier after each layer, and the first that is sure answers.

Source: Xin, Tang, Lee, Yu and Lin (2020), "DeeBERT: Dynamic Early Exiting for Accelerating BERT Inference", section
3: the model is fine-tuned first, then the classifiers on the frozen model; the entropy of their answer decides.
"""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


def exit_layers(logits: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Where each sentence leaves, and what it is then taken for.

    logits: (layers, batch, classes), those of the classifier after each layer. A sentence leaves at the first layer
    whose probabilities have an entropy below `threshold`, at the latest at the last. Returns the number of
    layers that were computed, (batch,), from 1 on, and the classes, (batch,), both whole numbers.
    """
    log_p = logits.log_softmax(dim=-1)
    entropy = -(log_p.exp() * log_p).sum(dim=-1)
    sure = entropy < threshold
    sure[-1] = True
    layers = sure.int().argmax(dim=0)
    classes = logits.argmax(dim=-1).gather(0, layers[None])[0]
    return layers + 1, classes


def entropy(logits: Tensor) -> Tensor:
    """How unsure an answer is, in nats: 0 where one class has all the probability. (..., classes) to (...)."""
    log_p = logits.log_softmax(dim=-1)
    return -(log_p.exp() * log_p).sum(dim=-1)


def layer_output(layer: nn.Module, hidden: Tensor, *mask: Tensor) -> Tensor:
    """What a layer of an encoder makes of the hidden states; some versions of transformers return it in a tuple."""
    output = layer(hidden, *mask)
    return output[0] if isinstance(output, tuple) else output


class InternalClassifiers(nn.Module):
    """A fine-tuned BERT, frozen, with a small classifier on the first token after each layer but the last.

    The classifiers are all that trains: width to width, tanh, width to classes, as BERT's own head.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        config = model.config
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(config.hidden_size, config.hidden_size),
                nn.Tanh(),
                nn.Linear(config.hidden_size, config.num_labels),
            )
            for _ in range(config.num_hidden_layers - 1)
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SequenceClassifierOutput:
        """Returns logits of shape (layers, batch, classes); the last are the model's own."""
        self.model.eval()  # frozen: no dropout either
        outputs = self.model(input_ids, attention_mask, output_hidden_states=True)
        after = outputs.hidden_states[1:-1]
        early = [head(hidden[:, 0]) for head, hidden in zip(self.heads, after, strict=True)]
        return SequenceClassifierOutput(logits=torch.stack([*early, outputs.logits]))

    @torch.no_grad()
    def answer(self, input_ids: Tensor, threshold: float) -> tuple[int, int]:
        """The class of one sentence, (1, length), and the number of layers that were computed for it, no more."""
        base = self.model.base_model
        hidden = base.embeddings(input_ids)
        for number, (layer, head) in enumerate(zip(base.encoder.layer, [*self.heads, None], strict=True), 1):
            hidden = layer_output(layer, hidden)
            if head is None:
                break
            logits = head(hidden[:, 0])
            if entropy(logits) < threshold:
                return int(logits.argmax()), number
        return int(self.model.classifier(base.pooler(hidden)).argmax()), number
