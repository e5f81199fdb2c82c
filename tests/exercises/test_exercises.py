"""The mechanism of the exercises, and every exercise against right and wrong answers."""

import importlib
import io
import sys

import pytest
import torch

import course_utils
from course_utils import checks
from course_utils.checks import engine, record
from course_utils.checks.edits import edited
from course_utils.checks.stubs import is_stub

pytestmark = pytest.mark.filterwarnings("ignore:reduction")  # PyTorch on one of the wrong answers

IDS = checks.exercises()
TOPICS = sorted({id.partition(".")[0] for id in IDS})
ANSWERS = {topic: importlib.import_module(f"wrong_answers.{topic}") for topic in TOPICS}
WRONG = [
    (id, edited(checks.reference(id), answer) if isinstance(answer, dict) else answer, hint)
    for topic in ANSWERS.values()
    for id, pairs in topic.WRONG.items()
    for hint, answer in pairs.items()
]
RIGHT = [
    (id, answer) for topic in ANSWERS.values() for id, answers in topic.RIGHT.items() for answer in answers
]
MISTAKES = [(id, mistake) for id in IDS for mistake in checks._TASKS[id].mistakes.alone]


@pytest.fixture(autouse=True)
def fresh_kernel(patient, monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "_met", set())
    monkeypatch.setattr(record, "FILE", tmp_path / "progress.json")
    monkeypatch.setattr(record, "_here", {})


# --- right, wrong, not attempted ---


@pytest.mark.parametrize("id", IDS)
def test_the_reference_is_right(id):
    assert checks.grade(id, checks.reference(id)).status == "right"


@pytest.mark.parametrize("id", IDS)
def test_making_the_inputs_leaves_the_readers_random_numbers_alone(id):
    before = torch.get_rng_state()
    engine._cases.__wrapped__(checks._TASKS[id])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("id", "answer"), RIGHT, ids=lambda value: getattr(value, "__name__", value))
def test_other_right_answers_are_right(id, answer):
    outcome = checks.grade(id, answer)
    assert outcome.status == "right", outcome.message


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize(("id", "mistake"), MISTAKES, ids=lambda value: getattr(value, "hint", value)[:40])
def test_an_edit_of_the_reference_is_refused_with_its_own_hint(id, mistake):
    """Where another hint comes instead, two rows of the table behave alike, on the inputs that the check tries."""
    outcome = checks.grade(id, mistake.wrong)
    assert outcome.status == "wrong"
    assert f"hint {words(mistake.hint)}" in words(outcome.message), outcome.message
    assert "NameError" not in outcome.message, (
        "the edit uses a name that the reference's module does not have"
    )


@pytest.mark.parametrize("id", IDS)
def test_two_edits_at_once_can_be_made(id):
    assert all(mistake.hint.startswith("Two things. ") for mistake in checks._TASKS[id].mistakes.pairs)


@pytest.mark.parametrize(("id", "answer", "hint"), WRONG, ids=lambda value: getattr(value, "__name__", value))
def test_a_wrong_answer_is_refused_with_its_own_hint(id, answer, hint):
    outcome = checks.grade(id, answer)
    assert outcome.status == "wrong"
    assert hint in words(outcome.message), outcome.message
    for others in {other for of, _, other in WRONG if of == id} - {hint}:
        assert others not in outcome.message or "Two things" in outcome.message


@pytest.mark.parametrize(
    ("id", "edit", "hint"),
    [
        ("first_steps.slope", {"function(x +": "sum(entry for entry in x) + (x +"}, "no loop is needed"),
        ("first_steps.train", {"loader.batch_sampler": "loader"}, "loader.batch_sampler.set_epoch(epoch)"),
        (
            "first_steps.train",
            {"model.parameters(), 1.0": "optimizer, 1.0"},
            "What is clipped are the model's",
        ),
        (
            "intermediate_kd.tinybert_losses",
            {"torch.stack(hidden).mean()": "torch.stack(hidden).mean().item()"},
            "no .item() and no float(...)",
        ),
        (
            "seqkd.beam_step",
            {"(longer[finished],": "(torch.stack([longer[i] for i in finished]),"},
            "speaks of an empty list",
        ),
        (
            "seqkd.beam_step",
            {"(longer[finished],": "(torch.tensor(longer[finished].tolist()),"},
            "also where there are none",
        ),
    ],
)
def test_an_advice_names_each_likely_cause(id, edit, hint):
    outcome = checks.grade(id, edited(checks.reference(id), edit))
    assert outcome.status == "wrong"
    assert hint in words(outcome.message), outcome.message


@pytest.mark.parametrize("id", IDS)
def test_an_error_in_every_case_is_taken_for_no_mistake_that_only_ends_in_one_of_its_type(id):
    hints = {mistake.hint for of, mistake in MISTAKES if of == id} - {*checks._TASKS[id].advice.values()}
    for error in (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError):

        def answer(*_, error=error):
            raise error("something else")

        message = words(checks.grade(id, answer).message)
        assert "Two things" not in message
        assert not [hint for hint in hints if f"hint {words(hint)}" in message]


def test_what_looks_alike_is_said_to_differ():
    def nearly(*arguments):
        return checks.reference("logit_kd.kd_loss")(*arguments) * (1 + 2e-6)

    assert "differs in a later digit" in words(checks.grade("logit_kd.kd_loss", nearly).message)


def test_what_runs_nothing_is_named():
    def answer(*arguments):
        yield checks.reference(IDS[0])(*arguments)

    async def later(*arguments):
        return checks.reference(IDS[0])(*arguments)

    assert "`yield`" in checks.grade(IDS[0], answer).message
    assert "`async def`" in checks.grade(IDS[0], later).message


@pytest.mark.parametrize("id", IDS)
def test_every_exercise_has_answers_to_be_tried_on(id):
    hints = [hint for of, _, hint in WRONG if of == id]
    own = [mistake.hint for of, mistake in MISTAKES if of == id]
    assert len(hints) + len(set(own)) >= 6 and len(set(hints)) == len(hints)
    assert len([answer for of, answer in RIGHT if of == id]) >= 3


STUBS = [
    'def f(a, b=2):\n    """Say what to do."""\n    ...  # your code',
    "def f(a): ...",
    'def f(a):\n    "Doc."\n    pass',
    'def f(a):\n    "Doc."\n    raise NotImplementedError',
    'def f(a):\n    raise NotImplementedError("your turn")',
    "class f:\n    def __init__(self):\n        self.a = 1\n    def forward(self, x):\n        ...",
]
ATTEMPTS = [
    "def f(a):\n    return None",
    "def f(a):\n    return a",
    'def f(a):\n    "Doc."\n    return',
    "def f(a):\n    a += 1",
    "def f(a):\n    if a:\n        raise NotImplementedError",
    "def f(a):\n    raise ValueError",
    "f = lambda a: None",
    "f = 3",
]


@pytest.mark.parametrize("with_source", [True, False])
@pytest.mark.parametrize(("code", "stub"), [(s, True) for s in STUBS] + [(a, False) for a in ATTEMPTS])
def test_a_stub_is_told_from_an_attempt(code, stub, with_source, tmp_path, monkeypatch):
    if with_source:
        (tmp_path / "answer.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "answer", raising=False)
        importlib.invalidate_caches()
        function = importlib.import_module("answer").f
    else:
        namespace: dict = {}
        exec(code, namespace)
        function = namespace["f"]
    assert is_stub(function) is stub


@pytest.mark.parametrize("id", IDS)
def test_an_untouched_stub_is_not_attempted(id):
    def stub(*arguments):
        """What to do."""
        ...  # your code

    assert checks.grade(id, stub).status == "not attempted"


def test_an_unknown_id_names_the_nearest():
    with pytest.raises(checks.UnknownExercise, match="logit_kd.kd_loss"):
        checks.grade("logit_kd.kd_los", print)
    with pytest.raises(checks.UnknownExercise, match="exercises()"):
        checks.exercise("nothing like it")


def test_the_check_depends_neither_on_the_seed_nor_on_the_readers_settings():
    id, wrong, _ = WRONG[0]
    messages = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        messages.append(checks.grade(id, wrong).message)
    with torch.inference_mode():
        messages.append(checks.grade(id, wrong).message)
        assert checks.grade("logit_kd.kd_loss", checks.reference("logit_kd.kd_loss")).status == "right"
    torch.set_default_dtype(torch.float64)
    try:
        messages.append(checks.grade(id, wrong).message)
    finally:
        torch.set_default_dtype(torch.float32)
    assert len(set(messages)) == 1


# --- the decorator and the list of what is solved ---


def test_the_name_is_bound_to_something_that_works(capsys):
    _, right = RIGHT[0]
    id, wrong, hint = WRONG[0]

    def stub(logits, temperature):
        """Doc."""
        ...

    assert checks.exercise(id)(right) is right
    assert checks.exercise(id)(wrong) is checks.reference(id)
    assert checks.exercise(id)(stub) is checks.reference(id)
    printed = capsys.readouterr().out
    assert f"\u2713 {id}: right" in printed and hint in printed
    assert printed.rstrip().splitlines()[-1].startswith(f"\u25cb {id}: not attempted")


def test_a_right_answer_with_renamed_parameters_does_not_break_later_cells(capsys):
    id = "logit_kd.gold_loss"
    bound = checks.exercise(id)(lambda x, y: checks.reference(id)(x, y))
    assert bound is checks.reference(id)
    assert "names of the parameters" in capsys.readouterr().out


def test_output_survives_a_locale_without_ticks(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    checks.exercise(IDS[0])(checks.reference(IDS[0]))
    checks.exercise(IDS[0])(lambda *_: "caf\u00e9")
    course_utils.progress()
    stream.flush()
    assert b"[right]" in stream.buffer.getvalue()


def test_progress_tells_solved_tried_and_not_attempted(capsys):
    first, second = IDS[:2]
    checks.exercise(first)(checks.reference(first))
    checks.exercise(second)(lambda *_: None)
    capsys.readouterr()
    course_utils.progress()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1 of ")
    assert lines[1].split()[1:] == [first, "solved"]
    assert lines[2].split()[1:] == [second, "tried"]
    assert lines[3].endswith("not attempted")


def test_exit_in_a_notebook_does_not_stop_the_kernel():
    """In a kernel `exit` is an object in the notebook's own namespace, which asks the kernel to stop."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cells = [
        "from course_utils.checks import exercise",
        "@exercise('logit_kd.kd_loss')\ndef kd_loss(student_logits, teacher_logits, temperature):\n    "
        "exit()",
        "@exercise('logit_kd.gold_loss')\ndef gold_loss(student_logits, labels):\n    return input()",
        "@exercise('logit_kd.reverse_kl_loss')\ndef loss(student_logits, teacher_logits):\n    '''Doc.'''\n  "
        "  ...",
        "import torch\nkd_loss(torch.zeros(1, 2), torch.zeros(1, 2), 1.0).item()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [[output.get("text", "") for output in cell.outputs] for cell in notebook.cells]
    assert len(shown[1]) == 1 and "exit()" in shown[1][0]
    assert len(shown[2]) == 1 and "input()" in shown[2][0]
    assert len(shown[3]) == 1 and "not attempted" in shown[3][0]
    assert notebook.cells[4].outputs[0]["data"]["text/plain"].strip("-") == "0.0"
