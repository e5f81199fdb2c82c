"""What a section near the end of a notebook takes on the real track: published models that nobody fetches unasked.
The rest of the notebook does not need them."""

from collections.abc import Sequence

import torch

from course_utils import assets


def lacking(memory: int = 0, gpu: bool = True) -> str:
    """What this session lacks to run such a section, and what to do; "" for nothing.

    The section needs the real track, and a CUDA GPU with `memory` bytes; with gpu=False a CPU will do.
    """
    if assets.track() != "real":
        where = " on a machine with a CUDA GPU" if gpu else ""
        return f"this is the bundled track; set COURSE_TRACK=real{where}, and restart the kernel"
    if gpu and not torch.cuda.is_available():
        return "there is no CUDA GPU here; open this notebook on one, for example in Colab"
    if memory and (has := torch.cuda.get_device_properties(0).total_memory) < memory:
        return f"this GPU has {has / 1e9:.0f} GB, and {memory / 1e9:.0f} are needed; take a larger one"
    return ""


def ready(roles: Sequence[str], lacks: str) -> bool:
    """Fetch and list the roles, and return True; or say why not, and what it takes, and return False.

    lacks: what the session lacks, and what to do; "" where nothing. Then nothing is fetched. Where a source fails,
    the text of its error is shown, and the notebook goes on.
    """
    if lacks:
        wanted = [assets.entry(role, "real") for role in roles]
        size = assets.readable(sum(file.size or 0 for asset in wanted for file in asset.files))
        print(f"Not run: {lacks}.\nIt takes {', '.join(asset.id for asset in wanted)}, {size}.")
        return False
    try:
        print(assets.summary(roles))
    except assets.AssetError as error:
        print(f"Not run: {error}")
        return False
    return True
