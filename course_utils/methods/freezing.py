"""Feature extraction: the pretrained model stays as it is, and only the new task's head learns.

Source: Peters, Ruder and Smith (2019), "To Tune or Not to Tune? Adapting Pretrained Representations to Diverse
Tasks", which compares it with fine-tuning. The methods that train a little more start from the same call.
"""

from torch import nn


def head_only(model: nn.Module, head: str = "classifier") -> nn.Module:
    """Freeze the model but for its part named `head`. Changes the model in place and returns it.

    Raises ValueError, and changes nothing, where the model has no such part with parameters.
    """
    parts = [name for name, part in model.named_children() if any(True for _ in part.parameters())]
    if head not in parts:
        raise ValueError(
            f"This model has no head called {head}, so nothing would learn the new task. "
            f"Pass the name of the head as head=...: the model's parts are called {', '.join(parts)}."
        )
    model.requires_grad_(False)
    model.get_submodule(head).requires_grad_(True)
    return model
