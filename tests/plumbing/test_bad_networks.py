"""Downloads over a network that is slow, cut, busy, hostile or absent, from a Hub on this machine."""

import errno
import re
import socket
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import hub_server
import pytest
from hub_server import WEIGHTS, WEIGHTS_PATH, Answer, Hub, cache, contents, cut, part, status

from course_utils import assets
from course_utils.assets import download, publishers, sources
from course_utils.commands import doctor
from course_utils.paths import ROOT

WHOLE = {"model.safetensors", "config.json"}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second of silence is enough."""
    monkeypatch.setattr(download, "SILENCE_SECONDS", 0.5)


def failure() -> str:
    """The message of a fetch that fails, its line about the Hub."""
    with pytest.raises(assets.AssetError) as caught:
        assets.fetch("teacher")
    message = str(caught.value)
    assert "'teacher' for the real track (org/big@0123456789ab)" in message
    assert "mirror: COURSE_MIRROR is not set" in message
    assert "Next: " in message and "models/org/big" in message
    (line,) = re.findall(r"^  - Hub: (.*)$", message, re.MULTILINE)
    return str(line)


# Where it asks


def test_hf_endpoint_takes_the_place_of_the_hub_and_of_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_hub, elsewhere = "https://huggingface.co/org/x/resolve/1/a", "https://example.org/huggingface.co/a"
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert download.address(at_the_hub) == at_the_hub
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.local:8080/hf/")
    assert download.address(at_the_hub) == "http://hub.local:8080/hf/org/x/resolve/1/a"
    assert download.address(elsewhere) == elsewhere
    assert download.address("https://huggingface.company/a") == "https://huggingface.company/a"


@pytest.mark.parametrize("endpoint", ["hub.local", "http://[", "ftp://hub.local"])
def test_an_endpoint_that_is_no_address_is_named(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert "is no address" in (line := failure()) and "HF_ENDPOINT" in line


# What passes


@pytest.mark.parametrize(
    "trouble",
    [
        status(503),
        status(429, Retry_After="2"),
        cut(0),
        cut(100_000),
        hub_server.other_bytes,
        hub_server.log_in_page,
    ],
    ids=["503", "429", "cut at once", "cut halfway", "corrupted", "log-in page"],
)
def test_trouble_that_passes_is_waited_out(hub: Hub, trouble: Answer, tmp_path: Path) -> None:
    hub.answers = [trouble, trouble]
    assert (assets.fetch("teacher") / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.asked[WEIGHTS_PATH] == 3
    assert contents(cache(tmp_path)) == WHOLE


@pytest.mark.parametrize("wish", ["3", "in an hour", "soon"])
def test_a_busy_server_is_left_alone_as_long_as_it_asks(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(publishers.time, "sleep", waits.append)
    date = formatdate(time.time() + 3600, usegmt=True)  # a server may name the time itself
    hub.answers = [status(429, Retry_After=date if wish == "in an hour" else wish)]
    if wish == "in an hour":
        line = failure()
        seconds = re.search(r"answered 429, and asks for a pause of (\d+) seconds", line)
        assert seconds and 3500 < int(seconds[1]) <= 3600
        assert hub.asked[WEIGHTS_PATH] == 1 and waits == []
    else:
        assets.fetch("teacher")
        assert waits == [3.0 if wish == "3" else 1.0]


# Going on


def test_a_cut_transfer_goes_on_where_it_broke_off(hub: Hub) -> None:
    hub.answers = [cut(90_000), cut(150_000)]
    assert (assets.fetch("teacher") / "model.safetensors").read_bytes() == WEIGHTS
    first, *rest = hub.ranges
    starts = [int(re.fullmatch(r"bytes=(\d+)-", header or "")[1]) for header in rest]  # type: ignore[index]
    assert first is None
    assert 90_000 - download.BLOCK <= starts[0] <= 90_000
    assert 150_000 - download.BLOCK <= starts[1] <= 150_000
    assert hub.sent < len(WEIGHTS) + 3 * download.BLOCK, "little was sent twice"


def test_a_server_without_ranges_starts_again(hub: Hub) -> None:
    hub.answers = [cut(90_000), hub_server.no_ranges]
    assert (assets.fetch("teacher") / "model.safetensors").read_bytes() == WEIGHTS
    assert [header is None for header in hub.ranges] == [True, False]


def test_a_run_that_gave_up_is_taken_up_again(hub: Hub, tmp_path: Path) -> None:
    hub.answers = [cut(90_000), status(503), status(503)]
    assert "127.0.0.1" in (line := failure()) and "answered 503 (3 attempts)" in line
    assert contents(cache(tmp_path)) == {".model.safetensors.part"}
    sent = hub.sent
    assets.fetch("teacher")
    assert contents(cache(tmp_path)) == WHOLE
    assert hub.sent - sent < 150_000


def test_a_transfer_that_comes_further_gets_more_attempts(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishers, "PROGRESS", 30_000)
    hub.answers = [cut(at) for at in range(40_000, 200_000, 40_000)]
    assert (assets.fetch("teacher") / "model.safetensors").read_bytes() == WEIGHTS
    assert len(hub.ranges) == 5 > publishers.ATTEMPTS


def test_a_server_without_ranges_that_cuts_at_one_place_is_given_up(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers, "PROGRESS", 30_000)

    def first_half(request: hub_server.Handler, body: bytes) -> None:
        request.head(200, len(body))
        request.body(body[:100_000])

    hub.answers = [first_half] * 9
    assert "broke off (3 attempts)" in failure()
    assert len(hub.ranges) == 3


@pytest.mark.parametrize("wrong", [b"\0" * 100, WEIGHTS[:-1] + b"?", WEIGHTS + b"?"])
def test_a_part_that_makes_no_whole_is_fetched_from_the_start(hub: Hub, tmp_path: Path, wrong: bytes) -> None:
    cache(tmp_path).mkdir(parents=True)
    part(tmp_path).write_bytes(wrong)
    assert (assets.fetch("teacher") / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.ranges == ([f"bytes={len(wrong)}-"] if len(wrong) < len(WEIGHTS) else []) + [None]
    assert contents(cache(tmp_path)) == WHOLE


def test_a_whole_part_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    """The process was killed between the last byte and the new name."""
    cache(tmp_path).mkdir(parents=True)
    part(tmp_path).write_bytes(WEIGHTS)
    assert (assets.fetch("teacher") / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.ranges == []


# What does not pass


@pytest.mark.parametrize(
    "trouble, times, reason, left",
    [
        (status(503), 3, "answered 503 (3 attempts)", 0),
        (status(404), 1, f"answered 404 to http://127.0.0.1:PORT{WEIGHTS_PATH}", 0),
        (cut(100_000), 3, "broke off (3 attempts)", 1),
        (hub_server.other_bytes, 3, "not the published file: model.safetensors differs", 0),
        (hub_server.log_in_page, 3, "52 bytes instead of 200,000; does this network want a log-in first?", 0),
    ],
    ids=["503", "unknown revision", "cut", "corrupted", "log-in page"],
)
def test_a_failure_says_what_happened(
    hub: Hub, tmp_path: Path, trouble: Answer, times: int, reason: str, left: int
) -> None:
    hub.answers = [trouble] * times
    assert reason.replace("PORT", str(hub.server_address[1])) in failure()
    assert hub.asked[WEIGHTS_PATH] == times
    assert contents(cache(tmp_path)) == {".model.safetensors.part"} if left else not contents(cache(tmp_path))


def test_no_server_at_all(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    began = time.monotonic()
    assert f"no connection to 127.0.0.1:{port} (3 attempts)" in failure()
    assert time.monotonic() - began < 5


def test_silence_ends_within_thirty_seconds() -> None:
    silence = publishers.ATTEMPTS * download.SILENCE_SECONDS
    waits = (publishers.ATTEMPTS - 1) * publishers.LONGEST_WAIT
    assert silence + waits <= 30
    # A body that is never silent must keep up this speed, or counts as silent: slow networks stay usable.
    assert download.BLOCK / download.SILENCE_SECONDS < 6_000


@pytest.mark.parametrize("trouble", [hub_server.silent, hub_server.stall, hub_server.drip])
def test_a_server_that_hangs_is_given_up(hub: Hub, impatient: None, trouble: Answer) -> None:
    hub.answers = [trouble] * 3
    began = time.monotonic()
    assert "sent nothing for 0.5 seconds, or only drops (3 attempts)" in failure()
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("impatient")
def test_a_stalled_transfer_goes_on(hub: Hub) -> None:
    hub.answers = [hub_server.stall]
    assert (assets.fetch("teacher") / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.ranges[0] is None and hub.ranges[1] is not None


def test_a_name_look_up_that_hangs_is_given_up(
    hub: Hub, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own limit on it may be half a minute, and Python sets none."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hub.closing.wait(10) and [])
    began = time.monotonic()
    assert "sent nothing for 0.5 seconds" in failure()
    assert time.monotonic() - began < 5


# Several processes


def run_fetch(tmp_path: Path) -> subprocess.Popen[str]:
    """Fetch in a process of its own, with the test's catalogue."""
    code = (
        "from pathlib import Path; from course_utils import assets; from course_utils.assets import catalog, fetching;"
        f"catalog.CATALOG = Path({str(tmp_path / 'catalog.toml')!r});"
        f"fetching.BUILD = Path({str(tmp_path / 'build')!r}); assets.fetch('teacher'); print('whole')"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_download_is_never_taken_for_a_whole_one(hub: Hub, tmp_path: Path) -> None:
    hub.answers = [hub_server.stall]
    process = run_fetch(tmp_path)
    end = time.monotonic() + 20
    while not (part(tmp_path).exists() and part(tmp_path).stat().st_size) and time.monotonic() < end:
        hub.closing.wait(0.02)
    process.kill()
    process.communicate()
    assert contents(cache(tmp_path)) == {".model.safetensors.part"}
    assert (assets.fetch("teacher") / "model.safetensors").read_bytes() == WEIGHTS
    assert contents(cache(tmp_path)) == WHOLE


def test_two_notebooks_at_once_download_once(hub: Hub, tmp_path: Path) -> None:
    processes = [run_fetch(tmp_path) for _ in range(2)]
    assert all("whole" in process.communicate(timeout=60)[0] for process in processes)
    assert hub.asked == {WEIGHTS_PATH: 1, hub_server.CONFIG_PATH: 1}


# The disk


class Disk:
    """A file that opens, and whose disk refuses the second block."""

    def __init__(self, number: int) -> None:
        self.number, self.written = number, 0

    def __enter__(self) -> "Disk":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.written += 1
        if self.written == 2:
            raise OSError(self.number, "as the system says it")


@pytest.mark.parametrize(
    "number, advice",
    [(errno.ENOSPC, "with 0.2 MB free"), (errno.EROFS, "may write to"), (errno.EACCES, "may write to")],
)
def test_a_disk_that_refuses_is_one_line(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    cache(tmp_path).mkdir(parents=True)
    part(tmp_path).write_bytes(WEIGHTS[:10])
    real = Path.open

    def opened(path: Path, mode: str = "r", *rest: object, **options: object) -> object:
        return Disk(number) if path == part(tmp_path) and "b" in mode else real(path, mode, *rest, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(assets.AssetError) as caught:
        assets.fetch("teacher")
    tried, next_step = str(caught.value).splitlines()[-2:]
    assert tried == f"  - cache: {cache(tmp_path)} cannot be written (as the system says it)"
    assert next_step.startswith("Next: set COURSE_BUILD to a folder") and advice in next_step
    assert hub.asked[WEIGHTS_PATH] == 1, "not a matter of the network: no second attempt"
    assert not part(tmp_path).exists(), "a full disk needs the room"


def test_a_folder_that_cannot_be_made_is_one_line(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "build").write_text("a file stands in the way")
    with pytest.raises(assets.AssetError, match="cache: .* cannot be written .*\nNext: set COURSE_BUILD"):
        assets.fetch("teacher")
    assert not hub.asked


def test_a_complete_cache_needs_no_lock(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class may share one read-only folder."""
    folder = assets.fetch("teacher")

    def refused(folder: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(sources, "lock", refused)
    assert assets.fetch("teacher") == folder


# The doctor


def test_the_doctor_asks_hf_endpoint(hub: Hub) -> None:
    finding = doctor.hub()
    assert finding.state == "ok" and f"HF_ENDPOINT={hub.endpoint}" in finding.text
    assert hub.asked == {"HEAD": 1}
    hub.answers = [status(403)]
    assert "it refused: 403" in doctor.hub().text


@pytest.mark.parametrize("endpoint", ["hub.local", "http://127.0.0.1:9", "http://[", ""])
def test_the_doctor_survives_every_endpoint(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    assert doctor.hub().state == "note" and "not reached" in doctor.hub().text
    assert capsys.readouterr().err == "", "no traceback of a thread"


def test_the_doctor_waits_five_seconds_at_most(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.HUB_SECONDS <= 5
    monkeypatch.setattr(doctor, "HUB_SECONDS", 0.3)
    hub.answers = [hub_server.silent]
    began = time.monotonic()
    assert "sent nothing for 0.3 seconds" in doctor.hub().text
    assert time.monotonic() - began < 2
