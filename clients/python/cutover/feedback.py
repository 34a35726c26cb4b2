"""What became known of predictions: labels, rewards, values of metrics."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cutover.errors import CutoverError, NotCutover, Refused, Unreachable
from cutover.transport import json_of

if TYPE_CHECKING:
    from cutover.gateway import Gateway

#: What one request may hold.
ITEMS_MAX = 10_000
BATCH_BYTES_MAX = 8_000_000

_log = logging.getLogger("cutover")


@dataclass(frozen=True)
class Outcome:
    """`prediction` is the id that its answer carried. `row` is which row of a request with several. `at` is when it became known:
    a datetime with its zone, ISO 8601, or milliseconds since 1970; now by default. `id` makes it idempotent; without one
    it is made of prediction, row and content.
    """

    prediction: str
    label: str | float | bool | list[Any] | None = None
    row: int | None = None
    reward: float | None = None
    metrics: Mapping[str, float | bool] | None = None
    at: datetime | str | int | None = None
    id: str | None = None


def wire_of(outcome: Outcome | Mapping[str, Any]) -> dict[str, Any]:
    """As it is sent: what was not given is left out. Raises ValueError for a time without its zone."""
    given = dict(outcome) if isinstance(outcome, Mapping) else dict(vars(outcome))
    at = given.get("at")
    if isinstance(at, datetime):
        if at.utcoffset() is None:
            raise ValueError(f"at={at.isoformat()} says no zone; datetime.now(timezone.utc) does")
        given["at"] = at.isoformat()
    return {name: value for name, value in given.items() if value is not None}


def encoded(outcome: Outcome | Mapping[str, Any]) -> bytes:
    """Raises TypeError for a value that is no label, reward or value of a metric, ValueError for NaN and infinity."""
    return json_of(wire_of(outcome), _plain)


def bodies_of(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Bodies of requests that hold these outcomes, in order, and how many each holds."""
    batch: list[bytes] = []
    size = 0
    for piece in pieces:
        if batch and (len(batch) >= ITEMS_MAX or size + len(piece) + 2 > BATCH_BYTES_MAX):
            yield b"[" + b",".join(batch) + b"]", len(batch)
            batch, size = [], 0
        batch.append(piece)
        size += len(piece) + 1
    if batch:
        yield b"[" + b",".join(batch) + b"]", len(batch)


def _plain(value: Any) -> Any:
    """Elements of NumPy's arrays, as labels often are, are told as Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no label, reward or value of a metric")


class FeedbackSender:
    """Sends outcomes from a thread of its own, in batches, and again where the server is away.

    At most `queue_max` outcomes wait; past it the newest are dropped and counted. A batch goes out when `batch_max` wait, or
    `linger_s` seconds after its first. While the server is away or overloaded a batch is sent again, first after half a second and
    then less and less often, every 30 s at last: an outcome that was taken before is a duplicate and counts once. What the
    server refuses is counted, logged under the name `cutover`, and not sent again. Close it, or use it in a `with` block:
    what still waits is sent then, for `close_s` seconds at most. One that is still open when the interpreter ends is closed there.
    A process that was forked begins with nothing that waits: that is its parent's to send.

    `counts` says what became of them: joined, pending, duplicate, invalid, refused, dropped.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        batch_max: int = 1_000,
        linger_s: float = 1.0,
        queue_max: int = 100_000,
        close_s: float = 10.0,
    ) -> None:
        if not 1 <= batch_max <= ITEMS_MAX:
            raise ValueError(f"batch_max is 1 to {ITEMS_MAX}, not {batch_max!r}")
        if queue_max < 1:
            raise ValueError(f"queue_max is at least 1, not {queue_max!r}")
        self._gateway = gateway
        self._batch_max, self._linger_s = batch_max, linger_s
        self._queue_max, self._close_s = queue_max, close_s
        self._is_closing = False
        self._begin()
        _open.add(self)

    def _begin(self) -> None:
        self.counts: Counter[str] = Counter()
        self._queue: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._give_up_at_s = float("inf")
        # Taken from the queue, and not counted yet.
        self._under_way = 0
        self._has_given_up = False
        self._thread: threading.Thread | None = None

    def send(self, outcome: Outcome | Mapping[str, Any] | None = None, **of_one: Any) -> bool:
        """Never waits. False where the queue is full and the outcome was dropped. Raises ValueError once it is closed."""
        piece = encoded(Outcome(**of_one) if outcome is None else outcome)
        with self._changed:
            if self._is_closing:
                raise ValueError("the sender is closed")
            if len(self._queue) >= self._queue_max:
                self.counts["dropped"] += 1
                return False
            self._queue.append(piece)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cutover-feedback", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return True

    def close(self) -> None:
        """Sends what waits, for `close_s` seconds at most; what is left then is dropped and counted."""
        with self._changed:
            self._is_closing = True
            self._give_up_at_s = time.monotonic() + self._close_s
            self._changed.notify_all()
        _open.discard(self)
        if self._thread is not None:
            self._thread.join(self._close_s + 1.0)
        with self._changed:
            # A request that is not answered yet is as good as lost: the program may end before it is.
            left = len(self._queue) + self._under_way
            if left > 0:
                self.counts["dropped"] += left
            self._queue.clear()
            self._under_way, self._has_given_up = 0, True

    def __enter__(self) -> FeedbackSender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                # Each request by itself: what is refused of one is no reason to hold back another.
                for body, count in bodies_of(batch):
                    self._deliver(body, count)
        finally:
            self._gateway.close()

    def _next_batch(self) -> list[bytes]:
        """Waits for one; empty once it is closed and nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_closing)
            self._changed.wait_for(lambda: len(self._queue) >= self._batch_max or self._is_closing, self._linger_s)
            self._under_way = min(len(self._queue), self._batch_max)
            return [self._queue.popleft() for _ in range(self._under_way)]

    def _deliver(self, body: bytes, count: int) -> None:
        wait_s = 0.5
        while True:
            try:
                results = self._gateway.send_body(body)
            except CutoverError as error:
                if not _passes(error):
                    self._refuse(count, error)
                    return
                _log.warning("%d outcomes wait for the server: %s", count, error)
            except Exception as error:
                # Such as a key that no field can carry. Without its thread the sender would take outcomes and send none.
                self._refuse(count, error)
                return
            else:
                self._settle(count, Counter(result["status"] for result in results))
                return
            if not self._rest(wait_s):
                self._settle(count, {"dropped": count})
                return
            wait_s = min(2 * wait_s, 30.0)

    def _rest(self, wait_s: float) -> bool:
        """False where there is no time left to try again."""
        with self._changed:
            until_s = time.monotonic() + wait_s
            while (left_s := min(until_s, self._give_up_at_s) - time.monotonic()) > 0:
                self._changed.wait(left_s)
            return time.monotonic() < self._give_up_at_s

    def _settle(self, count: int, became: Mapping[str, int]) -> None:
        with self._changed:
            if not self._has_given_up:
                self.counts.update(became)
                self._under_way -= count

    def _refuse(self, count: int, error: Exception) -> None:
        self._settle(count, {"refused": count})
        _log.error("%d outcomes were refused: %s", count, error)


#: Senders that have not been closed.
_open: weakref.WeakSet[FeedbackSender] = weakref.WeakSet()


def _close_open() -> None:
    for sender in list(_open):
        sender.close()


def _begin_anew() -> None:
    for sender in list(_open):
        sender._begin()


atexit.register(_close_open)
if hasattr(os, "register_at_fork"):
    # No thread but the one that forked goes on in the child, and a lock may be held there by one that is gone.
    os.register_at_fork(after_in_child=_begin_anew)


def _passes(error: CutoverError) -> bool:
    return isinstance(error, (Unreachable, NotCutover)) or (isinstance(error, Refused) and error.status in (408, 429, 500, 502, 503, 504))
