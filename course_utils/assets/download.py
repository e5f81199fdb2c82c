"""One attempt to fetch one file over http(s), with a limit on silence, from where the last attempt broke off.

Plain requests at a pinned revision, not `huggingface_hub.snapshot_download`: offline that one retries for 23
seconds, with two lines on the screen for each try, and it has no limit on silence of its own. Like it, this
asks the server that HF_ENDPOINT names instead of huggingface.co. What arrives here is not yet trusted:
`sources` compares it with the catalogue.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from course_utils.assets import proxies
from course_utils.paths import setting

if TYPE_CHECKING:
    from requests import Response

HUB = "https://huggingface.co"
SILENCE_SECONDS = 6.0  # the longest wait for an answer, and then for each block of it
BLOCK = 2**15  # bytes; with the limit above, a server slower than about 5 kB a second counts as silent
PASSING = {408, 425, 429}  # answers after which another attempt may help, besides every 5xx

T = TypeVar("T")


class Trouble(Exception):
    """This attempt failed and another may not. `wait`: the seconds that the server asks for, if it does."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Refused(Exception):
    """The server will not give this file, however often it is asked."""


def hub() -> str:
    """Where the Hub's files are: HF_ENDPOINT where it is set (a mirror of the Hub), else huggingface.co."""
    return setting("HF_ENDPOINT").rstrip("/") or HUB


def address(url: str) -> str:
    """The address to ask for `url`: at `hub()` for what lies on huggingface.co, else `url` itself."""
    return hub() + url.removeprefix(HUB) if url.startswith(f"{HUB}/") else url


def _host(url: str) -> str:
    """The host of an address, for messages; the whole text where that is no address."""
    try:
        return urlsplit(url).netloc or url
    except ValueError:  # "http://["
        return url


def within(seconds: float, call: Callable[[], T]) -> T:
    """What `call` returns or raises; TimeoutError when it takes longer.

    A name look-up, a host with many dead addresses and a body that drips byte by byte have no limit of their
    own, so the call runs in a thread that is left behind.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(timeout=seconds)


def append(url: str, part: Path, size: int | None, show: Callable[[int], object]) -> None:
    """Ask for the bytes that `part` lacks and append them; `show` gets the length reached, again and again.

    A server that sends the whole file although only the rest was asked for is obeyed: `part` begins anew.
    Raises `Trouble`, `Refused`, and OSError where `part` cannot be written.
    """
    import requests

    have = part.stat().st_size if part.exists() else 0
    if size is not None and have >= size:
        return  # all of it is there, or too much: the comparison with the catalogue decides
    url = address(url)
    host = _host(url)
    # Not compressed: "from byte N on" must mean byte N of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        # Not closed here: that would wait for a read that hangs. The longer timeout ends most of those.
        timeout = 2 * SILENCE_SECONDS
        answer = within(
            SILENCE_SECONDS, lambda: requests.get(url, headers=headers, stream=True, timeout=timeout)
        )
        have = _agreed_start(answer, host, part, have, size)
        blocks = answer.iter_content(BLOCK)
        show(have)
        with part.open("ab" if have else "wb") as out:
            while block := within(SILENCE_SECONDS, lambda: next(blocks, b"")):
                out.write(block)
                have += len(block)
                show(have)
    except (TimeoutError, ValueError, requests.exceptions.RequestException) as error:
        raise explain(error, url, SILENCE_SECONDS) from None
    if size is not None and have < size:
        raise Trouble(f"the transfer from {host} broke off")


def explain(error: Exception, url: str, seconds: float) -> Trouble | Refused:
    """What an error of requests, or of `within`, means for somebody who asked for `url`, in one line.

    A proxy is named where one is in use, and HF_ENDPOINT where that is set. seconds: the limit on silence.
    """
    from requests import exceptions as raised

    host, proxy = _host(url), proxies.of(url)
    through = f" through {proxy}" if proxy else ""
    if isinstance(error, TimeoutError | raised.Timeout):
        return Trouble(f"{host} sent nothing for {seconds:g} seconds, or only drops{through}")
    if isinstance(error, raised.SSLError):
        own = "; a proxy with a certificate of its own needs REQUESTS_CA_BUNDLE" if proxy else ""
        return Trouble(
            f"no secure connection to {host}{through}; does this network want a log-in first?{own}"
        )
    if isinstance(error, raised.ChunkedEncodingError):
        return Trouble(f"the transfer from {host} broke off{through}")
    if isinstance(error, ValueError) and not (proxy and _is_address(url)):
        blamed = "; look at HF_ENDPOINT" if setting("HF_ENDPOINT") else ""
        return Refused(f"{url!r} is no address ({error}){blamed}")
    if proxy and isinstance(error, ValueError | raised.ConnectionError):
        reason, passing = proxies.trouble(proxy, error)
        return Trouble(reason) if passing else Refused(reason)
    if isinstance(error, raised.ConnectionError):
        return Trouble(f"no connection to {host}")
    return Trouble(f"the transfer from {host} failed ({type(error).__name__})")


def _is_address(url: str) -> bool:
    """Whether requests accepts `url`: with a scheme that it speaks, and a host."""
    import requests

    try:
        prepared = requests.Request("GET", url).prepare()
    except ValueError:
        return False
    return str(prepared.url).lower().startswith(("http://", "https://"))


def obstacle(url: str, seconds: float) -> str | None:
    """What keeps this machine from `url`, in one line, after at most `seconds`; None where it answers well."""
    import requests

    def ask() -> "Response":
        return requests.head(url, timeout=2 * seconds, allow_redirects=True)

    try:
        answer = within(seconds, ask)
    except (TimeoutError, ValueError, requests.exceptions.RequestException) as error:
        return str(explain(error, url, seconds))
    if answer.ok:
        return None
    reason = proxies.asks_for_a_password(answer.url, answer.status_code)
    return reason or f"it refused: {answer.status_code} {answer.reason}"


def _agreed_start(answer: "Response", host: str, part: Path, have: int, size: int | None) -> int:
    """The byte at which the answer's body begins: `have`, or 0 from a server that ignored the Range header.

    Raises `Trouble` or `Refused` for an answer that brings no part of the file.
    """
    status = answer.status_code
    if reason := proxies.asks_for_a_password(answer.url, status):
        raise Refused(reason)
    if status in PASSING or status >= 500:
        raise Trouble(f"{host} answered {status}", _asked_wait(answer.headers.get("Retry-After", "")))
    if status == 416:  # nothing there from this byte on: what is here cannot be a part of that file
        part.unlink()
        raise Trouble(f"{host} has a shorter file than the part that was here")
    if status not in (200, 206):
        raise Refused(f"{host} answered {status} to {answer.url}")
    start = have if status == 206 else 0
    length = answer.headers.get("Content-Length", "")
    if size is not None and length.isdigit() and start + int(length) != size:
        raise Trouble(
            f"what {host} sent is not the published file: {start + int(length):,} bytes instead of {size:,}; "
            "does this network want a log-in first?"
        )
    return start


def _asked_wait(header: str) -> float | None:
    """The seconds of a Retry-After header, which holds a number or a date; None where it holds neither."""
    if header.isdigit():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None
