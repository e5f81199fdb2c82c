"""One screen that tells what works on this machine, and what to do about what does not."""

import os
import platform
import shutil
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

from course_utils import assets, session
from course_utils.assets import download
from course_utils.paths import BUILD, NOT_WRITABLE, ROOT

HUB_SECONDS = 5.0
MEMORY_NEEDED = {"bundled": 2, "real": 8}  # GiB; docs/workshop.md has what each notebook takes
DISK_NEEDED = 2**30
WIDTH = 100
SYMBOLS = {"ok": "ok", "note": "--", "bad": "!!"}


@dataclass(frozen=True)
class Finding:
    """One line of the screen. `state`: "ok", "note" (worth knowing) or "bad" (the course cannot run)."""

    name: str
    state: str
    text: str
    advice: str = ""


def python() -> Finding:
    """This interpreter against the oldest that the pinned packages run on."""
    text = f"{platform.python_version()} on {platform.system()} ({platform.machine()})"
    if sys.version_info < (3, 11):  # noqa: UP036 (pip refuses, but a plain checkout does not)
        return Finding("Python", "bad", text, "install Python 3.11 or newer, then make the environment again")
    return Finding("Python", "ok", text)


def packages() -> Finding:
    """The packages of pyproject.toml: missing, outside their range, or other than the pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"]["lab"]]
    pins = dict(
        line.lower().split("==")
        for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
        if "==" in line
    )
    missing, outside, other = [], [], []
    for need in wanted:
        try:
            have = version(need.name)
        except PackageNotFoundError:
            missing.append(need.name)
            continue
        if not need.specifier.contains(have, prereleases=True):
            outside.append(f"{need.name} {have} (needs {need.specifier})")
        elif have.split("+")[0] != pins.get(need.name.lower()):
            other.append(f"{need.name} {have}")
    if missing or outside:
        bad = ([f"missing: {', '.join(missing)}"] if missing else []) + outside
        return Finding("Packages", "bad", "; ".join(bad), "python -m pip install -r requirements.txt")
    main = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "datasets", "peft"))
    if other:
        text = f"{main}; other versions than the measured ones: {', '.join(other)}"
        return Finding("Packages", "note", text, "fine, unless a result differs: then use requirements.txt")
    return Finding("Packages", "ok", f"all {len(wanted)} there, in the measured versions: {main}")


def device() -> Finding:
    """Where tensors will live, and whether bf16 is quick there."""
    import torch

    flags = ""
    if Path("/proc/cpuinfo").exists():
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    bf16 = [name for name in ("amx_bf16", "avx512_bf16") if name in flags]
    number = torch.get_num_threads()
    threads = f"{number} torch threads" if number > 1 else "one torch thread"
    if number > 1 and (waiting := session.waiting()):
        threads += f" ({waiting})"
    cpu = f"{session.cpus()} of {os.cpu_count()} CPUs, {threads}"
    cpu += f", bf16 units ({bf16[0]})" if bf16 else ", no bf16 units known"
    if torch.cuda.is_available():
        return Finding("Device", "ok", f"CUDA: {torch.cuda.get_device_name()}; {cpu}")
    if torch.backends.mps.is_available():
        return Finding("Device", "ok", f"MPS (Apple GPU); {cpu}")
    return Finding("Device", "ok", f"CPU: {cpu}; no GPU, and none is needed")


def memory() -> Finding:
    """Free memory against what a notebook of this track takes."""
    import psutil

    have = psutil.virtual_memory()
    text = f"{have.available / 2**30:.1f} GiB free of {have.total / 2**30:.1f} GiB"
    needed = MEMORY_NEEDED[assets.track()]
    if have.available < needed * 2**30:
        advice = f"close other programs: a notebook of this track takes up to {needed} GiB"
        return Finding("Memory", "note", text, advice)
    return Finding("Memory", "ok", text)


def disk() -> Finding:
    """Free disk where the course writes its caches and reports."""
    place = next(folder for folder in [BUILD, *BUILD.parents] if folder.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / 2**30:.1f} GiB free for build/"
    if NOT_WRITABLE:
        text = f"{NOT_WRITABLE} cannot be written; results go to {BUILD}"
        return Finding("Disk", "note", text, "to choose another folder, set COURSE_BUILD")
    if free < DISK_NEEDED:
        return Finding("Disk", "note", text, "free 1 GiB, or set COURSE_BUILD to a folder on another disk")
    return Finding("Disk", "ok", text)


def hub() -> Finding:
    """Whether the Hub (or HF_ENDPOINT) answers within five seconds, name look-up included; on either track."""
    place = "" if download.hub() == download.HUB else f" at HF_ENDPOINT={download.hub()}"

    began = time.perf_counter()
    why = download.obstacle(download.hub(), HUB_SECONDS)
    if why is None:
        return Finding("Hub", "ok", f"answered in {time.perf_counter() - began:.1f} s{place}")
    if assets.track() == "bundled":
        return Finding("Hub", "note", f"not reached{place} ({why}), and not needed on the bundled track")
    advice = "set COURSE_MIRROR to a folder that has models and data, or use the bundled track"
    return Finding("Hub", "note", f"not reached{place} ({why})", advice)


def track() -> Finding:
    """The track and why."""
    return Finding("Track", "ok", f"{assets.track()}: {assets.track_reason()}")


def material() -> Finding:
    """Which models and data of this track are on this machine."""
    roles = assets.roles(assets.track())
    there = [role for role in roles if assets.at_hand(role)]
    away = [role for role in roles if role not in there]
    text = f"at hand: {', '.join(there) or 'none'}"
    if not away:
        return Finding("Material", "ok", text)
    text += f"; not at hand: {', '.join(away)}"
    if assets.track() == "bundled":
        return Finding("Material", "bad", text, "clone the repository again, or run: make bundle")
    return Finding("Material", "note", text, "fetched when a notebook first asks for it")


CHECKS: list[tuple[str, Callable[[], Finding]]] = [
    ("Python", python),
    ("Packages", packages),
    ("Device", device),
    ("Memory", memory),
    ("Disk", disk),
    ("Track", track),
    ("Material", material),
    ("Hub", hub),
]


def examine() -> list[Finding]:
    """Every finding. A check that breaks is a finding too, not a traceback."""
    findings = []
    for name, check in CHECKS:
        try:
            findings.append(check())
        except Exception as error:  # a doctor reports; whatever broke is what the reader needs to see
            findings.append(Finding(name, "bad", f"could not be checked: {type(error).__name__}: {error}"))
    return findings


def main() -> int:
    """Print the screen. Returns 0 when the bundled track can run here, else 1."""
    findings = examine()
    for finding in findings:
        line = f"{SYMBOLS[finding.state]}  {finding.name:<9} {finding.text}"
        print(textwrap.fill(line, WIDTH, subsequent_indent=" " * 14, break_long_words=False))
        if finding.advice:
            print(f"    {'':<9} -> {finding.advice}")
    able = all(finding.state != "bad" for finding in findings)
    print(
        "\nThe course can run here." if able else "\nThe course cannot run here yet: see the lines marked !!"
    )
    return 0 if able else 1
