"""The control listener: documents, releases, what was recorded. Answers are the API's own, as dictionaries."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from cutover.errors import CutoverError, Refused, Unreachable
from cutover.transport import Transport, json_of

#: Holds that end by themselves, as soon as the traffic, a signal, the calendar or the group is in order again.
PASSING_HOLDS = frozenset({"invalid", "signal", "freeze", "group"})

#: A server that stays away longer than this has not just been restarted.
AWAY_S_MAX = 60.0

#: How long to wait before a server that is away is asked again, at most.
RETRY_S_MAX = 1.0


class Control:
    """May be shared by threads. `url` is `CUTOVER_SERVER` or http://127.0.0.1:8081 by default; all else as of `Gateway`.

    `actor` is who is written down for what is done where the server asks for no keys.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        actor: str | None = None,
        timeout_s: float = 60.0,
        ca_file: str | None = None,
    ) -> None:
        address = url or os.environ.get("CUTOVER_SERVER") or "http://127.0.0.1:8081"
        self._transport = Transport(address, key=key, timeout_s=timeout_s, ca_file=ca_file)
        if actor is not None and re.fullmatch(r"[A-Za-z0-9_.:@+-]{1,100}", actor) is None:
            raise ValueError(f"actor={actor!r}: it is 1 to 100 letters, digits and any of _ . : @ + -; nightly-training is one")
        self._timeout_s = timeout_s
        self._actor = actor

    def apply(self, *documents: Mapping[str, Any], dry_run: bool = False) -> list[dict[str, Any]]:
        """Applies documents as their files have them (read YAML with a library of yours). All are checked before anything changes.

        Answers a change for each, in order. A release that the same document started before is not started again.
        """
        if not documents:
            raise ValueError("nothing to apply: give at least one document")
        return self._post("apply", list(documents), {"dryRun": dry_run})["changes"]

    def endpoints(self) -> list[dict[str, Any]]:
        return self._get("endpoints")["items"]

    def endpoint(self, name: str) -> dict[str, Any]:
        return self._get("endpoints", name)

    def versions(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        return self._get("versions", query={"endpoint": endpoint})["items"]

    def delete_endpoint(self, name: str) -> None:
        self._ask("DELETE", ["endpoints", name])

    def release(
        self,
        endpoint: str,
        *,
        to: str | None = None,
        strategy: str | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Starts a release: by one strategy with its defaults (canary if none is said), or by a Release document.

        Answers the release; its `id` is what all else is asked by.
        """
        if document is not None and strategy is not None:
            raise ValueError("a document has stages of its own: leave out strategy, or the document")
        said = {"endpoint": endpoint, "to": to, "strategy": strategy}
        given = {} if document is None else {"kind": "Release", **document}
        return self._post("releases", {**given, **{name: value for name, value in said.items() if value is not None}})

    def releases(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """The newest first."""
        return self._get("releases", query={"endpoint": endpoint})["items"]

    def status(self, release: str) -> dict[str, Any]:
        return self._get("releases", release)

    def explain(self, release: str) -> dict[str, Any]:
        """Every decision with the numbers that it rests on."""
        return self._get("releases", release, "explain")

    def promote(self, release: str, *, step: bool = False, note: str | None = None) -> dict[str, Any]:
        """To everybody at once; with `step` past the present step alone."""
        return self._verb(release, "promote", note, **({"step": True} if step else {}))

    def pause(self, release: str, *, note: str | None = None) -> dict[str, Any]:
        return self._verb(release, "pause", note)

    def resume(self, release: str, *, note: str | None = None) -> dict[str, Any]:
        return self._verb(release, "resume", note)

    def approve(self, release: str, *, note: str | None = None) -> dict[str, Any]:
        return self._verb(release, "approve", note)

    def abort(self, release: str, *, note: str | None = None) -> dict[str, Any]:
        return self._verb(release, "abort", note)

    def rollback(self, release: str, *, note: str | None = None) -> dict[str, Any]:
        return self._verb(release, "rollback", note)

    def wait(
        self,
        release: str,
        *,
        timeout_s: float | None = None,
        poll_s: float = 2.0,
        on_line: Callable[[str], object] | None = None,
    ) -> str:
        """Waits until the candidate serves everybody, is taken back, or a person is needed; hears of it within `poll_s` seconds.

        Answers promoted, rolled-back or holding, or timed-out after `timeout_s` seconds, with which the release goes on. A hold
        that ends by itself is waited out; probation is not, it may take hours. A server that is away for less than a minute is
        waited for. `on_line` is told each sentence of its story, once.
        """
        if not poll_s > 0:
            raise ValueError(f"poll_s is a number of seconds above 0, not {poll_s!r}")
        end_s = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        told: set[tuple[int, str]] = set()
        is_heard = False
        away_since_s: float | None = None
        while True:
            # Whoever asks for an end within a second is not kept waiting for an answer for a minute.
            patience_s = min(self._timeout_s, max(0.1, end_s - time.monotonic()))
            asked_s = time.monotonic()
            view = None
            try:
                view = self._ask("GET", ["releases", release], timeout_s=patience_s)
                is_heard, away_since_s = True, None
            except CutoverError as error:
                if time.monotonic() >= end_s and isinstance(error, Unreachable):
                    return "timed-out"
                away_since_s = asked_s if away_since_s is None else away_since_s
                if not _is_away(error) or not is_heard or time.monotonic() - away_since_s > AWAY_S_MAX:
                    raise
            if view is not None:
                for line in view["timeline"]:
                    key = (line["seq"], line["text"])
                    if on_line is not None and key not in told:
                        on_line(line["text"])
                    told.add(key)
                end = end_of(view)
                if end is not None:
                    return end
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return "timed-out"
            time.sleep(min(poll_s, left_s, poll_s if view is not None else RETRY_S_MAX))

    def predictions(
        self,
        endpoint: str | None = None,
        *,
        version: str | None = None,
        shadows: bool = False,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """The newest first, with what became known of each; at most 1,000."""
        query = {"endpoint": endpoint, "version": version, "shadows": shadows, "limit": limit}
        return self._get("predictions", query=query)["items"]

    def prediction(self, prediction: str) -> dict[str, Any]:
        """One prediction, with its bodies where they were kept."""
        return self._get("predictions", prediction)

    def summary(self, endpoint: str, by: str | Sequence[str] = ("version",)) -> list[dict[str, Any]]:
        """The whole recorded log of an endpoint, added up by version, epoch, release, hour or day."""
        return self._get("predictions", "summary", query={"endpoint": endpoint, "by": by if isinstance(by, str) else ",".join(by)})["items"]

    def advise(self, situation: Mapping[str, Any]) -> dict[str, Any]:
        """Every plan, ranked for a situation, with reasons and its release document."""
        return self._post("advise", dict(situation))

    def simulate(self, document: Mapping[str, Any], *, timeout_s: float = 600.0) -> dict[str, Any]:
        """A release in virtual time, many times over."""
        return self._post("simulate", dict(document), timeout_s=timeout_s)

    def close(self) -> None:
        """Closes the connection of this thread."""
        self._transport.close()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _verb(self, release: str, verb: str, note: str | None, **more: Any) -> dict[str, Any]:
        body = {**more, **({} if note is None else {"note": note})}
        return self._ask("POST", ["releases", release, verb], body=body)

    def _get(self, *parts: str, query: Mapping[str, Any] | None = None) -> Any:
        return self._ask("GET", parts, query=query)

    def _post(self, what: str, body: Any, query: Mapping[str, Any] | None = None, timeout_s: float | None = None) -> Any:
        return self._ask("POST", [what], query=query, body=body, timeout_s=timeout_s)

    def _ask(
        self,
        method: str,
        parts: Sequence[str],
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout_s: float | None = None,
    ) -> Any:
        path = "/api/v1/" + "/".join(quote(part, safe="") for part in parts)
        wanted = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        headers = {} if self._actor is None else {"x-cutover-actor": self._actor}
        if body is not None:
            headers["content-type"] = "application/json"
        response = self._transport.ask(
            method,
            f"{path}?{urlencode(wanted)}" if wanted else path,
            headers=headers,
            body=None if body is None else json_of(body),
            timeout_s=timeout_s,
            repeatable=method == "GET",
        )
        return None if response.status == 204 else response.object(self._transport.url)


def end_of(view: Mapping[str, Any]) -> str | None:
    """Of a release as the API tells it: how the wait for it ends; None while there is more to wait for."""
    if view["phase"] == "probation":
        return "promoted"
    hold = view["hold"]
    if view["state"] == "paused" or (hold is not None and hold["cause"] not in PASSING_HOLDS):
        return "holding"
    return view["state"] if view["state"] in ("promoted", "rolled-back") else None


def _is_away(error: CutoverError) -> bool:
    """What a restart looks like, to the server's own callers and to those behind a proxy."""
    return isinstance(error, Unreachable) or (isinstance(error, Refused) and error.status in (502, 503, 504))


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
