"""The inference listener: models, and what became known of their answers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cutover.feedback import Outcome, bodies_of, encoded
from cutover.tensors import Inference, Tensor, outputs_of
from cutover.transport import Response, Transport, checked_seconds, json_of


@dataclass(frozen=True)
class Answer:
    """What a model server answered, byte by byte. `prediction` is the id to send feedback on; `headers` by names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def prediction(self) -> str:
        return self.headers.get("x-cutover-prediction-id", "")

    @property
    def version(self) -> str:
        return self.headers.get("x-cutover-version", "")

    @property
    def endpoint(self) -> str:
        return self.headers.get("x-cutover-endpoint", "")

    def json(self) -> Any:
        return json.loads(self.body)


class Gateway:
    """May be shared by threads; each keeps a connection of its own.

    `url` is `CUTOVER_INFERENCE` or http://127.0.0.1:8080 by default, `key` what `CUTOVER_API_KEY` says or the file that
    `CUTOVER_API_KEY_FILE` names. `timeout_s` is how long nothing may come, in seconds. `ca_file` is a PEM file of authorities.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        ca_file: str | None = None,
    ) -> None:
        address = url or os.environ.get("CUTOVER_INFERENCE") or "http://127.0.0.1:8080"
        self._transport = Transport(address, key=key, timeout_s=timeout_s, ca_file=ca_file)

    def call(
        self,
        endpoint: str,
        path: str = "/",
        body: Any = None,
        *,
        method: str = "POST",
        unit: str | None = None,
        version: str | None = None,
        prediction: str | None = None,
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
    ) -> Answer:
        """Asks an endpoint in whatever its model servers speak: `path` and `body` reach them as they are.

        `body` bytes are sent as they come, None is no body, and anything else as JSON. `unit` is who asks, and stays on its
        version. `version` pins one, where the endpoint allows it. `prediction` is an id of your own, by which a request that is
        sent twice is recorded once. `deadline_s` is how long you wait for the whole answer, in seconds; the model server is told
        what is left of it. Raises `Refused` and `Unreachable`.
        """
        sent, content_type = _content(body)
        own = _fields(content_type=content_type, unit=unit, version=version, prediction=prediction, deadline_s=deadline_s)
        rest = path if path.startswith(("/", "?")) else f"/{path}"
        where = f"/endpoints/{quote(endpoint, safe='')}{rest}"
        return _answer(self._ask(method, where, sent, own, headers, deadline_s))

    def infer(
        self,
        endpoint: str,
        inputs: Mapping[str, Any],
        *,
        outputs: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        unit: str | None = None,
        version: str | None = None,
        prediction: str | None = None,
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
    ) -> Inference:
        """Asks an endpoint by the Open Inference Protocol. `inputs` are lists, arrays or `Tensor`s by their names.

        `outputs` names those that are wanted, all by default. All else as in `call`.
        """
        body: dict[str, Any] = {"inputs": [Tensor.of(value).wire(name) for name, value in inputs.items()]}
        if outputs is not None:
            body["outputs"] = [{"name": name} for name in outputs]
        if parameters is not None:
            body["parameters"] = dict(parameters)
        sent, content_type = _content(body)
        own = _fields(content_type=content_type, unit=unit, version=version, prediction=prediction, deadline_s=deadline_s)
        response = self._ask("POST", f"/v2/models/{quote(endpoint, safe='')}/infer", sent, own, headers, deadline_s)
        answer = _answer(response)
        said = response.object(self._transport.url)
        return Inference(
            outputs_of(said), said.get("parameters", {}), answer.prediction, answer.version, answer.endpoint
        )

    def feedback(self, *outcomes: Outcome | Mapping[str, Any], **of_one: Any) -> list[dict[str, Any]]:
        """Sends what became known, in as many requests as it takes, and answers what became of each, in order.

        `feedback(prediction=…, label=…)` sends one. What is answered is on the server's disk. `status` is joined, pending,
        duplicate or invalid; an invalid one has a `detail`. Raises `Refused` where every item of a request is invalid.
        """
        given = [*outcomes, *([Outcome(**of_one)] if of_one else [])]
        if not given:
            raise ValueError("nothing to send: give outcomes, or prediction= and what became known")
        pieces = [encoded(one) for one in given]
        return [result for body, _ in bodies_of(pieces) for result in self.send_body(body)]

    def send_body(self, body: bytes) -> list[dict[str, Any]]:
        """The same of outcomes that are the body of one request already."""
        headers = {"content-type": "application/json"}
        # What was taken before counts once.
        response = self._transport.ask("POST", "/v1/feedback", headers=headers, body=body, repeatable=True)
        return response.object(self._transport.url, "results")["results"]

    def _ask(
        self,
        method: str,
        where: str,
        body: bytes | None,
        own: Mapping[str, str],
        given: Mapping[str, str] | None,
        deadline_s: float | None,
    ) -> Response:
        """Fields that the caller gives stand in place of our own of the same name."""
        headers = {**own, **{name.lower(): value for name, value in (given or {}).items()}}
        return self._transport.ask(method, where, headers=headers, body=body, timeout_s=_wait_s(deadline_s))

    def close(self) -> None:
        """Closes the connection of this thread."""
        self._transport.close()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _answer(response: Response) -> Answer:
    return Answer(response.status, response.headers, response.body)


def _content(body: Any) -> tuple[bytes | None, str | None]:
    if body is None:
        return None, None
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), None
    return json_of(body, _plain), "application/json"


def _plain(value: Any) -> Any:
    """Arrays and their elements, as NumPy has them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON; send lists, numbers and texts, or bytes")


def _fields(
    *,
    content_type: str | None,
    unit: str | None,
    version: str | None,
    prediction: str | None,
    deadline_s: float | None,
) -> dict[str, str]:
    if deadline_s is not None:
        checked_seconds("deadline_s", deadline_s)
    fields = {
        "content-type": content_type,
        "x-cutover-unit": unit,
        "x-cutover-version": version,
        "x-cutover-prediction-id": prediction,
        "x-request-timeout-ms": None if deadline_s is None else str(max(1, int(deadline_s * 1_000))),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _wait_s(deadline_s: float | None) -> float | None:
    """The gateway answers at the deadline; what it says of it must have time to arrive."""
    return None if deadline_s is None else deadline_s + 1.0
