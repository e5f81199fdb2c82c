"""Feature extraction: the pretrained model stays as it is, and only the new task's head learns.

Source: Peters, Ruder and Smith (2019), "To Tune or Not to Tune? Adapting Pretrained Representations to Diverse
Tasks", which compares it with fine-tuning. The methods that train a little more start from the same call.
"""

from collections.abc import Sequence

from torch import nn


def head_parts(model: nn.Module, head: Sequence[str]) -> list[str]:
    """The paths of the parts whose own name is in `head`, such as "classifier" and "bert.pooler".

    Raises ValueError where the model has no part with parameters of one of these names.
    """
    parts = [path for path, part in model.named_modules() if path and any(True for _ in part.parameters())]
    names = {path.split(".")[-1] for path in parts}
    if missing := [name for name in head if name not in names]:
        raise ValueError(
            f"This model has no part called {' or '.join(missing)}, so nothing would learn the new task. "
            "Name the parts that are new in head=...: "
            f"the model's own parts are called {', '.join(path for path in parts if '.' not in path)}."
        )
    return [path for path in parts if path.split(".")[-1] in head]


def head_only(model: nn.Module, head: Sequence[str] = ("classifier",)) -> nn.Module:
    """Freeze the model but for the parts named in `head`. Changes the model in place and returns it.

    Raises ValueError, and changes nothing, where the model has no such part (`head_parts`).
    """
    paths = head_parts(model, head)
    model.requires_grad_(False)
    for path in paths:
        model.get_submodule(path).requires_grad_(True)
    return model
