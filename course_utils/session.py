"""What holds for the whole run: the notebook, the seed, and an environment that keeps libraries quiet.

Only the standard library is imported at the top: this runs before any Hugging Face library, which read these
environment variables once, when they are imported.
"""

import io
import math
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from course_utils.paths import BUILD, ROOT, setting

OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE")

SPINS_ALONE, SPINS_BESIDE = "10000", "300"
"""How often a thread of torch looks for work before it sleeps, where torch runs on libgomp (Linux): with the machine
to ourselves, and beside programs that keep a core busy.

A thread that looks keeps its core from every other program meanwhile. With libgomp's own 300,000 a training step beside
a second training process took fifty times as long as alone, with 10,000 up to eight times, with 300 two to three times.
With 300 it is slower alone, since most products have to wake a sleeping thread. The number of threads stays the same,
and so do all results to the last bit. `make bench` measures both.
"""

LOOK_SECONDS = 0.2
CHOSEN_SPINS = (
    "COURSE_SPINS"  # where a process tells those that it starts what it chose: they look for themselves
)

notebook: str | None = None
"""The notebook that called `course_utils.start` ("02_logit_distillation"); None outside a notebook."""


def seed() -> int:
    """The seed of this run, from COURSE_SEED (default 0)."""
    text = setting("COURSE_SEED") or "0"
    if not text.isdecimal() or int(text) >= 2**32:
        raise ValueError(
            f"COURSE_SEED is {text!r}. It must be a whole number from 0 to 4294967295, for example COURSE_SEED=0."
        )
    return int(text)


def is_main_process() -> bool:
    """Whether this process shows and records: the first of those that `accelerate launch` started, or the
    only one.

    Job arrays set RANK too. A process is one of several only where WORLD_SIZE and LOCAL_RANK say so as well:
    those are what accelerate asks.
    """
    size = os.environ.get("WORLD_SIZE", "")
    several = size.isdigit() and int(size) > 1 and "LOCAL_RANK" in os.environ
    return not several or os.environ.get("RANK", "0") == "0"


def prepare_environment(track: str) -> None:
    """Set what libraries read at import: how torch's threads wait, and for those of Hugging Face no
    telemetry, own caches, offline when bundled. Whatever the reader set stays as it is."""
    by_reader = os.environ.get("GOMP_SPINCOUNT") != os.environ.get(CHOSEN_SPINS)
    if not by_reader and "OMP_WAIT_POLICY" not in os.environ:  # GOMP_SPINCOUNT would overrule it
        os.environ["GOMP_SPINCOUNT"] = os.environ[CHOSEN_SPINS] = spins()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")
    # Tables and local metric modules are cached with the course's own files.
    os.environ.setdefault("HF_DATASETS_CACHE", str(BUILD / "cache" / "datasets"))
    os.environ.setdefault("HF_MODULES_CACHE", str(BUILD / "cache" / "modules"))
    os.environ.setdefault("HF_EVALUATE_CACHE", str(BUILD / "cache" / "evaluate"))
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else torch's profiler writes lines under a cell
    if track == "bundled":
        os.environ.update(dict.fromkeys(OFFLINE, "1"))


def spins() -> str:
    """`SPINS_BESIDE` where other programs leave fewer CPUs free than this process may use, else `SPINS_ALONE`. Takes
    `LOOK_SECONDS` to see."""
    import psutil

    asked = setting("OMP_NUM_THREADS")
    wanted = min(cpus(), int(asked)) if asked.isdigit() and int(asked) else cpus()
    if (
        wanted == 1 or sys.platform != "linux"
    ):  # no thread waits for another; or libgomp is not there to be told
        return SPINS_ALONE
    busy = psutil.cpu_percent(LOOK_SECONDS, percpu=True)
    free = sum(1 - busy[cpu] / 100 for cpu in os.sched_getaffinity(0) if cpu < len(busy))
    return SPINS_ALONE if free > wanted - 0.3 else SPINS_BESIDE


def leave_a_lost_folder() -> None:
    """Step out of a working directory that was deleted since: torch could not even be imported there."""
    try:
        os.getcwd()
    except FileNotFoundError:
        os.chdir(ROOT)
        print(f"The folder in which this kernel worked is gone. It works in {ROOT} from here on.")


def cpus() -> int:
    """CPUs that this process may use. A container's quota counts: Binder gives two CPUs of many."""
    try:
        usable = len(os.sched_getaffinity(0))  # type: ignore[attr-defined, unused-ignore]
    except AttributeError:  # macOS and Windows have no affinity masks
        usable = os.cpu_count() or 1
    return max(1, min([usable, *map(math.ceil, _quotas())]))


def _quotas() -> Iterator[float]:
    """The limits on CPUs, in CPUs, that Linux's control groups set for this process; none on other systems.

    Version 2 keeps them in `cpu.max`, version 1 in two files, below a folder of its own. Inside a container the
    group's folder is often shown as the root; elsewhere each group on the way to the root may set a limit.
    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
    https://docs.kernel.org/scheduler/sched-bwc.html
    """
    groups = {"": "/"}
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)  # "0::/user.slice" or "4:cpu,cpuacct:/docker/1f0c"
            groups |= dict.fromkeys(controllers.split(","), group)
    places = [("/sys/fs/cgroup", groups[""])]
    places += [(f"/sys/fs/cgroup/{name}", groups.get("cpu", "/")) for name in ("cpu", "cpu,cpuacct")]
    for root, group in places:
        for inner in (group, *map(str, PurePosixPath(group).parents)):
            folder = Path(f"{root}/{inner.strip('/')}")
            with suppress(OSError, ValueError, ZeroDivisionError):  # no such file, or no limit: "max", "-1"
                quota, period = (folder / "cpu.max").read_text().split()
                yield int(quota) / int(period)
            with suppress(OSError, ValueError, ZeroDivisionError):
                quota = (folder / "cpu.cfs_quota_us").read_text()
                if int(quota) > 0:
                    yield int(quota) / int((folder / "cpu.cfs_period_us").read_text())


def set_threads() -> int:
    """Hold torch to the CPUs that this process may use, and return how many threads it has."""
    import torch

    torch.set_num_threads(min(torch.get_num_threads(), cpus()))
    return torch.get_num_threads()


def waiting() -> str:
    """How torch's threads wait for each other, and who chose it; empty where torch does not run on libgomp."""
    try:
        if "libgomp" not in Path("/proc/self/maps").read_text():
            return ""
    except OSError:  # not Linux
        return ""
    if policy := os.environ.get("OMP_WAIT_POLICY"):
        return f"they wait as OMP_WAIT_POLICY={policy} says"
    count = os.environ.get("GOMP_SPINCOUNT", "")
    if count != os.environ.get(CHOSEN_SPINS):
        reason = "set by you: GOMP_SPINCOUNT"
    else:
        reason = "other programs keep a core busy" if count == SPINS_BESIDE else "the cores were free"
    return f"{reason}: a waiting one spins {count} times, then sleeps"


def quiet() -> None:
    """Keep the libraries' bars and notices out of the notebooks. Errors still show."""
    import datasets
    import transformers

    # peft asks transformers a question whose name is going to change; a learner can do nothing about it.
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.logging.set_verbosity_error()
    datasets.disable_progress_bars()


def forgive_output() -> None:
    """Let a terminal that lacks a character show "?" in its place, instead of ending the run."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a notebook's is not, and shows every character
        sys.stdout.reconfigure(errors="replace")
