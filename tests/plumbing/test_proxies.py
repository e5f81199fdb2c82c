"""A proxy that does not work is named, with what to do; what it has nothing to do with is not blamed."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from hub_server import WEIGHTS, Hub, part

from course_utils import assets
from course_utils.assets import proxies
from course_utils.commands import doctor

SECRET = "correct-horse"
# Nothing listens on port 9 here. A proxy is asked before any name is looked up, so nothing leaves this machine.
BROKEN = {
    "dead": ("HTTPS_PROXY", "http://127.0.0.1:9", "no connection to the proxy http://127.0.0.1:9 (HTTPS_PROXY)"),
    "dead, in small letters": ("https_proxy", "http://127.0.0.1:9", "(https_proxy)"),
    "dead, for all": ("ALL_PROXY", "http://127.0.0.1:9", "(ALL_PROXY)"),
    "without a scheme": ("HTTPS_PROXY", "127.0.0.1:9", "no connection to the proxy 127.0.0.1:9 (HTTPS_PROXY)"),
    "one slash": ("HTTPS_PROXY", "http:/127.0.0.1", "is no address of the form http://HOST:PORT"),
    "no port number": ("HTTPS_PROXY", "http://127.0.0.1:abc", "is no address of the form http://HOST:PORT"),
    "unknown scheme": ("HTTPS_PROXY", "ftp2://127.0.0.1:9", "is no address of the form http://HOST:PORT"),
    "socks": ("ALL_PROXY", "socks5h://127.0.0.1:9", "python -m pip install pysocks"),
}  # fmt: skip


class Refusing(BaseHTTPRequestHandler):
    """A proxy that answers every request with `status`."""

    status = 407

    def do_CONNECT(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_CONNECT

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[str]:
    """The address, without its scheme, of a proxy that refuses."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(autouse=True)
def own_environment(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The publisher's own address, no proxy yet, and requests as it is without PySocks."""

    def no_socks(*_: object, **__: object) -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.delenv("HF_ENDPOINT")
    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", no_socks)


def told() -> list[str]:
    """What a download says, and what the doctor says."""
    with pytest.raises(assets.AssetError) as caught:
        assets.fetch("teacher")
    (line,) = (line for line in str(caught.value).splitlines() if line.startswith("  - Hub: "))
    finding = doctor.hub()
    assert finding.state == "note" and finding.text.startswith("not reached")
    return [line, finding.text]


@pytest.mark.parametrize("name, address, words", BROKEN.values(), ids=BROKEN)
def test_a_broken_proxy_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, address: str, words: str
) -> None:
    monkeypatch.setenv(name, address)
    for line in told():
        assert words in line and f"{address} ({name})" in line and f"correct or remove {name}" in line
        assert "HF_ENDPOINT" not in line


@pytest.mark.parametrize(
    "status, words", [(407, "wants a name and a password"), (403, "answered 403"), (503, "answered 503")]
)
def test_a_proxy_that_refuses_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str, status: int, words: str
) -> None:
    monkeypatch.setattr(Refusing, "status", status)
    monkeypatch.setenv("HTTPS_PROXY", f"http://somebody:{SECRET}@{proxy}")
    for line in told():
        assert words in line and f"http://***@{proxy} (HTTPS_PROXY)" in line and SECRET not in line


def test_a_proxy_that_answers_in_the_place_of_the_server_is_named(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """Without encryption the proxy's own answer looks like one of the server."""
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy}")
    assert all("wants a name and a password" in line and "HTTP_PROXY" in line for line in told())


def test_a_wrong_endpoint_is_blamed_beside_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_ENDPOINT", "hub.local")
    assert all("look at HF_ENDPOINT" in line and "HTTPS_PROXY" not in line for line in told())


def test_a_host_that_no_proxy_serves_is_asked_directly(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert proxies.of(hub.endpoint) is None
    assert (assets.fetch("teacher") / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http:/127.0.0.1", "socks5://127.0.0.1:9"])
def test_an_earlier_part_stays(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str
) -> None:
    beginning = part(tmp_path)
    beginning.parent.mkdir(parents=True)
    beginning.write_bytes(WEIGHTS[:1000])
    monkeypatch.setenv("ALL_PROXY", address)
    told()
    assert beginning.read_bytes() == WEIGHTS[:1000]
