"""How much a second training process slows the encoder's, and what the course's way to wait for threads costs alone.

libgomp reads its settings once, when torch is imported, so each side is a process of its own. It trains the steps that
it is asked for on its standard input, and answers with the seconds.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
from measure import Figure, compare
from sides import bare_seconds, load_world

from course_utils import session

STEPS = 20
SETTINGS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", session.CHOSEN_SPINS)
LIBGOMP_DEFAULT = {"GOMP_SPINCOUNT": "300000"}


class Worker:
    """A process that trains the bundled encoder when it is told to, with these settings of libgomp."""

    def __init__(self, settings: dict[str, str]) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()

    def tell(self, steps: str) -> None:
        """Ask for a number of steps, or for `forever`."""
        assert self.process.stdin is not None
        print(steps, file=self.process.stdin, flush=True)

    def answer(self) -> float:
        """Wait for the seconds of the last steps."""
        assert self.process.stdout is not None
        return float(self.process.stdout.readline())

    def seconds(self) -> float:
        """Seconds of `STEPS` steps."""
        self.tell(str(STEPS))
        return self.answer()


@contextlib.contextmanager
def worker(settings: dict[str, str]) -> Iterator[Worker]:
    """A worker that is gone after the block."""
    started = Worker(settings)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def bench() -> list[Figure]:
    """The encoder's steps beside a training process that waits as libgomp does by default, against alone; and alone
    against that default."""
    with worker({}) as ours, worker(LIBGOMP_DEFAULT) as default:
        alone = compare(
            "alone: waiting as the course does / as libgomp does", ours.seconds, default.seconds, 1.05
        )
        default.tell("forever")
        with worker({}) as late:  # it starts beside the other one, and chooses for that
            neighbour = psutil.Process(default.process.pid)

            def beside() -> float:
                neighbour.resume()
                taken = late.seconds()
                neighbour.suspend()
                return taken

            neighbour.suspend()
            busy = compare("the encoder beside a second training process / alone", beside, ours.seconds, 2.5)
    return [busy, alone]


def main() -> None:
    """The worker: for each line of standard input, so many steps."""
    world = load_world()
    model, loader = world.teacher(), world.loader(len(world.train))
    print(bare_seconds(model, loader, 3), flush=True)
    for line in sys.stdin:
        while line.strip() == "forever":
            bare_seconds(model, loader, STEPS)
        print(bare_seconds(model, loader, int(line)), flush=True)


if __name__ == "__main__":
    main()
