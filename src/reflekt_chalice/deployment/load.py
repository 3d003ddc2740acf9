"""A load test: many requests at once, reads and writes mixed, as somebody who does not exist."""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import attrs

from reflekt_chalice.deployment.connection import Connection
from reflekt_chalice.deployment.failures import DeploymentError, Unreachable

__all__ = ["MIX", "Load", "Result", "Sample", "figures", "load"]

MIX: Final[tuple[str, ...]] = (
    "create", "get", "list", "get", "search", "update", "list", "get", "create", "trends",
)  # fmt: skip
"""What ten requests in a row are: three that write, and seven that read."""

_NO_ANSWER: Final = 0
_CREATED: Final = 201
_ERASED: Final = (202, 401)
_FIRST_ENTRIES: Final = 5
_TEXT: Final = (
    "A morning at the sea, with a strong wind and nobody else there. I wrote for an hour about the "
    "week: what went well, what did not, and what I would like to do next. "
)


@attrs.frozen(kw_only=True)
class Load:
    """How many requests to send in all, how many at once, where, and as whom."""

    url: str
    token: str = attrs.field(repr=False)
    user: str
    throwaway: bool
    requests: int
    concurrency: int


@attrs.frozen
class Sample:
    """One request: what it was, its status (0: no answer), and how long it took."""

    kind: str
    status: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it did what it should."""
        return 200 <= self.status < 300  # noqa: PLR2004 - what HTTP calls successful


@attrs.frozen
class Result:
    """What came of a load test that took *seconds*."""

    samples: tuple[Sample, ...]
    seconds: float
    concurrency: int

    @property
    def throughput(self) -> float:
        """Good answers a second."""
        return len(self.good) / self.seconds if self.seconds else 0.0

    @property
    def good(self) -> tuple[float, ...]:
        """How many seconds good answers took, the fastest first."""
        return tuple(sorted(sample.seconds for sample in self.samples if sample.ok))

    @property
    def statuses(self) -> Mapping[int, int]:
        """How many answers had which status; 0 is no answer."""
        return dict(sorted(Counter(sample.status for sample in self.samples).items()))

    @property
    def failed_share(self) -> float:
        """The share of requests that did not do what they should."""
        return 1 - len(self.good) / len(self.samples) if self.samples else 0.0

    def percentile(self, percent: float, kind: str | None = None) -> float | None:
        """
        Return the seconds within which *percent* of the good answers came; None if there are none.

        By nearest rank: it is always a time that was measured.
        """
        times = sorted(
            sample.seconds for sample in self.samples if sample.ok and kind in (None, sample.kind)
        )
        if not times:
            return None
        rank = max(1, -(-len(times) * percent // 100))
        return times[int(rank) - 1]

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of requests, in the order of the alphabet."""
        return tuple(sorted({sample.kind for sample in self.samples}))


def figures(result: Result) -> dict[str, Any]:
    """Return the figures of *result*, as plain data; times in milliseconds."""

    def times(kind: str | None) -> dict[str, float | None]:
        found = {f"p{percent}": result.percentile(percent, kind) for percent in (50, 90, 99)}
        found["max"] = result.percentile(100, kind)
        return {name: None if one is None else round(one * 1000, 3) for name, one in found.items()}

    return {
        "requests": len(result.samples),
        "concurrency": result.concurrency,
        "seconds": round(result.seconds, 3),
        "good_answers_per_second": round(result.throughput, 2),
        "statuses": {str(status or "none"): n for status, n in result.statuses.items()},
        "milliseconds": {"all": times(None)} | {kind: times(kind) for kind in result.kinds()},
    }


def load(
    plan: Load,
    *,
    tell: Callable[[Sample], None] = lambda _: None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Result:
    """
    Return what came of the load that *plan* describes. What it wrote is put away.

    Raises:
        Unreachable: Nobody answers.
        DeploymentError: The token is not accepted.
    """
    with Connection(plan.url, connections=plan.concurrency) as connection:
        writer = _Writer(connection, plan.token)
        writer.begin()
        try:
            begun = monotonic()
            with ThreadPoolExecutor(max_workers=plan.concurrency) as pool:
                futures = [pool.submit(_sampled, writer, n, tell) for n in range(plan.requests)]
                try:
                    samples = tuple(future.result() for future in futures)
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
            seconds = monotonic() - begun
        finally:
            writer.put_away(plan)
    return Result(samples, seconds, plan.concurrency)


def _sampled(writer: "_Writer", number: int, tell: Callable[[Sample], None]) -> Sample:
    kind = MIX[number % len(MIX)]
    begun = time.monotonic()
    try:
        status = writer.send(kind)
    except Unreachable:
        status = _NO_ANSWER
    sample = Sample(kind, status, time.monotonic() - begun)
    tell(sample)
    return sample


class _Writer:
    """Sends each kind of request, about entries that it wrote itself."""

    def __init__(self, connection: Connection, token: str) -> None:
        self._connection = connection
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "*/*"}
        self._ids: list[str] = []
        self._lock = threading.Lock()
        self._turn = itertools.count()

    def begin(self) -> None:
        """Write the first entries, which there must be to read."""
        for _ in range(_FIRST_ENTRIES):
            status = self.send("create")
            if status != _CREATED:
                raise DeploymentError(
                    f"an entry cannot be written ({status}): is the token good for it?"
                )

    def send(self, kind: str) -> int:
        """Send a request and return its status."""
        match kind:
            case "create":
                return self._create()
            case "get":
                return self._ask("GET", f"/entries/{self._some()}")
            case "list":
                return self._ask("GET", "/entries", query=(("limit", "20"),))
            case "search":
                return self._ask("GET", "/entries/search", query=(("q", "sea wind"),))
            case "update":
                return self._ask("PATCH", f"/entries/{self._some()}", {"starred": True})
            case _:
                return self._ask("GET", "/analytics/trends")

    def _create(self) -> int:
        body = json.dumps({"content": _TEXT * 4, "tags": ["load"]}).encode()
        sent = self._headers | {"Content-Type": "application/json"}
        reply = self._connection.send("POST", "/entries", headers=sent, body=body)
        if reply.status == _CREATED:
            with self._lock:
                self._ids.append(json.loads(reply.body)["id"])
        return reply.status

    def _some(self) -> str:
        with self._lock:
            return self._ids[next(self._turn) % len(self._ids)]

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> int:
        sent = dict(self._headers)
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        return self._connection.send(method, path, query=query, headers=sent, body=content).status

    def put_away(self, plan: Load) -> None:
        """Delete what was written: the account of somebody who does not exist, else each entry."""
        if plan.throwaway and self._ask("DELETE", "/account", {"confirm": plan.user}) in _ERASED:
            return
        for id in self._ids:
            self._ask("DELETE", f"/entries/{id}", query=(("permanent", "true"),))
