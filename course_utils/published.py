"""What a notebook takes on a GPU alone: published models and data of a gigabyte, which nobody fetches unasked."""

import torch

from course_utils import assets


def roles(notebook: str) -> list[str]:
    """The roles that a section of this notebook takes on the real track with a GPU; empty where there is none."""
    return assets.notebook_roles(notebook, "on_a_gpu")


def ready(notebook: str) -> bool:
    """Fetch and list those roles on the real track with a CUDA GPU, and return True.

    Elsewhere nothing is fetched, and one line says so and what to do. Where a source fails, the error's text is
    shown. Both return False: the rest of the notebook does not need them.
    """
    needed = [assets.entry(role, "real") for role in roles(notebook)]
    if assets.track() != "real" or not torch.cuda.is_available():
        size = assets.readable(sum(file.size or 0 for asset in needed for file in asset.files))
        print(
            f"Not run here: this section is for the real track on a CUDA GPU, and takes {size} of "
            f"{', '.join(asset.id for asset in needed)}. What is above, on the bundled models, is all that runs here. "
            "For more, set COURSE_TRACK=real on a machine with such a GPU, and restart the kernel."
        )
        return False
    try:
        print(assets.summary([asset.role for asset in needed]))
    except assets.AssetError as error:
        print(f"Not run: {error}")
        return False
    return True
