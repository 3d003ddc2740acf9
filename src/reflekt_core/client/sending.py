"""Taking the steps of a call, waiting for each."""

import threading
from collections.abc import Callable, Generator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx2

from reflekt_core.client.address import checked
from reflekt_core.client.exchange import Rest, Send, Show, Step
from reflekt_core.client.failures import Lost, Reply, ServiceFailed
from reflekt_core.errors import ConfigurationError, Unauthenticated
from reflekt_core.silence import silence

__all__ = ["TOO_LATE", "Common", "Sender", "Steps", "by_proxy", "lost", "no_cookies"]

Steps = Generator[Step, Any, Any]
Token = str | Callable[[], str] | None

_MOST_BYTES: Final = 32 * 1024 * 1024
"""The most of an answer that is read: a page ends at 4 MB, unless it is a single large record."""

TOO_LATE: Final = Lost("no answer came in time", sent=True)

_NEVER_SENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
"""What goes wrong before the first byte of a request is on its way."""


class Common:
    """What both senders know: where to send, and the token that was good last."""

    def __init__(self, base: str, token: Any, clock: Callable[[], float]) -> None:
        self.base = base
        self.clock = clock
        self.source = token
        self.token = checked(token) if isinstance(token, str) else None
        self.asking: object = None
        """Which thread or task asks for a token at the moment."""

    def held(self, refused: str | None) -> str | None:
        """Return the token at hand; None if a new one must be asked for."""
        if self.source is None:
            raise Unauthenticated("a token is needed: pass token=…, or what returns one")
        return self.token if self.token != refused or isinstance(self.source, str) else None

    def look(self, who: object) -> None:
        """
        Check that *who* asks for a token, and does not wait for their own answer.

        Raises:
            ConfigurationError: They do, and would for ever.
        """
        if self.asking == who:
            raise ConfigurationError("what returns the token must not use the client that needs it")

    def request(self, step: Send) -> dict[str, Any]:
        """Return what to send."""
        headers = {"Accept": "*/*", **step.asked.headers}
        if step.token is not None:
            headers["Authorization"] = f"Bearer {step.token}"
        return {
            "method": step.asked.operation.method,
            "url": self.base + step.asked.target,
            "headers": headers,
            "content": step.asked.body,
            "timeout": step.timeout,
            "follow_redirects": False,
        }

    def take_in(self, response: httpx2.Response, chunk: bytes, body: bytearray, by: float) -> None:
        """Add *chunk* of *response* to *body*, which must have ended *by* a time, and has a limit."""
        body += chunk
        if len(body) > _MOST_BYTES:
            said = "the answer is larger than any of this API"
            raise ServiceFailed(said, status=response.status_code)
        if self.clock() > by:
            raise httpx2.ReadTimeout("the time for the call is over")


class Sender:
    """Takes steps, and waits for each. Any thread may use it."""

    def __init__(
        self,
        base: str,
        transport: httpx2.BaseTransport | None,
        token: Token,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        self.http = httpx2.Client(
            transport=transport, trust_env=by_proxy(base), cookies=no_cookies()
        )
        self._common = Common(base, token, clock)
        self._sleep = sleep
        self._lock = threading.Lock()

    def run(self, steps: Steps) -> Any:
        """Take every step, and return what they end with."""
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = self._take(step)

    def _take(self, step: Step) -> Any:
        match step:
            case Send():
                return self._send(step)
            case Rest():
                return self._sleep(step.seconds)
            case Show():
                return self._token(step.refused)

    def _token(self, refused: str | None) -> str:
        self._common.look(me := threading.get_ident())
        with self._lock:  # who waits here finds the token that another thread was given
            held = self._common.held(refused)
            if held is None:
                self._common.asking = me
                try:
                    held = self._common.token = checked(self._common.source())
                finally:
                    self._common.asking = None
        return held

    def _send(self, step: Send) -> Reply | Lost:
        body = bytearray()
        try:
            with silence(), self.http.stream(**self._common.request(step)) as response:
                for chunk in response.iter_bytes():
                    self._common.take_in(response, chunk, body, step.ends_at)
        except httpx2.RequestError as error:
            return lost(error)
        return Reply(response.status_code, response.headers, bytes(body))


def by_proxy(base: str) -> bool:
    """Tell whether a proxy of the environment may pass requests on: one that cannot read them."""
    return base.startswith("https:")


def no_cookies() -> CookieJar:
    """Return a jar that takes none: a call knows nothing of the one before."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def lost(error: httpx2.RequestError) -> Lost:
    """Return what *error* means: that there is no answer, and whether the request got away."""
    if isinstance(error, _NEVER_SENT):
        # What these say is of names and connections alone.
        return Lost(f"the service cannot be reached ({str(error) or 'in time'})", sent=False)
    if isinstance(error, httpx2.TimeoutException):
        return TOO_LATE
    return Lost(f"the answer was lost ({type(error).__name__})", sent=True)
