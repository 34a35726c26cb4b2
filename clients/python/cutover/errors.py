"""What can go wrong between a caller and Cutover."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class CutoverError(Exception):
    """Of everything that this package raises but mistakes of its caller (`ValueError`, `TypeError`)."""


class NotCutover(CutoverError):
    """Something answered, and not as Cutover does: another server at that address, or a proxy on the way."""


class Unreachable(CutoverError):
    """No answer came: nobody listens, the connection broke, or the time was over. Whether the request was served is not known."""


class Refused(CutoverError):
    """An answer with a status of 400 or above, by Cutover or by the model server behind it.

    `status` is the HTTP status; `code` is Cutover's stable code of the error, or None where the protocol of the path has no
    place for it; `problems` says what is wrong with an input, with its path and what is allowed; `retry_after_s` is when to come
    back, in seconds, where the server says so; `headers` and `body` are the answer's own.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        said = _parsed(body)
        code, problems = said.get("code"), said.get("problems")
        self.code: str | None = code if isinstance(code, str) else None
        self.problems: list[dict[str, Any]] = problems if isinstance(problems, list) else []
        retry_after = headers.get("retry-after", "")
        self.retry_after_s: int | None = int(retry_after) if retry_after.isdigit() else None
        super().__init__(_sentence(status, said, self.problems, body))


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _sentence(status: int, said: dict[str, Any], problems: list[dict[str, Any]], body: bytes) -> str:
    """A problem document, `{"error": "…"}` of the Open Inference Protocol, or `{"error": {"message": "…"}}` of OpenAI's clients."""
    error = said.get("error")
    detail = said.get("detail") or (error.get("message") if isinstance(error, dict) else error)
    if not isinstance(detail, str):
        detail = body[:200].decode("utf-8", "replace") or "no reason was given"
    lines = [f"{status}: {detail}"]
    for problem in problems:
        allowed = problem.get("allowed")
        choice = f"; allowed: {', '.join(map(str, allowed))}" if isinstance(allowed, list) else ""
        lines.append(f"  {problem.get('path') or 'it'} {problem.get('message', '')}{choice}")
    return "\n".join(lines)
