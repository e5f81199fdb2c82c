"""A server on this machine that plays the Hub, well behaved or not, and the catalogue that names its files."""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import small_world

from course_utils.assets import catalog, fetching, publishers

REVISION = "0123456789abcdef"
WEIGHTS, CONFIG = random.Random(0).randbytes(200_000), b"{}"
WEIGHTS_PATH = f"/org/big/resolve/{REVISION}/model.safetensors"
CONFIG_PATH = f"/org/big/resolve/{REVISION}/config.json"
Answer = Callable[["Handler", bytes], None]


class Hub(ThreadingHTTPServer):
    """Serves two files. `answers` holds what happens next, then all is well; `asked` is what was asked for.

    asked: how often each path was asked for. ranges: the Range header of each request for the weights, or
    None. sent: the bytes of all bodies.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: Counter[str] = Counter()
        self.ranges: list[str | None] = []
        self.sent = 0
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        if self.path == WEIGHTS_PATH:
            self.server.ranges.append(self.headers["Range"])
        body = {WEIGHTS_PATH: WEIGHTS, CONFIG_PATH: CONFIG}.get(self.path)
        answer = self.server.answers.pop(0) if self.server.answers else well
        if body is None:
            status(404)(self, b"")
        else:
            answer(self, body)

    def do_HEAD(self) -> None:
        self.server.asked["HEAD"] += 1
        answer = self.server.answers.pop(0) if self.server.answers else status(200)
        answer(self, b"")

    def head(self, code: int, length: int, **headers: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def body(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()
        self.server.sent += len(data)

    def log_message(self, *arguments: object) -> None:
        pass


def well(request: Handler, body: bytes) -> None:
    """What a good server does: the file, or from the byte on that is asked for."""
    cut(len(body))(request, body)


def cut(at: int) -> Answer:
    """A good server whose connection ends before byte `at` of the file."""

    def answer(request: Handler, body: bytes) -> None:
        asked = request.headers["Range"]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start and start >= len(body):
            return request.head(416, 0)
        span = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        request.head(206 if start else 200, len(body) - start, **span)
        request.body(body[start:at])

    return answer


def no_ranges(request: Handler, body: bytes) -> None:
    """A server that knows no Range header and sends the whole file."""
    request.head(200, len(body))
    request.body(body)


def other_bytes(request: Handler, body: bytes) -> None:
    """As many bytes as the file has, but others."""
    request.head(200, len(body))
    request.body(body[::-1])


def log_in_page(request: Handler, body: bytes) -> None:
    """What a hotel's network answers to every address."""
    page = b"<html>Welcome! Please enter your room number.</html>"
    request.head(200, len(page), Content_Type="text/html")
    request.body(page)


def silent(request: Handler, body: bytes) -> None:
    """The connection is accepted, and nothing ever comes."""
    request.server.closing.wait(30)


def stall(request: Handler, body: bytes) -> None:
    """Half of the file, then nothing."""
    cut_in_half = len(body) // 2
    request.head(200, len(body))
    request.body(body[:cut_in_half])
    request.server.closing.wait(30)


def drip(request: Handler, body: bytes) -> None:
    """The file, byte by byte: never silent, never done."""
    request.head(200, len(body))
    end = time.monotonic() + 30
    while time.monotonic() < end and not request.server.closing.wait(0.05):
        try:
            request.body(body[:1])
        except OSError:
            return


def status(code: int, **headers: str) -> Answer:
    return lambda request, body: request.head(code, 0, **headers)


def write_catalog(path: Path) -> None:
    """A catalogue whose real track has one model, "teacher", with addresses at huggingface.co."""
    rows = [
        f'"{name}" = {{ size = {len(body)}, sha256 = "{hashlib.sha256(body).hexdigest()}", '
        f'url = "https://huggingface.co{address}" }}'
        for name, body, address in (
            ("model.safetensors", WEIGHTS, WEIGHTS_PATH),
            ("config.json", CONFIG, CONFIG_PATH),
        )
    ]
    head = (
        '[notebooks]\n[bundled]\n[real]\nteacher = "big"\n[assets.big]\nid = "org/big"\nkind = "model"\n'
        f'revision = "{REVISION}"\nlicence = "Apache-2.0"\npublisher = "an example"\n'
        'mirror = "models/org/big"\n[assets.big.files]\n'
    )
    small_world.put(path, head + "\n".join(rows))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A Hub on this machine, a catalogue that names it, the real track, no waits between attempts."""
    with Hub() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        write_catalog(tmp_path / "catalog.toml")
        monkeypatch.setattr(catalog, "CATALOG", tmp_path / "catalog.toml")
        monkeypatch.setattr(fetching, "BUILD", tmp_path / "build")
        monkeypatch.setattr(fetching, "_fetched", {})
        monkeypatch.setattr(publishers.time, "sleep", lambda seconds: None)
        monkeypatch.setenv("COURSE_TRACK", "real")
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.closing.set()
        server.shutdown()


def cache(tmp_path: Path) -> Path:
    """Where the course keeps the model of the `hub` fixture."""
    return tmp_path / "build/cache/assets/big" / REVISION[:12]


def part(tmp_path: Path) -> Path:
    """Where the bytes of the weights lie until they are verified."""
    return cache(tmp_path) / ".model.safetensors.part"


def contents(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}
