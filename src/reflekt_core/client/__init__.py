"""
The HTTP client: a journal on another machine, used as one in this program.

`client.entries.create(…)` is `reflekt.entries.create(…)`, sent to a service.
"""

import random as random_
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar

from reflekt_core.client.address import base_of
from reflekt_core.client.asking import asked
from reflekt_core.client.exchange import Patience, exchange
from reflekt_core.client.failures import NoAnswer, ServiceFailed
from reflekt_core.client.nouns import Async, Nouns, Sync
from reflekt_core.errors import ConfigurationError
from reflekt_core.model.paging import Page, Position, through

if TYPE_CHECKING:
    import httpx2

__all__ = ["AsyncClient", "Client", "NoAnswer", "ServiceFailed"]

P = ParamSpec("P")
T = TypeVar("T")

_TIMEOUT: Final = 30.0
_DEADLINE: Final = 100.0
_TRIES: Final = 6
_MOST_A_PAGE: Final = 100


class Client(Nouns[Sync]):
    """
    A journal behind the HTTP API, with the nouns and verbs of `Reflekt`.

    Any thread may use it. What comes back are the same values; what goes wrong are the same
    exceptions, and `NoAnswer` or `ServiceFailed` besides. Nothing is logged.

    Args:
        url: Where the service is; ``http://`` for this machine alone.
        token: The bearer token, or what returns one: that is called at the first request, and once
            more whenever the service does not accept the token any longer. It must not use the
            client itself.
        timeout: Seconds that each step of an attempt may take: connecting, sending, and each wait
            for more of the answer.
        deadline: Seconds for all attempts of a call and the pauses between them.
        tries: How many attempts of a call there are at most, where another one is safe. What is
            under way already is waited for until the deadline.
        transport: How requests travel, such as ``httpx2.WSGITransport(app)``.
        allow_http: Let the token travel in the clear.
        clock: Tells seconds, for the deadline.
        sleep: Waits between attempts.
        random: Draws a number from 0 to 1, so that clients do not try again all at once.

    Raises:
        ConfigurationError: The address, the token or one of the numbers cannot be one, or httpx2 is
            not installed.
    """

    def __init__(  # noqa: PLR0913 - all but two have a default
        self,
        url: str,
        token: str | Callable[[], str] | None = None,
        *,
        timeout: float = _TIMEOUT,
        deadline: float = _DEADLINE,
        tries: int = _TRIES,
        transport: "httpx2.BaseTransport | None" = None,
        allow_http: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = random_.random,
    ) -> None:
        base = base_of(url, allow_http=allow_http)
        patience = Patience(timeout, deadline, tries, clock, random)
        with _needing_httpx2():
            from reflekt_core.client.sending import Sender  # noqa: PLC0415 - an extra
        self._sender = sender = Sender(base, transport, token, clock, sleep)
        super().__init__(lambda what, said: sender.run(exchange(asked(what, said), patience)))

    def each(self, read: Callable[P, Page[T]], *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        """
        Go through the items of every page, as in ``client.each(client.entries.list, tag=["sea"])``.

        A page is asked for when its first item is. It has 100 items, unless *limit* says less.

        Raises:
            ServiceFailed: The pages lead in a circle.
        """
        listing: Callable[..., Page[T]] = read
        way = _Way()
        return through(lambda after: listing(*args, **_turned_to(way.on(after), kwargs)))

    def close(self) -> None:
        """Close the connections. Closing twice is fine."""
        self._sender.http.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()


class AsyncClient(Nouns[Async]):
    """
    The same with verbs that are awaited, for asyncio.

    It takes what `Client` takes; but *transport* and *sleep* (by default `asyncio.sleep`) are to be
    awaited, and *token* may be. The tasks of one event loop may use it.
    """

    def __init__(  # noqa: PLR0913 - all but two have a default
        self,
        url: str,
        token: str | Callable[[], str] | Callable[[], Awaitable[str]] | None = None,
        *,
        timeout: float = _TIMEOUT,
        deadline: float = _DEADLINE,
        tries: int = _TRIES,
        transport: "httpx2.AsyncBaseTransport | None" = None,
        allow_http: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] | None = None,
        random: Callable[[], float] = random_.random,
    ) -> None:
        base = base_of(url, allow_http=allow_http)
        patience = Patience(timeout, deadline, tries, clock, random)
        with _needing_httpx2():
            from reflekt_core.client.awaiting import AsyncSender  # noqa: PLC0415 - an extra
        self._sender = sender = AsyncSender(base, transport, token, clock, sleep)
        super().__init__(lambda what, said: sender.run(exchange(asked(what, said), patience)))

    async def each(
        self,
        read: Callable[P, Coroutine[Any, Any, Page[T]]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> AsyncIterator[T]:
        """Go through the items of every page, with ``async for``."""
        listing: Callable[..., Coroutine[Any, Any, Page[T]]] = read
        way, after = _Way(), None
        while True:
            page = await listing(*args, **_turned_to(way.on(after), kwargs))
            for item in page:
                yield item
            if page.next is None:
                return
            after = page.next

    async def close(self) -> None:
        """Close the connections. Closing twice is fine."""
        await self._sender.http.aclose()

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()


class _Way:
    """The way through pages, which must not lead in a circle."""

    def __init__(self) -> None:
        self._mark: Position | None = None
        self._steps, self._most = 0, 1

    def on(self, after: Position | None) -> Position | None:
        """
        Return *after*, which comes next.

        It is compared with one mark, set anew after twice as many steps each time (R. P. Brent, "An
        improved Monte Carlo factorization algorithm", 1980): that finds every circle, however long.

        Raises:
            ServiceFailed: The way came back to where it was.
        """
        if after is not None and after == self._mark:
            raise ServiceFailed("the service gave the same pages again", status=200)
        self._steps += 1
        if self._steps == self._most:
            self._mark, self._steps, self._most = after, 0, self._most * 2
        return after


@contextmanager
def _needing_httpx2() -> Iterator[None]:
    """Say how to get httpx2 where it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "httpx2":
            raise
        raise ConfigurationError(
            "httpx2 is not installed; get it with: pip install 'reflekt-journal[client]'"
        ) from None


def _turned_to(after: Position | None, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that ask for the page at *after*; None stands for the first."""
    return {"limit": _MOST_A_PAGE, **wanted, **({"after": after} if after else {})}
