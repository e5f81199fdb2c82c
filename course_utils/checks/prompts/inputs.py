"""Exercise on the whole forward pass with a prompt in front."""

import copy
from types import SimpleNamespace
from typing import Any

import torch
from torch import Generator, Tensor, nn
from transformers.modeling_outputs import CausalLMOutput

from course_utils.checks.compare import difference
from course_utils.checks.edits import edits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import prompts

READS, MASK, PLACES = "inputs_embeds", "attention_mask", "position_ids"
KIND, TRAINS, LEARNS = "what is returned", "what trains", "gradient of prompts"


class TinyModel(nn.Module):
    """Stands in for a language model of transformers: the same call, and a record of what it was given."""

    def __init__(self, generator: Generator, dtype: torch.dtype, padding_idx: int | None) -> None:
        super().__init__()
        table = torch.randint(-9, 10, (7, 2), generator=generator).to(dtype)
        self.word_embeddings = nn.Embedding.from_pretrained(table, freeze=False)
        self.position_embeddings = nn.Embedding(12, 2, padding_idx=padding_idx)
        self.config = SimpleNamespace(is_encoder_decoder=False, hidden_size=2, vocab_size=7)
        self.given: dict[str, Any] = {}

    @property
    def dtype(self) -> torch.dtype:
        return self.word_embeddings.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.word_embeddings.weight.device

    def get_input_embeddings(self) -> nn.Embedding:
        return self.word_embeddings

    def get_output_embeddings(self) -> nn.Embedding:
        return self.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **_: Any,
    ) -> CausalLMOutput:
        if (input_ids is None) == (inputs_embeds is None):  # as transformers' models do
            raise ValueError("You must specify exactly one of input_ids or inputs_embeds")
        self.given = {READS: inputs_embeds, MASK: attention_mask, PLACES: position_ids}
        read = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        return CausalLMOutput(logits=read.cumsum(dim=1))


def _tuned_cases(generator: Generator) -> list[Arguments]:
    """One prompt or one a row; no padding, on the left, on the right; half precision; positions as in RoBERTa."""
    settings: tuple[tuple[list[list[int]], int, int, list[int] | None, torch.dtype, int | None], ...] = (
        ([[1, 1]], 1, 1, None, torch.float32, None),
        ([[1, 1, 1], [0, 1, 1]], 1, 2, None, torch.float32, None),
        ([[1, 1, 1], [0, 0, 1], [1, 1, 0]], 2, 1, [1, 0, 1], torch.float32, None),
        ([[1, 1, 0], [0, 1, 1]], 3, 2, None, torch.bfloat16, None),
        ([[0, 1, 1], [1, 1, 1]], 2, 2, [0, 1], torch.float32, 1),
    )
    cases: list[Arguments] = []
    for mask, tasks, number, task_ids, dtype, padding_idx in settings:
        rows, length = len(mask), len(mask[0])
        cases.append(
            {
                "model": TinyModel(generator, dtype, padding_idx),
                "prompts": torch.randint(-9, 10, (tasks, number, 2), generator=generator).float(),
                "input_ids": torch.randint(7, (rows, length), generator=generator),
                "attention_mask": torch.tensor(mask),
                "task_ids": None if task_ids is None else torch.tensor(task_ids),
            }
        )
    return cases


def _observe_tuned(make: Function, arguments: Arguments) -> Observations:
    """What the model was given, and what came back. Positions at padding do not matter, so they are shown as 0."""
    passed = copy.deepcopy(arguments)
    model, start, input_ids, attention_mask, task_ids = passed.values()
    tuned = make(model, start)
    given = (input_ids, attention_mask) if task_ids is None else (input_ids, attention_mask, task_ids)
    outputs = tuned(*given)
    logits = getattr(outputs, "logits", None)
    seen: Observations = {name: _plain(value) for name, value in model.given.items()}
    mask, places = seen.get(MASK), seen.get(PLACES)
    if isinstance(places, Tensor) and isinstance(mask, Tensor) and places.shape == mask.shape:
        seen[PLACES] = places.masked_fill(mask == 0, 0)
    changed = [name for name in arguments if difference(_content(arguments[name]), _content(passed[name]))]
    gradient = None
    if isinstance(logits, Tensor) and logits.requires_grad:
        logits.float().sum().backward()
        gradient = tuned.prompts.grad
    return {
        INPUTS_CHANGED: ", ".join(changed) or None,
        **seen,
        KIND: "outputs with logits"
        if isinstance(logits, Tensor) and isinstance(outputs, CausalLMOutput)
        else type(outputs).__name__,
        RESULT: _plain(logits),
        LEARNS: gradient,
        TRAINS: [name for name, parameter in tuned.named_parameters() if parameter.requires_grad],
    }


def _content(value: Any) -> Any:
    return dict(value.state_dict()) if isinstance(value, nn.Module) else value


def _plain(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


_JOINED, _PADDED = "[rows, tokens]", "F.pad(attention_mask, (number, 0), value=1)"
_NOT_LOOKED_UP = "self.prompts[0] if task_ids is None else self.prompts[task_ids]"

PROMPT_TUNED = Exercise(
    reference=prompts.PromptTuned,
    cases=_tuned_cases,
    observe=_observe_tuned,
    mistakes=edits(
        prompts.PromptTuned,
        {"inputs_embeds=torch": "input_ids=input_ids,\n            inputs_embeds=torch"},
        "the model is given tokens and embeddings, and takes one of the two: inputs_embeds, which holds both the "
        "prompt and the text.",
        {"self.prompts[task_ids]": "self.prompts[task_ids[0]]"},
        "every row gets the prompt of the first row's task. Look up all: self.prompts[task_ids].",
        {"[:, number:]": "[:, number - 1 : -1]"},
        "the logits are shifted by one. Only the prompt's are cut off; the shift comes with the loss.",
        {_JOINED: "[tokens, rows]"},
        "the prompt comes after the tokens. A causal model reads from the left: what comes after a token "
        "cannot change it.",
        {_JOINED: "[rows, tokens[:, number:]]"},
        "the prompt takes the place of the first tokens. It stands in front of them; the rows grow.",
        {_JOINED: "[rows.mean(dim=1, keepdim=True).expand_as(rows), tokens]"},
        "the virtual tokens are averaged. Each keeps its own vector.",
        {_PADDED: "attention_mask"},
        "the attention mask is as short as the text. The rows have grown, and the prompt needs ones in it, too.",
        {"value=1": "value=0"},
        "the mask hides the prompt. It has ones there: the prompt is to be read.",
        {"(number, 0)": "(0, number)"},
        "the ones for the prompt stand at the end of the mask. The prompt stands in front.",
        {"F.pad(attention_mask": "F.pad(torch.ones_like(attention_mask)"},
        "the mask is one everywhere, so the model reads the padding. Keep the mask of the text as it is.",
        {"            position_ids=positions(mask) + first_position(self.model),\n": ""},
        "no positions are passed on, so padding between prompt and text counts as room. Pass position_ids.",
        {"positions(mask)": "F.pad(positions(attention_mask), (number, 0))"},
        "the text's positions begin anew at 0, where the prompt stands already. Count on: positions of the mask "
        "that has the prompt in it.",
        {"positions(mask)": "torch.arange(mask.shape[1]).expand_as(mask)"},
        "the positions count the padding, too, so a padded text seems farther from its prompt. Call positions with "
        "the mask that has the prompt in it.",
        {" + first_position(self.model)": ""},
        "some models, as RoBERTa, begin to count after their padding_idx. Add first_position(self.model).",
        {"outputs.logits[:, number:]": "outputs.logits"},
        "the logits of the virtual tokens are still there. Cut them off: the labels have none for them.",
        {"[:, number:]": "[:, :-number]"},
        "the last tokens' logits are cut off. The prompt stands in front, and so do its logits.",
        {_NOT_LOOKED_UP: "self.prompts[0]"},
        "task_ids is not used: each row gets the prompt of its own task, self.prompts[task_ids].",
        {_NOT_LOOKED_UP: "self.prompts[task_ids]"},
        "task_ids may be None. Then every row gets the first prompt.",
        {"prompt.to(": "prompt.detach().to("},
        "no gradient reaches the prompt: .detach(), .data or torch.no_grad() cut it, and it could not learn.",
        {".to(tokens.dtype)": ""},
        "the prompt is kept in float32, and the model may be in half precision: bring the prompt to the dtype of "
        "the token embeddings before you join them.",
    ),
    advice={
        READS: "the model reads (batch, num_virtual_tokens + length, hidden): in each row first the prompt, the same "
        "for all rows or that of the row's task, then the embedded tokens. Pass that as inputs_embeds, not input_ids.",
        MASK: "the mask has ones for the prompt, and then the mask of the text, in whose dtype it stays.",
        PLACES: "a position is the number of tokens before, the virtual ones included, padding left out.",
        KIND: "return the model's outputs, with their logits shortened.",
        LEARNS: "a gradient must reach the prompt through every row: no .detach(), no copy, no torch.no_grad().",
        TRAINS: "keep __init__ as it stands in the stub: the prompts alone train.",
        "value": "those are not the logits of the text: the first num_virtual_tokens, along dim 1, are the prompt's.",
        "shape": "logits are those of the tokens: (batch, length, ...). Those of the prompt are cut off.",
        "RuntimeError": "shapes that do not go together. Give the prompt to each row, (batch, num_virtual_tokens, "
        "hidden), and join along dim 1.",
    },
)
