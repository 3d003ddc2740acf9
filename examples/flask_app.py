"""
A Flask app with a journal in it: behind routes of its own, and as the whole API beside them.

    pip install reflekt-journal flask waitress
    python flask_app.py

It prints a password. `POST /login` (a form with `user` and `password`) opens a session; then
`POST /diary` writes and `GET /diary` reads. Reflekt's API is at `/api`, with its documentation at
`/api/api-docs`; `POST /token` gives whoever is logged in a token for it. Ctrl-C closes the journal
and ends.
"""

import argparse
import json
import logging
import os
import secrets
import signal
import sys
from contextlib import closing
from http import HTTPStatus
from typing import Any
from uuid import UUID

import attrs
from flask import Blueprint, Flask, Response, current_app, request, session
from waitress import create_server  # type: ignore[import-untyped]  # it has no types
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.security import check_password_hash, generate_password_hash

from reflekt_core import Reflekt, ReflektError
from reflekt_core.app import TimeOrderedIds, utc_now
from reflekt_core.errors import Unauthenticated
from reflekt_core.model.accounts import Actor
from reflekt_core.model.entries import EntryDraft
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.messages import MAX_BODY_BYTES
from reflekt_core.rest.problems import UnsupportedMediaType, problem
from reflekt_core.rest.strict_json import parse
from reflekt_core.rest.wsgi import application
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier
from reflekt_core.serialization import read, wire

LOG = logging.getLogger("diary")


class Users:
    """Who may come in. It stands for the login that your app has already."""

    def __init__(self) -> None:
        self._hashes: dict[str, str] = {}
        self._nobody = generate_password_hash(secrets.token_urlsafe())

    def add(self, user_id: str) -> str:
        """Return a password for a new user; only its hash is kept."""
        password = secrets.token_urlsafe(16)
        self._hashes[user_id] = generate_password_hash(password)
        return password

    def know(self, user_id: str, password: str) -> bool:
        """Tell whether the password is the user's."""
        # Hashes for strangers, too: that there is no such user must not show in the time it takes.
        return check_password_hash(self._hashes.get(user_id, self._nobody), password)


def journal() -> Reflekt:
    """Return the journal as who is logged in sees it: their own."""
    if "user_id" not in session:
        raise Unauthenticated("log in first: POST /login")
    reflekt: Reflekt = current_app.extensions["reflekt"]
    return reflekt.acting_as(Actor(session["user_id"]))


def sent() -> Any:
    """Return the JSON that was sent, read as strictly as the API reads it."""
    if not request.is_json:
        raise UnsupportedMediaType("send JSON, as application/json")
    return parse(request.get_data())


routes = Blueprint("diary", __name__)


@routes.get("/")
def about() -> dict[str, str]:
    """Say what is where."""
    return {"diary": "/diary", "api": "/api", "documentation": "/api/api-docs"}


@routes.post("/login")
def log_in() -> dict[str, str]:
    """Open a session."""
    user_id = request.form.get("user", "")
    if not current_app.extensions["users"].know(user_id, request.form.get("password", "")):
        raise Unauthenticated("the user or the password is wrong")
    session["user_id"] = user_id
    return {"user": user_id}


@routes.post("/diary")
def write() -> tuple[dict[str, Any], int]:
    """Write into the diary: a JSON object with fields of an entry, such as ``content``."""
    mine = journal()
    draft = read(sent(), EntryDraft)  # names each bad field
    return wire(mine.entries.create(**attrs.asdict(draft, recurse=False))), HTTPStatus.CREATED


@routes.get("/diary")
def look() -> list[dict[str, Any]]:
    """Return what was written last, or what has the words of ``q``."""
    mine = journal()
    if "q" in request.args:
        return [wire(hit.entry) for hit in mine.entries.search(request.args["q"])]
    return [wire(entry) for entry in mine.entries.list()]


@routes.get("/diary/<uuid:id>/insight")
def insight(id: UUID) -> dict[str, Any]:
    """Return what was understood of an entry."""
    understood: dict[str, Any] = wire(journal().entries.insights(id))
    return understood


@routes.post("/token")
def token() -> dict[str, str]:
    """Return a token for Reflekt's API, good for an hour."""
    issuer: TokenIssuer = current_app.extensions["tokens"]
    return {"token": issuer.issue(journal().actor.user_id, now=utc_now())}


def refused(error: ReflektError) -> Response:
    """Answer with a problem document: 401, 404, 422 and so on, with no word of any entry."""
    request_id = secrets.token_hex(8)
    answer = problem(error, request_id)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        LOG.error("%s in request %s", error.code, request_id)
    return Response(answer.body, answer.status, dict(answer.headers))


def unanswered(error: HTTPException) -> Response:
    """Tell what Flask refuses by itself (404, 405, 413) in the same form."""
    told = {"type": "about:blank", "title": error.name, "status": error.code}
    headers = {**dict(error.get_headers()), "Content-Type": "application/problem+json"}
    return Response(json.dumps(told), error.code, headers)


def create_app(reflekt: Reflekt, users: Users, secret: str) -> Flask:
    """Return the app. Whoever asks for it closes *reflekt* in the end."""
    app = Flask(__name__)
    app.secret_key = secret
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES  # as much as the API takes
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"  # and SECURE, once it is served by https
    app.extensions["reflekt"], app.extensions["users"] = reflekt, users
    app.extensions["tokens"] = TokenIssuer(secret=secret, ids=TimeOrderedIds())
    app.register_error_handler(ReflektError, refused)
    app.register_error_handler(HTTPException, unanswered)
    app.register_blueprint(routes)
    login = TokenVerifier(secret=secret)
    api = application(Dispatch(reflekt, login, cursor_secret=secret.encode()))
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/api": api})  # type: ignore[method-assign]  # as Flask says
    return app


def port(text: str) -> int:
    """Return the number of a port."""
    number = int(text)
    if number not in range(2**16):
        raise ValueError
    return number


def main() -> None:
    """Serve the app to this machine."""
    parser = argparse.ArgumentParser(description="A Flask app with a journal in it.")
    parser.add_argument("--journal", default="diary.db", help="file of the journal")
    parser.add_argument("--port", type=port, default=8000, help="0 takes any that is free")
    wanted = parser.parse_args()
    # It signs sessions and tokens. Set it, or what was handed out ends with the process.
    secret = os.environ.get("JWT_SECRET", secrets.token_urlsafe(32))
    users = Users()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # which ends `run`, as Ctrl-C does
    try:
        with closing(Reflekt.open(f"sqlite:///{wanted.journal}")) as reflekt:
            app = create_app(reflekt, users, secret)
            server = create_server(app, host="127.0.0.1", port=wanted.port)
            reflekt.start_worker()  # understands entries in the background
            print("the password of ada:", users.add("ada"))
            print(f"running on http://127.0.0.1:{server.effective_port}", flush=True)
            server.run()
    except (ReflektError, OSError) as error:
        sys.exit(f"flask_app.py: {error}")


if __name__ == "__main__":
    main()
