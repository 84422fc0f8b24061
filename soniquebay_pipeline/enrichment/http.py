"""GET from hosts that are not trusted: everything is bounded.

Here: which hosts and addresses may be asked, redirects, one deadline for the whole call, the size of what comes back;
and what all clients say and understand alike: who asks, Retry-After, 429 and 5xx.
Not here: how often (``gateway``), what an answer means (clients).

The guard sits below HTTP, at the socket: a name is resolved once, its addresses are checked, and the connection goes
to the address that was checked, so a name that changes its address in between gains nothing. Every read gets what
is left until the deadline, so a server that sends a byte now and then can't stretch a call.
"""

from __future__ import annotations

import email.utils
import functools
import importlib.metadata
import ipaddress
import socket
import threading
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import httpcore2

from soniquebay_pipeline.enrichment.provider import ProviderFailure

MAX_REDIRECTS = 5
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Response:
    """What came back after redirects, whatever its status."""

    status: int
    content_type: str
    """Lower case, without parameters; empty where the server named none."""
    body: bytes
    url: str
    """Where it came from in the end."""
    retry_after: float | None = None
    """Seconds that the service asks to wait."""


def fetch_bytes(
    url: str,
    *,
    allowed_hosts: Sequence[str],
    max_bytes: int,
    user_agent: str,
    timeout_seconds: float = 10.0,
    accept: str = "*/*",
) -> Response:
    """GET ``url``, following redirects to allowed hosts.

    ``allowed_hosts`` are names (``coverartarchive.org``), domains (``*.archive.org``: every host below it, and
    itself), both with public addresses on the ports 80 and 443 only, or ``host:port``, which may have any address.
    ``max_bytes`` bounds the body as it was sent and as it is decompressed.

    Raises ProviderFailure: timeout, refused (no connection), invalid_answer (not HTTP, cut short, an unknown encoding),
    too_large, forbidden (a host, address or scheme that is not allowed, or too many redirects).
    """
    deadline = time.monotonic() + timeout_seconds
    headers = [
        ("User-Agent", user_agent),
        ("Accept", accept),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    for _ in range(MAX_REDIRECTS + 1):
        parts = _checked(url, allowed_hosts)
        backend = _GuardedBackend(deadline, any_address=_is_listed_with_port(parts, allowed_hosts))
        try:
            location, response = _get(parts, url, headers, backend, max_bytes)
        except httpcore2.TimeoutException as error:
            raise ProviderFailure("timeout", f"{parts.hostname}: nothing within {timeout_seconds:g} s") from error
        except httpcore2.ConnectError as error:
            raise ProviderFailure("refused", f"{parts.hostname}: {error}") from error
        except httpcore2.NetworkError as error:
            raise ProviderFailure("refused", f"{parts.hostname}: the connection broke ({error})") from error
        except (httpcore2.ProtocolError, zlib.error) as error:
            raise ProviderFailure("invalid_answer", f"{parts.hostname}: {error}") from error
        if response is not None:
            return response
        url = _joined(url, location)
    raise ProviderFailure("forbidden", f"more than {MAX_REDIRECTS} redirects")


def _get(
    parts: SplitResult, url: str, headers: list[tuple[str, str]], backend: _GuardedBackend, max_bytes: int
) -> tuple[str, Response | None]:
    """(location, None) for a redirect, else ("", response)."""
    context = _ssl_context() if parts.scheme == "https" else None
    with (
        httpcore2.ConnectionPool(ssl_context=context, network_backend=backend, max_connections=1) as pool,
        pool.stream("GET", _ascii(url), headers=headers) as answer,
    ):
        fields = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
        location = fields.get("location", "")
        if answer.status in (301, 302, 303, 307, 308) and location:
            return location, None
        body = _read(answer.iter_stream(), fields, max_bytes)
        content_type = fields.get("content-type", "").partition(";")[0].strip().lower()
        return "", Response(answer.status, content_type, body, url, retry_after(fields.get("retry-after")))


def _read(chunks: Iterable[bytes], fields: dict[str, str], max_bytes: int) -> bytes:
    declared = fields.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > max_bytes:
        raise ProviderFailure("too_large", f"{declared[:20]} bytes; {max_bytes} are allowed")
    encoding = fields.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise ProviderFailure("invalid_answer", f"content encoding {encoding[:50]!r}, which was not asked for")
    unpack = zlib.decompressobj(wbits=47) if encoding not in ("", "identity") else None
    body, received = bytearray(), 0
    for chunk in chunks:
        received += len(chunk)
        # At most one byte over the limit is unpacked, so a bomb costs nothing.
        body += chunk if unpack is None else unpack.decompress(chunk, max_bytes + 1 - len(body))
        if max(received, len(body)) > max_bytes:
            raise ProviderFailure("too_large", f"more than {max_bytes} bytes")
    if unpack is not None and received and not unpack.eof:
        raise ProviderFailure("invalid_answer", "the compressed body is cut short")
    return bytes(body)


def user_agent(contact: str = "") -> str:
    """``soniquebay-pipeline/<version> (<contact>)``: MusicBrainz asks for a way to reach who runs a program."""
    try:
        name = f"soniquebay-pipeline/{importlib.metadata.version('soniquebay-pipeline')}"
    except importlib.metadata.PackageNotFoundError:
        name = "soniquebay-pipeline"
    return f"{name} ({contact})" if contact else name


def raise_unanswered(status: int, seconds: float | None) -> None:
    """Raise ProviderFailure for 429 and 5xx: the service can't answer now, and asks to wait so many seconds."""
    if status == 429:
        raise ProviderFailure("rate_limited", "HTTP 429", retry_after=seconds)
    if status >= 500:
        raise ProviderFailure("server_error", f"HTTP {status}", retry_after=seconds)


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or an HTTP date; None where it is neither."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise ProviderFailure("forbidden", f"a redirect to no URL: {_shown(location)}") from error


def _shown(url: str) -> str:
    """The URL for a message: without its query, which may hold a key."""
    return repr(url.partition("?")[0][:200])


def _checked(url: str, allowed_hosts: Sequence[str]) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise ProviderFailure("forbidden", f"no URL: {_shown(url)}") from error
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise ProviderFailure("forbidden", f"not a plain http or https URL: {_shown(url)}")
    listed = port in (80, 443) and any(_matches(host, entry) for entry in allowed_hosts if not _has_port(entry))
    if not listed and not _is_listed_with_port(parts, allowed_hosts):
        raise ProviderFailure("forbidden", f"{host}:{port} is not among the allowed hosts")
    return parts


def _has_port(entry: str) -> bool:
    return entry.rpartition(":")[2].isdigit()


def _is_listed_with_port(parts: SplitResult, allowed_hosts: Sequence[str]) -> bool:
    host = parts.hostname or ""
    address = f"[{host}]" if ":" in host else host
    return f"{address}:{parts.port or (443 if parts.scheme == 'https' else 80)}" in allowed_hosts


def _matches(host: str, entry: str) -> bool:
    domain = entry.removeprefix("*.").lower()
    return host == domain or (entry.startswith("*.") and host.endswith("." + domain))


def _ascii(url: str) -> str:
    """Spaces and letters beyond ASCII percent-encoded; what is encoded already stays."""
    return quote(url.partition("#")[0], safe="%/:?&=+,;@!$'()*[]~-._")


@functools.lru_cache(maxsize=1)
def _ssl_context() -> Any:
    return httpcore2.default_ssl_context()


def _is_public(address: str) -> bool:
    """Whether the address is of the internet: not this machine, not this network, not a wrapping of one of those."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):  # NAT64
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


class _GuardedBackend(httpcore2.NetworkBackend):
    """Connects to addresses that may be asked, and ends everything at the deadline."""

    def __init__(self, deadline: float, *, any_address: bool) -> None:
        self._deadline = deadline
        self._any_address = any_address
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.NetworkStream:
        addresses = _resolve(host, port, _left(self._deadline, httpcore2.ConnectTimeout))
        allowed = [each for each in addresses if self._any_address or _is_public(each)]
        if not allowed:
            raise ProviderFailure("forbidden", f"{host} is at {', '.join(addresses[:3])}, no address of the internet")
        last: Exception | None = None
        for address in allowed[:4]:
            seconds = _left(self._deadline, httpcore2.ConnectTimeout)
            try:
                stream = self._sockets.connect_tcp(address, port, seconds, local_address, socket_options)
                return _DeadlineStream(stream, self._deadline)
            except httpcore2.ConnectError as error:
                last = error
        raise last or httpcore2.ConnectError(f"{host} has no address")


class _DeadlineStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = _left(self._deadline, httpcore2.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, timeout: type[httpcore2.TimeoutException]) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise timeout("the deadline has passed")
    return seconds


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """Addresses of a host. In a thread, because the resolver has no time limit that could be set."""
    found: list[str] = []
    failure: list[OSError | UnicodeError] = []

    def look_up() -> None:
        try:
            found.extend(str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failure.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise httpcore2.ConnectTimeout(f"{host} was not resolved")
    if failure:
        raise httpcore2.ConnectError(f"{host} was not resolved: {failure[0]}")
    return list(dict.fromkeys(found))
