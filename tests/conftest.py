"""Every test runs on the bundled track, writes to a folder of its own, and cannot reach the network."""

import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

# Before course_utils is imported by any test: it reads these once.
_build = tempfile.TemporaryDirectory(prefix="course-tests-")
os.environ["COURSE_BUILD"] = _build.name
for name in ("COURSE_TRACK", "COURSE_MIRROR", "COURSE_SEED", "HF_ENDPOINT"):
    os.environ.pop(name, None)
for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]

from hub_server import hub  # noqa: E402, F401 (a fixture; it imports course_utils)
from small_bert import batch  # noqa: E402, F401 (a fixture)

LOCAL = {"localhost", "127.0.0.1", "::1", "", None}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse every connection and name look-up that leaves this machine."""
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def local_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in LOCAL:
            raise OSError(f"a test looked up {name!r}: tests stay on this machine")
        return look_up(host, *arguments, **options)

    def local_connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in LOCAL:
            raise OSError(f"a test connected to {address[0]!r}: tests stay on this machine")
        connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", local_look_up)
    monkeypatch.setattr(socket.socket, "connect", local_connect)
    yield


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the checks of exercises, a limit long enough for a busy machine."""
    from course_utils.checks import sandbox

    monkeypatch.setattr(sandbox, "TIME_LIMIT", 20.0)
