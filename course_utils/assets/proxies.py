"""The proxy that stands between this machine and a server, and what its failures mean.

Proxies come from environment variables (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY; NO_PROXY takes hosts out), or on macOS and
Windows from the system's settings. requests reads both; this module only says which of them it was.
"""

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Proxy:
    """A proxy in use. `source`: the environment variable that names it, or "" for the system's settings."""

    address: str
    source: str

    def __str__(self) -> str:
        """For messages: without the name and the password, which a screen that is passed on must not show."""
        shown = re.sub(r"^([\w+.-]+://)?.*@", r"\1***@", self.address)
        return f"the proxy {shown} ({self.source or 'system settings'})"

    @property
    def remedy(self) -> str:
        """What to do about a proxy that does not work."""
        return f"correct or remove {self.source}" if self.source else "correct it in the system's settings"


def of(url: str) -> Proxy | None:
    """The proxy through which requests asks for `url`; None where it asks directly, or `url` is no address."""
    from requests.utils import get_environ_proxies, select_proxy

    try:
        proxies = get_environ_proxies(url)
        address = select_proxy(url, proxies)
    except ValueError:
        return None
    if not address:
        return None
    key = urlsplit(url).scheme if proxies.get(urlsplit(url).scheme) == address else "all"
    named = (name for name in os.environ if name.lower() == f"{key}_proxy" and os.environ[name] == address)
    return Proxy(address, next(named, ""))


def trouble(proxy: Proxy, error: Exception) -> tuple[str, bool]:
    """What went wrong at the proxy, with the remedy; and whether another attempt is worth while.

    error: what requests raised for an address that is in order.
    """
    from requests.exceptions import ProxyError

    if "SOCKS support" in str(error):
        package = "needs a package that is missing: python -m pip install pysocks"
        return f"{proxy} {package}; or {proxy.remedy}", False
    if isinstance(error, ValueError):
        return f"{proxy} is no address of the form http://HOST:PORT; {proxy.remedy}", False
    if answer := re.search(r"Tunnel connection failed: (\d+)", str(error)):
        return _refusal(proxy, int(answer[1]))
    way = "to" if isinstance(error, ProxyError) else "through"
    return f"no connection {way} {proxy}; {proxy.remedy}", True


def asks_for_a_password(url: str, status: int) -> str | None:
    """The same for an answer that came without an error: over plain http, a proxy's own looks like the server's.

    None where the status is not the 407 of a proxy.
    """
    proxy = of(url) if status == 407 else None
    return _refusal(proxy, status)[0] if proxy else None


def _refusal(proxy: Proxy, status: int) -> tuple[str, bool]:
    if status == 407:
        where = f"in {proxy.source}, http://NAME:PASSWORD@HOST:PORT" if proxy.source else proxy.remedy
        return f"{proxy} answered 407: it wants a name and a password ({where})", False
    return f"{proxy} answered {status}; {proxy.remedy}", status >= 500
