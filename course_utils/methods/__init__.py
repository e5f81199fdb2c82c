"""Each method of the course once, readable alone. A module here imports torch and transformers, and nothing
of the course but its neighbours; notebooks show the same code, and `tests/notebooks/test_notebook_code.py` keeps the
two alike."""
