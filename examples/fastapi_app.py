"""
A FastAPI app with a journal in it: behind routes of its own, and as the whole API beside them.

    pip install reflekt-journal fastapi uvicorn a2wsgi
    python fastapi_app.py

It prints a key. With it, `POST /diary` writes and `GET /diary` reads. Reflekt's API is at `/api`,
with its documentation at `/api/api-docs`. Ctrl-C closes the journal and ends.
"""

import argparse
import logging
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import uvicorn
from a2wsgi import WSGIMiddleware
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict

from reflekt_core import Reflekt, ReflektError
from reflekt_core.app import utc_now
from reflekt_core.errors import InvalidInput, Problem, Unauthenticated
from reflekt_core.model.accounts import Actor
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.problems import problem
from reflekt_core.rest.wsgi import application
from reflekt_core.serialization import wire

LOG = logging.getLogger("diary")


class Login:
    """Who may come in. It stands for the login that your app has already."""

    def __init__(self) -> None:
        self._users: dict[str, str] = {}

    def new_key(self, user_id: str) -> str:
        """Return a key for the user; only its hash is kept."""
        key = secrets.token_urlsafe(32)
        self._users[sha256(key.encode()).hexdigest()] = user_id
        return key

    def verify(self, token: str, now: datetime) -> Actor:  # noqa: ARG002 - these keys do not expire
        """Return who acts. This is all that Reflekt's API asks of a login."""
        user_id = self._users.get(sha256(token.encode()).hexdigest())
        if user_id is None:
            raise Unauthenticated("the key is not known")
        return Actor(user_id)


def journal_of_caller(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> Reflekt:
    """Return the journal as the caller sees it: their own."""
    if given is None:
        raise Unauthenticated("a key is needed: Authorization: Bearer …")
    reflekt: Reflekt = request.app.state.reflekt
    return reflekt.acting_as(request.app.state.login.verify(given.credentials, utc_now()))


Journal = Annotated[Reflekt, Depends(journal_of_caller)]

# Reflekt's methods block, so routes are `def`: FastAPI calls each in a thread of its pool.
routes = APIRouter()


class Note(BaseModel):
    """What `POST /diary` takes, and nothing else: what is mistyped is refused, not guessed or lost."""

    model_config = ConfigDict(strict=True, extra="forbid")

    text: str
    mood: int | None = None


@routes.get("/")
def about() -> dict[str, str]:
    """Say what is where."""
    return {"diary": "/diary", "api": "/api", "documentation": "/docs"}


@routes.post("/diary", status_code=201)
def write(note: Note, journal: Journal) -> dict[str, Any]:
    """Write into the caller's diary."""
    entry: dict[str, Any] = wire(journal.entries.create(note.text, mood=note.mood))
    return entry


@routes.get("/diary")
def read(journal: Journal, q: str | None = None) -> list[dict[str, Any]]:
    """Return what the caller wrote last, or what has the words of *q*."""
    if q is not None:
        return [wire(hit.entry) for hit in journal.entries.search(q)]
    return [wire(entry) for entry in journal.entries.list()]


@routes.get("/diary/{id}/insight")
def insight(id: UUID, journal: Journal) -> dict[str, Any]:
    """Return what was understood of an entry."""
    understood: dict[str, Any] = wire(journal.entries.insights(id))
    return understood


def refused(_: Request, error: Exception) -> Response:
    """Answer with a problem document: 401, 404, 422 and so on, with no word of any entry."""
    if not isinstance(error, ReflektError):
        raise error
    request_id = secrets.token_hex(8)
    answer = problem(error, request_id)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        LOG.error("%s in request %s", error.code, request_id)
    return Response(answer.body, answer.status, dict(answer.headers))


def misread(request: Request, error: Exception) -> Response:
    """Tell what FastAPI refuses in the same form. Its own answer would repeat what was sent."""
    if not isinstance(error, RequestValidationError):
        raise error
    wrong = [(".".join(map(str, one["loc"][1:])), one["msg"]) for one in error.errors()]
    return refused(request, InvalidInput(Problem(path, message) for path, message in wrong))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Understand entries in the background while the app runs, and close the journal in the end."""
    app.state.reflekt.start_worker()
    yield
    await run_in_threadpool(app.state.reflekt.close)


def create_app(reflekt: Reflekt, login: Login, cursor_secret: bytes) -> FastAPI:
    """Return the app. It closes *reflekt* when it ends, which may be done again."""
    app = FastAPI(title="Diary", lifespan=lifespan)
    app.state.reflekt, app.state.login = reflekt, login
    app.add_exception_handler(ReflektError, refused)
    app.add_exception_handler(RequestValidationError, misread)
    app.include_router(routes)
    api = application(Dispatch(reflekt, login, cursor_secret=cursor_secret))
    # Each of the three has type names of its own for the same things.
    app.mount("/api", WSGIMiddleware(api))  # type: ignore[arg-type]
    return app


def port(text: str) -> int:
    """Return the number of a port."""
    number = int(text)
    if number not in range(2**16):
        raise ValueError
    return number


def main() -> None:
    """Serve the app to this machine."""
    parser = argparse.ArgumentParser(description="A FastAPI app with a journal in it.")
    parser.add_argument("--journal", default="diary.db", help="file of the journal")
    parser.add_argument("--port", type=port, default=8000, help="0 takes any that is free")
    wanted = parser.parse_args()
    # It signs where lists go on. Set it, or what was handed out ends with the process.
    cursor_secret = os.environ.get("REFLEKT_CURSOR_SECRET", secrets.token_urlsafe(32)).encode()
    login = Login()
    try:
        with Reflekt.open(f"sqlite:///{wanted.journal}") as reflekt:
            app = create_app(reflekt, login, cursor_secret)
            print("the key of ada:", login.new_key("ada"), flush=True)
            # The access log would tell what people search for.
            uvicorn.run(app, port=wanted.port, access_log=False)
    except (ReflektError, ValueError) as error:
        sys.exit(f"fastapi_app.py: {error}")


if __name__ == "__main__":
    main()
