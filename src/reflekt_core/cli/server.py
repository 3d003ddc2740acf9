"""The HTTP server below the API: waitress, with limits, and errors of its own as ours."""

import logging
import secrets
import socket
from typing import TYPE_CHECKING, Any, Final

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]  # it has no types
from waitress.server import create_server  # type: ignore[import-untyped]  # it has no types
from waitress.task import ErrorTask  # type: ignore[import-untyped]  # it has no types

from reflekt_core.errors import MalformedInput, ReflektError, TooLarge
from reflekt_core.rest.messages import MAX_BODY_BYTES
from reflekt_core.rest.problems import InternalError, problem

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["http_server"]

_MIB: Final = 1024 * 1024
_SETTINGS: Final[dict[str, Any]] = {
    "threads": 8,
    "ident": None,
    "connection_limit": 500,
    "channel_timeout": 60,
    "max_request_header_size": 64 * 1024,
    # The API refuses less, with a better answer; this bounds what is taken in.
    "max_request_body_size": 4 * MAX_BODY_BYTES,
    # Beyond these, texts would be buffered in files.
    "inbuf_overflow": 2 * _MIB,
    "outbuf_overflow": 32 * _MIB,
    "clear_untrusted_proxy_headers": True,
}


def http_server(app: "WSGIApplication", listener: socket.socket) -> Any:
    """Return a server of *app* on *listener*; its `run` ends with a KeyboardInterrupt."""
    # Its messages quote paths, and with them what people search for; ours do not.
    logging.getLogger("waitress").addHandler(logging.NullHandler())
    server = create_server(app, sockets=[listener], **_SETTINGS)
    server.channel_class = _Channel
    return server


class _ErrorTask(ErrorTask):  # type: ignore[misc]  # the same
    """Says in the API's own words what waitress refuses before the API sees it."""

    def execute(self) -> None:
        """Answer with a problem document."""
        error = self.request.error
        response = problem(_meaning(error.code), secrets.token_hex(16))
        self.status = f"{int(response.status)} {response.reason}"
        self.response_headers.extend(response.headers.items())
        self.set_close_on_finish()
        self.content_length = len(response.body)
        self.write(response.body)


def _meaning(status: int) -> ReflektError:
    match status:
        case 413 | 431:
            return TooLarge("the request is larger than any the API takes")
        case 500:
            return InternalError("Reflekt failed")
        case _:
            return MalformedInput("the request is not HTTP as this service understands it")


class _Channel(HTTPChannel):  # type: ignore[misc]  # the same
    error_task_class = _ErrorTask
