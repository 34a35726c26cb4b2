"""Requests to one server over connections that are kept, one for each thread."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cutover.errors import NotCutover, Refused, Unreachable

#: The server closes a connection that rests for 65 s; one that it is about to close must not be used.
REST_S_MAX = 30.0

#: What timers of the system can hold, with room: a year.
TIMEOUT_S_MAX = 31_536_000.0


@dataclass(frozen=True)
class Response:
    """`headers` by their names in lower case; of a field that came twice the values are joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def object(self, url: str, *names: str) -> dict[str, Any]:
        """The body, an object with these members. Raises `NotCutover` for anything else."""
        try:
            said = json.loads(self.body)
        except ValueError:
            said = None
        if self.status < 300 and isinstance(said, dict) and all(name in said for name in names):
            return said
        shown = self.headers.get("location") or self.body[:100].decode("utf-8", "replace") or "nothing"
        raise NotCutover(f"{url} answers, but not as Cutover does (status {self.status}): {shown}")


class Transport:
    """May be shared by threads. `key` None: what `CUTOVER_API_KEY` or the file of `CUTOVER_API_KEY_FILE` says, if anything."""

    def __init__(self, url: str, *, key: str | None, timeout_s: float, ca_file: str | None) -> None:
        parts = urlsplit(url)
        if not _is_address(parts):
            raise ValueError(f"{url!r} is not the address of a server; http://127.0.0.1:8080 is one")
        checked_seconds("timeout_s", timeout_s)
        self.url = url.rstrip("/")
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/")
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._timeout_s = timeout_s
        self._key = key if key is not None else _key_of_environment()
        self._local = threading.local()

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_s: float | None = None,
        repeatable: bool = False,
    ) -> Response:
        """Raises `Refused` for a status of 400 or above, `Unreachable` where no answer came.

        What is `repeatable` is sent once more where a kept connection turns out to be closed.
        """
        wait_s = self._timeout_s if timeout_s is None else timeout_s
        sent = {"accept": "*/*", **({"authorization": f"Bearer {self._key}"} if self._key else {}), **headers}
        is_kept = self._connection(wait_s).sock is not None
        try:
            response = self._once(method, path, body, sent, wait_s)
        except _Broken as broken:
            if not (is_kept and repeatable and isinstance(broken.__cause__, ConnectionError)):
                raise self._unreachable(method, path, broken, wait_s) from broken.__cause__
            try:
                response = self._once(method, path, body, sent, wait_s)
            except _Broken as again:
                raise self._unreachable(method, path, again, wait_s) from again.__cause__
        if response.status >= 400:
            raise Refused(response.status, response.headers, response.body)
        return response

    def close(self) -> None:
        """Closes the connection of this thread; those of others close when their threads end."""
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float
    ) -> Response:
        connection = self._connection(timeout_s)
        is_whole = False
        try:
            connection.request(method, self._path + path, body=body, headers=_sendable(headers))
            answer = connection.getresponse()
            content = answer.read()
            is_whole = not answer.will_close
        except http.client.InvalidURL as error:
            raise ValueError(f"{path!r} is no path of a request: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            raise _Broken from error
        finally:
            # Nothing more can be asked on a connection that stopped midway.
            if not is_whole:
                self.close()
        self._local.used_at_s = time.monotonic()
        fields: dict[str, str] = {}
        for name, value in answer.getheaders():
            lower = name.lower()
            fields[lower] = f"{fields[lower]}, {value}" if lower in fields else value
        return Response(answer.status, fields, content)

    def _unreachable(self, method: str, path: str, broken: _Broken, timeout_s: float) -> Unreachable:
        return Unreachable(f"no answer from {self.url} to {method} {path}: {_reason(broken.__cause__, timeout_s)}")

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        # A process that was forked has its parent's connections, on which each would read the other's answers.
        is_inherited = connection is not None and self._local.pid != os.getpid()
        if connection is not None and (is_inherited or time.monotonic() - self._local.used_at_s > REST_S_MAX):
            self.close()
            connection = None
        if connection is None:
            connection = (
                http.client.HTTPConnection(self._host, self._port)
                if self._tls is None
                else http.client.HTTPSConnection(self._host, self._port, context=self._tls)
            )
            self._local.connection = connection
            self._local.pid = os.getpid()
            self._local.used_at_s = time.monotonic()
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        return connection


def _is_address(parts: SplitResult) -> bool:
    try:
        _ = parts.port
    except ValueError:
        return False
    is_plain = all(" " < character < "\x7f" for character in parts.netloc + parts.path) and "@" not in parts.netloc
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_plain and not (parts.query or parts.fragment)


def checked_seconds(name: str, value: float) -> None:
    if not 0 < value <= TIMEOUT_S_MAX:
        raise ValueError(f"{name} is a number of seconds above 0, {TIMEOUT_S_MAX:.0f} at most, not {value!r}")


def json_of(value: Any, plain: Callable[[Any], Any] | None = None) -> bytes:
    """Raises ValueError for what JSON has no word for: others would refuse all that stands beside it."""
    try:
        return json.dumps(value, default=plain, allow_nan=False).encode()
    except ValueError as error:
        if "JSON compliant" not in str(error):
            raise
        raise ValueError("NaN and infinity cannot be sent: JSON has no word for them; leave them out, or send None") from error


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if isinstance(value, str) and any(ord(character) > 255 for character in value):
            # A key is not shown: errors end up in logs.
            shown = "" if name == "authorization" else f" {value!r}"
            raise ValueError(f"{name}{shown} has characters that a field of a request cannot carry; urllib.parse.quote() writes them in ASCII")
    return dict(headers)


class _Broken(Exception):
    """No whole answer came; its cause says why."""


def _reason(error: BaseException | None, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came for {timeout_s:g} s"
    return str(error) or type(error).__name__


def _key_of_environment() -> str | None:
    key = os.environ.get("CUTOVER_API_KEY")
    file = os.environ.get("CUTOVER_API_KEY_FILE")
    if key or not file:
        return key or None
    with open(file, encoding="utf-8") as opened:
        return opened.read().strip()
