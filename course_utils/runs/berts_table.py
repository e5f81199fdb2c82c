"""The table of TinyBERT's systems (`small_berts`), run by run, for both tasks of the real track.

The statements about it, and its runs of the first task live, stand in notebook 03.
"""

from typing import Any, NamedTuple

from course_utils import assets, results
from course_utils.runs.small_berts import CONTROLS, STUDENTS, TEACHER, TEXTS, Lesson

NAME = "03_small_berts"
"""What the rows bear as their notebook: results.load("03_small_berts")."""

SEEDS, SPEED_UP, TIMED = range(3), "speed-up", "32 sentences"
OFFSET = "offset of the attention scores"


class Run(NamedTuple):
    """A method of one task; or how fast the systems of the task are (`method` is SPEED_UP); or what its encoder's
    scores have that no softmax sees (OFFSET)."""

    seed: int
    task: str
    method: str


class Table:
    """A row for each system and control, task and seed, and one for the speed-up of each system on the first task."""

    roles = ("student", "student_general", *(role for *roles, _ in TEXTS.values() for role in roles))

    def __init__(self) -> None:
        self.lesson: Lesson | None = None

    @staticmethod
    def missing() -> list[Run]:
        """The runs without a row, seed by seed and task by task: a teacher is trained for all of its students."""
        rows = results.load(NAME, assets.track())
        rows = (
            rows[rows["steps"] == _steps()] if len(rows) else rows
        )  # those of other settings are of another table
        made = set(zip(rows["seed"], rows["data"], rows["method"], strict=True)) if len(rows) else set()
        timed = {
            seed for seed, data, method in made if (data, method) == (TIMED, TEACHER)
        }  # the last of them
        made |= {(seed, "sentiment", SPEED_UP) for seed in timed}
        wanted = [
            Run(seed, task, method)
            for seed in SEEDS
            for task in TEXTS
            for method in (
                *((OFFSET,) if seed == 0 else ()),
                *(TEACHER, *STUDENTS, *CONTROLS),
                *((SPEED_UP,) if task == "sentiment" else ()),
            )
        ]
        return [run for run in wanted if tuple(run) not in made]

    def make(self, run: Run) -> str:
        """Train and measure one run, record its rows, and tell what it was."""
        if self.lesson is None or (self.lesson.seed, self.lesson.name) != (run.seed, run.task):
            self.lesson = None  # the memory of the last one, before that of the next is taken
            self.lesson = Lesson(run.task, run.seed)
        lesson = self.lesson
        if run.method == SPEED_UP:
            found = lesson.speed_ups()
            for method in (*(name for name in found if name != TEACHER), TEACHER):
                self._record(run, method, "E10", metric=SPEED_UP, data=TIMED, value=found[method])
            return f"{run.task}, seed {run.seed}, speed-up of TinyBERT: {found['TinyBERT']:.1f}"
        if run.method == OFFSET:
            shares = lesson.offsets()
            for layer, share in enumerate(shares, start=1):
                self._record(run, OFFSET, "E09", metric="share", data=run.task, value=share, layer=layer)
            return f"{run.task}, {OFFSET}: {shares[-1]:.0%} of their squares in the last layer"
        if run.method == TEACHER:
            exhibit, history = "E10", lesson.taught[1]
        else:
            system = (STUDENTS | CONTROLS)[run.method]
            exhibit, history = system.exhibit, lesson.train(system)
        cost = {"trainable_parameters": history.trainable_parameters, "seconds": history.seconds}
        self._record(run, run.method, exhibit, metric="accuracy", data=run.task, value=history.final, **cost)
        return f"{run.task}, {run.method}, seed {run.seed}: {history.final:.1%}, {history.seconds:.0f} s"

    @staticmethod
    def _record(run: Run, method: str, exhibit: str, **facts: Any) -> None:
        cost = {"trainable_parameters": 0, "seconds": 0.0} | facts
        results.record(NAME, exhibit, method, model=method, seed=run.seed, steps=_steps(), **cost)


def _steps() -> int:
    return assets.entry("student_general").recipe["steps"]
