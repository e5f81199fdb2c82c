"""Models and tokenizers of a role; each kind that needs more than loading has a module of its own."""

from course_utils.models.classifiers import (
    count,
    device,
    from_config,
    load_classifier,
    load_language_model,
    load_masked_words,
    load_tagger,
    load_tokenizer,
    new_classifier,
)
from course_utils.models.own import load_own, longest_text

__all__ = [
    "count",
    "device",
    "from_config",
    "load_classifier",
    "load_language_model",
    "load_masked_words",
    "load_own",
    "load_tagger",
    "load_tokenizer",
    "longest_text",
    "new_classifier",
]
