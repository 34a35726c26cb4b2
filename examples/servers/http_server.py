"""A digit classifier behind plain HTTP, with nothing but the standard library (Python 3.9 or newer).

It answers two kinds of request with the same model, the nearest of the ten centroids in centroids.json:

  POST /predict                   {"image": [64 numbers]} -> {"label": 3, "scores": [10 numbers]}
  POST /v2/models/digits/infer    the Open Inference Protocol, input `image` FP32 [N, 64]

and says on GET /health and GET /v2/health/ready that it is ready. Flavours are ways to be a model server:

  good    right about nine times in ten.
  broken  divides pixels by 16 although the centroids were computed from raw pixels: wrong digits, status 200.
  slow    waits --delay-ms before each answer, as a server does that asks a slow dependency.
  crash   works, and after --crash-after predictions the process is gone without an answer.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple, cast

Json = Dict[str, Any]
Image = List[float]

MODEL_NAME = "digits"
PIXELS = 64
CLASSES = 10
PIXEL_ABS_MAX = 1e6
BODY_BYTES_MAX = 1_000_000
DISCARDED_BYTES_MAX = 10 * BODY_BYTES_MAX
SOCKET_TIMEOUT_SECONDS = 75
DRAIN_QUIET_SECONDS = 0.1
DRAIN_SECONDS_MAX = 10.0


class Rejected(Exception):
    """A request that gets an error answer. With `unread` its body is still on the connection, which must close."""

    def __init__(self, status: int, message: str, unread: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.unread = unread


@dataclass(frozen=True)
class NearestCentroid:
    centroids: list[Image]
    temperature: float
    pixel_factor: float = 1.0

    def scores(self, image: Image) -> list[float]:
        """Ten numbers that sum to one; a digit scores higher the nearer its centroid is."""
        pixels = [pixel * self.pixel_factor for pixel in image]
        distances = [squared_distance(pixels, centroid) for centroid in self.centroids]
        nearest = min(distances)
        weights = [math.exp((nearest - distance) / self.temperature) for distance in distances]
        total = sum(weights)
        return [weight / total for weight in weights]


def squared_distance(left: Image, right: Image) -> float:
    return sum((a - b) * (a - b) for a, b in zip(left, right))


def load_model(flavour: str) -> NearestCentroid:
    content = json.loads((Path(__file__).resolve().parent / "centroids.json").read_text(encoding="utf-8"))
    pixel_factor = 1 / 16 if flavour == "broken" else 1.0
    return NearestCentroid(content["centroids"], content["temperature"], pixel_factor)


def predict(model: NearestCentroid, body: Json) -> Json:
    if "image" not in body:
        raise Rejected(400, f'the body has no "image"; send {{"image": [{PIXELS} numbers]}}')
    scores = model.scores(image_from(body["image"], "image"))
    return {"label": label_of(scores), "scores": scores}


def infer(model: NearestCentroid, body: Json) -> Json:
    """The inference request of the Open Inference Protocol; tensor data may be flat or one list per image."""
    images = images_from(only_input(body))
    wanted = wanted_outputs(body)
    scores = [model.scores(image) for image in images]
    outputs = {
        "label": tensor("label", "INT64", [len(images)], [label_of(row) for row in scores]),
        "probabilities": tensor("probabilities", "FP32", [len(images), CLASSES], list(itertools.chain(*scores))),
    }
    answer: Json = {"model_name": MODEL_NAME, "outputs": [outputs[name] for name in wanted]}
    return {**answer, "id": body["id"]} if "id" in body else answer


def only_input(body: Json) -> Json:
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise Rejected(400, '"inputs" must be a list with exactly one tensor, "image"')
    only = cast(Json, inputs[0])
    if only.get("name") != "image":
        raise Rejected(400, f'unknown input {shown(only.get("name"))}; the model has one input, "image"')
    if only.get("datatype") != "FP32":
        raise Rejected(400, f'input "image" has datatype {shown(only.get("datatype"))}, expected FP32')
    return only


def images_from(image_input: Json) -> list[Image]:
    rows, data = row_count(image_input.get("shape")), image_input.get("data")
    if not isinstance(data, list):
        raise Rejected(400, 'input "image" needs "data", a list of numbers')
    if len(data) == rows * PIXELS and not isinstance(data[0], list):
        data = [data[start : start + PIXELS] for start in range(0, len(data), PIXELS)]
    if len(data) != rows:
        raise Rejected(400, f'input "image" has shape [{rows}, {PIXELS}] and data of another size')
    return [image_from(row, f'row {index} of input "image"') for index, row in enumerate(data)]


def row_count(shape: object) -> int:
    valid = isinstance(shape, list) and len(shape) == 2 and all(type(size) is int for size in shape)
    if not valid or cast(List[int], shape)[0] < 1 or cast(List[int], shape)[1] != PIXELS:
        raise Rejected(400, f'input "image" must have the shape [N, {PIXELS}] with N at least 1')
    return cast(List[int], shape)[0]


def wanted_outputs(body: Json) -> list[str]:
    known = ["label", "probabilities"]
    outputs = body.get("outputs", [{"name": name} for name in known])
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise Rejected(400, '"outputs" must be a list of objects with a "name"')
    names = [output.get("name") for output in outputs]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Rejected(400, f'unknown output {shown(unknown[0])}; the model has "label" and "probabilities"')
    return cast(List[str], names or known)


def image_from(value: object, where: str) -> Image:
    if not isinstance(value, list) or len(value) != PIXELS:
        size = f"a list of {len(value)}" if isinstance(value, list) else type(value).__name__
        raise Rejected(400, f"{where} must be a list of {PIXELS} numbers, got {size}")
    for index, pixel in enumerate(value):
        if type(pixel) not in (int, float) or not abs(pixel) <= PIXEL_ABS_MAX:
            raise Rejected(400, f"{where}: item {index} is not a number within +-{PIXEL_ABS_MAX:.0f}")
    return cast(Image, value)


def shown(value: object) -> str:
    """A name as error messages repeat it: short, whatever the client sent."""
    return f'"{value[:40]}"' if isinstance(value, str) else type(value).__name__


def label_of(scores: list[float]) -> int:
    return scores.index(max(scores))


def tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> Json:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


METADATA: Json = {
    "name": MODEL_NAME,
    "platform": "python_nearest_centroid",
    "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, PIXELS]}],
    "outputs": [
        {"name": "label", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, CLASSES]},
    ],
}

READING: dict[str, Json] = {
    "/health": {"ready": True},
    "/v2": {"name": "digits-example", "version": "1", "extensions": []},
    "/v2/health/live": {"live": True},
    "/v2/health/ready": {"live": True, "ready": True},
    f"/v2/models/{MODEL_NAME}": METADATA,
    f"/v2/models/{MODEL_NAME}/ready": {"name": MODEL_NAME, "ready": True},
}

PREDICTING: dict[str, Callable[[NearestCentroid, Json], Json]] = {
    "/predict": predict,
    f"/v2/models/{MODEL_NAME}/infer": infer,
}


class InFlight:
    """Counts requests between their first byte and the last byte of their answer."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait_until_none(self, timeout_seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, timeout_seconds)


class DigitServer(ThreadingHTTPServer):
    daemon_threads = True  # Idle keep-alive connections must not hold up the exit.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], model: NearestCentroid, before_prediction: Callable[[], None]) -> None:
        self.model = model
        self.before_prediction = before_prediction
        self.in_flight = InFlight()
        self.draining = False
        super().__init__(address, Handler)

    def drain(self) -> bool:
        """Takes no new connections and waits for the requests in flight; False when they took too long."""
        self.draining = True
        time.sleep(DRAIN_QUIET_SECONDS)  # Requests already on the wire still get in, and their answers say close.
        self.shutdown()
        self.server_close()
        return self.in_flight.wait_until_none(DRAIN_SECONDS_MAX)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Keep-alive: every answer carries a Content-Length.
    disable_nagle_algorithm = True
    wbufsize = -1  # Headers and body leave in one packet.
    timeout = SOCKET_TIMEOUT_SECONDS
    server: DigitServer

    def handle_one_request(self) -> None:
        try:
            if cast(BufferedReader, self.rfile).peek(1):
                with self.server.in_flight:
                    super().handle_one_request()
            else:
                self.close_connection = True
        except (ConnectionError, TimeoutError, OSError):
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def do_GET(self) -> None:
        self.answer(self.read_only)

    def do_POST(self) -> None:
        self.answer(self.predict)

    def answer(self, respond: Callable[[str, bytes], Tuple[int, Json]]) -> None:
        try:
            status, content = respond(self.path.split("?", 1)[0], self.read_body())
        except Rejected as rejected:
            self.close_connection = self.close_connection or rejected.unread
            status, content = rejected.status, {"error": str(rejected)}
        self.send_json(status, content)

    def read_only(self, path: str, _body: bytes) -> tuple[int, Json]:
        if path in PREDICTING:
            raise Rejected(405, f"{path} takes POST")
        if path not in READING:
            raise Rejected(404, not_found(path))
        if self.server.draining and path.endswith(("health", "ready")):
            return 503, {"ready": False, "error": "the server is shutting down"}
        return 200, READING[path]

    def predict(self, path: str, body: bytes) -> tuple[int, Json]:
        if path in READING:
            raise Rejected(405, f"{path} takes GET")
        if path not in PREDICTING:
            raise Rejected(404, not_found(path))
        content = parse_object(body)
        self.server.before_prediction()
        return 200, PREDICTING[path](self.server.model, content)

    def read_body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise Rejected(411, "send a Content-Length; chunked bodies are not supported", unread=True)
        declared = self.headers.get("Content-Length", "0")
        if not (declared.isascii() and declared.isdigit()):
            raise Rejected(400, "Content-Length is not a number", unread=True)
        if len(declared) > 12 or int(declared) > BODY_BYTES_MAX:
            self.discard(min(int(declared[:12]), DISCARDED_BYTES_MAX))
            raise Rejected(413, f"the body has more than {BODY_BYTES_MAX} bytes", unread=True)
        body = self.rfile.read(int(declared))
        if len(body) < int(declared):
            raise ConnectionAbortedError("the client left before its body was complete")
        return body

    def discard(self, size: int) -> None:
        """A client still sending when the connection closes would see a reset instead of its answer."""
        while size > 0 and (chunk := self.rfile.read(min(size, 65_536))):
            size -= len(chunk)

    def send_json(self, status: int, content: Json) -> None:
        payload = json.dumps(content, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        if self.close_connection or self.server.draining:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses by itself, such as an unknown method or an unreadable request line."""
        self.close_connection = True
        self.send_json(code, {"error": message or self.responses[code][0]})

    def log_message(self, *_: object) -> None:
        """Nothing: a line per request would be the slowest thing this server does."""


def parse_object(body: bytes) -> Json:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Rejected(400, "the body is not JSON") from None
    if not isinstance(content, dict):
        raise Rejected(400, "the body must be a JSON object")
    return content


def not_found(path: str) -> str:
    return f"nothing at {path[:100]}; there is {', '.join([*READING, *PREDICTING])}"


def behaviour_before_prediction(flavour: str, delay_ms: float, crash_after: int) -> Callable[[], None]:
    if flavour == "slow":
        return lambda: time.sleep(delay_ms / 1000)
    if flavour == "crash":
        return crash_when_over(crash_after)
    return lambda: None


def crash_when_over(crash_after: int) -> Callable[[], None]:
    predictions = itertools.count(1)

    def count_or_crash() -> None:
        if next(predictions) > crash_after:
            os._exit(1)  # As a segmentation fault or the out-of-memory killer would: no answer, no clean-up.

    return count_or_crash


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A digit classifier over HTTP, standard library only.")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 picks a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--flavour", choices=["good", "broken", "slow", "crash"], default="good")
    parser.add_argument("--delay-ms", type=float, default=40.0, help="flavour slow: wait before each answer")
    parser.add_argument("--crash-after", type=int, default=50, help="flavour crash: predictions until the process dies")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    behaviour = behaviour_before_prediction(chosen.flavour, chosen.delay_ms, chosen.crash_after)
    server = DigitServer((chosen.host, chosen.port), load_model(chosen.flavour), behaviour)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    print(f"listening on http://{chosen.host}:{server.server_port} ({chosen.flavour})", flush=True)
    stop.wait()
    sys.exit(0 if server.drain() else 1)


if __name__ == "__main__":
    main()
