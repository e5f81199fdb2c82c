"""Two processes under `accelerate launch` train as one does: the same losses, metrics and rows."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import small_world
import torch
import two_processes
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser
from accelerate.utils import DistributedType

from course_utils.paths import ROOT
from course_utils.training.launched import own_rows, refuse

Runs = dict[str, dict[str, Any]]
needs_gloo = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="this torch has no gloo, with which CPU processes talk",
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = two_processes.runs(tmp_path_factory.mktemp("alone"))
    torch.set_num_threads(threads)
    return found


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, list[Runs]]:
    """The folder, the screen and the two processes' runs of a launch on this machine."""
    folder = tmp_path_factory.mktemp("launched")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    # `--multi_gpu` starts the processes, and ACCELERATE_USE_CPU keeps them on the CPU: `--cpu` would need MPI.
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    command += ["--main_process_port", str(port), str(ROOT / "tests/helpers/two_processes.py"), str(folder)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
    settings = {"ACCELERATE_USE_CPU": "1", "COURSE_BUILD": str(folder), "PYTHONPATH": paths}
    done = subprocess.run(
        command, env={**os.environ, **settings}, cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stderr, [torch.load(folder / f"process_{i}.pt") for i in range(2)]


@needs_gloo
@small_world.needs_bundle
@pytest.mark.parametrize("name", ["encoder", "even", "short batch", "one row left", "headless", "resumed"])
def test_two_processes_train_as_one(alone: Runs, launched: tuple[Path, str, list[Runs]], name: str) -> None:
    """Exact up to rounding, also where a batch cannot be split evenly: the loss is a mean over rows, without
    dropout."""
    _, _, (main, other) = launched
    assert main[name]["losses"] == other[name]["losses"]
    torch.testing.assert_close(main[name]["losses"], alone[name]["losses"], rtol=0, atol=1e-5)
    assert main[name]["metrics"] == other[name]["metrics"] == alone[name]["metrics"]
    for parameter, value in main[name]["weights"].items():
        assert torch.equal(value, other[name]["weights"][parameter]), parameter
    assert len(main[name]["losses"]) == (8 if name == "encoder" else 12)


@needs_gloo
@small_world.needs_bundle
def test_a_parameter_that_the_loss_leaves_out_stays_as_it_was(launched: tuple[Path, str, list[Runs]]) -> None:
    """Also in its process: with a gradient of 0 in place of none, AdamW would still shrink it."""
    before, after = two_processes.model(0).state_dict(), launched[2][0]["headless"]["weights"]
    assert torch.equal(before["classifier.weight"], after["classifier.weight"])


@needs_gloo
@small_world.needs_bundle
def test_a_resumed_launch_makes_only_the_steps_that_were_missing(
    launched: tuple[Path, str, list[Runs]],
) -> None:
    assert [len(runs["resumed"]["seen"]) for runs in launched[2]] == [5, 5]


@needs_gloo
@small_world.needs_bundle
def test_each_process_sees_its_half_of_every_batch(
    alone: Runs, launched: tuple[Path, str, list[Runs]]
) -> None:
    _, _, (main, other) = launched
    for name in ("even", "short batch"):
        for whole, first, second in zip(*(runs[name]["seen"] for runs in (alone, main, other)), strict=True):
            assert whole[::2] == first and whole[1::2] == second


@needs_gloo
@small_world.needs_bundle
def test_the_processes_keep_one_order_after_an_uneven_batch(
    launched: tuple[Path, str, list[Runs]],
) -> None:
    """Dropout makes the processes draw unlike often; of 43 rows an epoch still holds each once."""
    _, _, (main, other) = launched
    steps = list(zip(main["dropout"]["seen"], other["dropout"]["seen"], strict=True))
    for epoch in (steps[:6], steps[6:]):
        assert sorted({row for first, second in epoch for row in first + second}) == list(range(43))


@needs_gloo
@small_world.needs_bundle
def test_only_the_main_process_shows_and_records(launched: tuple[Path, str, list[Runs]]) -> None:
    folder, screen, _ = launched
    # A bar is opened once, at no step, and closed at the last; a slow machine may draw the last step twice.
    assert sum(" 0/12 " in line for line in screen.split("\n")) == 1 and " 12/12 " in screen
    assert len((folder / "results/bundled/00_test.jsonl").read_text().splitlines()) == 1
    assert not list((folder / "checkpoint").iterdir())


@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_the_weights_make_the_mean_over_all_rows(rows: int) -> None:
    batch = {"x": torch.arange(rows) + 1.0, "id": torch.arange(rows)}
    places: list[Any] = [SimpleNamespace(process_index=i, num_processes=3) for i in range(3)]
    shares = [own_rows(place, batch) for place in places]
    mean = sum(share["x"].mean() * weight for share, weight in shares) / 3
    torch.testing.assert_close(mean, batch["x"].mean())
    assert all(len(share["x"]) == len(share["id"]) > 0 for share, _ in shares)


def test_every_process_gets_the_positions_whose_logits_are_kept() -> None:
    """The batches of `answers.make_loader` list them for all rows at once."""
    batch = {"input_ids": torch.arange(12).view(4, 3), "logits_to_keep": torch.tensor([1, 2])}
    places: list[Any] = [SimpleNamespace(process_index=i, num_processes=2) for i in range(2)]
    shares = [own_rows(place, batch)[0] for place in places]
    assert all(
        len(share["input_ids"]) == 2 and share["logits_to_keep"].tolist() == [1, 2] for share in shares
    )


@pytest.mark.parametrize(
    ("launch", "message"),
    [
        ({"distributed_type": DistributedType.DEEPSPEED}, "DEEPSPEED.*docs/scaling.md"),
        ({"distributed_type": DistributedType.FSDP}, "fsdp_version 2"),
        ({"distributed_type": DistributedType.FSDP, "is_fsdp2": True}, "Leave `checkpoint` out"),
        ({"gradient_accumulation_steps": 4}, "4 gradient accumulation steps"),
    ],
)
def test_a_launch_that_fit_cannot_train_under_is_refused(launch: dict[str, Any], message: str) -> None:
    usual = {"distributed_type": DistributedType.NO, "is_fsdp2": False, "gradient_accumulation_steps": 1}
    with pytest.raises(ValueError, match=message):
        refuse(SimpleNamespace(**usual | launch), checkpoints=True)  # type: ignore[arg-type]
    refuse(SimpleNamespace(**usual), checkpoints=True)  # type: ignore[arg-type]


def test_accelerate_reads_the_configuration_that_the_page_on_scaling_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    shown = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    (tmp_path / "fsdp.yaml").write_text(shown[1])
    config = load_config_from_file(str(tmp_path / "fsdp.yaml"))
    assert config.distributed_type == DistributedType.FSDP and config.num_processes == 4
    assert config.mixed_precision == "no" and config.fsdp_config["fsdp_version"] == 2
    options = launch_command_parser().parse_args(["train.py"])
    known = set(vars(options))
    assert set(config.fsdp_config) <= known, "accelerate launch has no such option"
