"""Taking the steps of a call, awaiting each."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

import httpx2

from reflekt_core.client.address import checked
from reflekt_core.client.exchange import Rest, Send, Show, Step
from reflekt_core.client.failures import Lost, Reply
from reflekt_core.client.sending import TOO_LATE, Common, Steps, by_proxy, lost, no_cookies
from reflekt_core.silence import silence

__all__ = ["AsyncSender"]

AsyncToken = str | Callable[[], str] | Callable[[], Awaitable[str]] | None


class AsyncSender:
    """Takes steps, and awaits each. The tasks of one event loop may use it."""

    def __init__(
        self,
        base: str,
        transport: httpx2.AsyncBaseTransport | None,
        token: AsyncToken,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] | None,
    ) -> None:
        self.http = httpx2.AsyncClient(
            transport=transport, trust_env=by_proxy(base), cookies=no_cookies()
        )
        self._common = Common(base, token, clock)
        self._sleep = sleep or asyncio.sleep
        self._lock = asyncio.Lock()

    async def run(self, steps: Steps) -> Any:
        """Take every step, and return what they end with."""
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = await self._take(step)

    async def _take(self, step: Step) -> Any:
        match step:
            case Send():
                return await self._send(step)
            case Rest():
                return await self._sleep(step.seconds)
            case Show():
                return await self._token(step.refused)

    async def _token(self, refused: str | None) -> str:
        self._common.look(me := asyncio.current_task())
        async with self._lock:
            held = self._common.held(refused)
            if held is None:
                self._common.asking = me
                try:
                    found = self._common.source()
                    found = await found if isawaitable(found) else found
                    held = self._common.token = checked(found)
                finally:
                    self._common.asking = None
        return held

    async def _send(self, step: Send) -> Reply | Lost:
        body = bytearray()
        try:
            with silence():
                left = asyncio.timeout(step.ends_at - self._common.clock())
                async with left, self.http.stream(**self._common.request(step)) as response:
                    async for chunk in response.aiter_bytes():
                        self._common.take_in(response, chunk, body, step.ends_at)
        except httpx2.RequestError as error:
            return lost(error)
        except TimeoutError:
            return TOO_LATE
        return Reply(response.status_code, response.headers, bytes(body))
