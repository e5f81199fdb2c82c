"""What `intermediate_kd.keep_layers` asks before it cuts a model, and what it tells of saving the copy."""

import warnings
from collections.abc import Sequence

from transformers import PreTrainedModel

from course_utils.methods import validation
from course_utils.methods.freezing import encoder_layers
from course_utils.methods.validation import kind_of

# Lists in a configuration, one entry a layer, beside layer_types: of MoE models, SmolLM3, GPT-Neo and Longformer.
_ONE_A_LAYER = ("mlp_layer_types", "no_rope_layers", "attention_layers", "attention_window")


def layers_exist(given: validation.Given) -> None:
    """At least one layer is named, and each of them is there. Warns of a copy that cannot be saved as it is."""
    validation.one_stack_of_layers({"student": given["model"]})
    depth = len(encoder_layers(given["model"]))
    if not len(given["layers"]):
        raise ValueError(f"`layers` names no layer. Name at least one of 1 to {depth}.")
    if unknown := [number for number in given["layers"] if not 1 <= number <= depth]:
        raise ValueError(f"There is no layer {unknown[0]}: this model has 1 to {depth}.")
    _tell_what_the_configuration_lacks(given["model"], given["layers"])


def _tell_what_the_configuration_lacks(model: PreTrainedModel, layers: Sequence[int]) -> None:
    """Warn where the copy is right, but what from_pretrained makes of its configuration is not."""
    body = encoder_layers(model)
    lists = {name: value for name, value in vars(model.config).items() if name in _ONE_A_LAYER}
    names = [name for name, value in lists.items() if isinstance(value, list) and len(value) == len(body)]
    if cuts := [f"{name} = {[lists[name][number - 1] for number in layers]}" for name in names]:
        warnings.warn(
            f"The configuration of {kind_of(model)} describes its layers one by one, and the copy's still describes "
            f"all of them. Before you save the copy, set in its config: {'; '.join(cuts)}.",
            stacklevel=4,
        )
    moved = [(place, number) for place, number in enumerate(layers, start=1) if place <= len(body)]
    unlike = [(p, n) for p, n in moved if body[p - 1].state_dict().keys() != body[n - 1].state_dict().keys()]
    if unlike and not names:
        place, number = unlike[0]
        warnings.warn(
            f"Layer {number} of {kind_of(model)} has other parameters than layer {place}, whose place it takes in the "
            "copy. The copy computes right, but from_pretrained may build that layer as it was in the model, and drop "
            f"weights. If you save the copy, keep a layer there that is built as layer {place} is.",
            stacklevel=4,
        )
