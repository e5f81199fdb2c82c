"""docs/models.md is what its command makes of the matrix of methods and models."""

import importlib.util

from course_utils.paths import ROOT


def test_the_page_is_up_to_date() -> None:
    """It takes some seconds: every method is put on every kind of model once."""
    spec = importlib.util.spec_from_file_location("models_table", ROOT / "tools" / "models_table.py")
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.PAGE.read_text(encoding="utf-8") == tool.page(), "run python tools/models_table.py"
