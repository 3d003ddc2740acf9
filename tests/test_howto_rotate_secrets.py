"""What the page on rotating secrets promises: what a change ends, and what it does not."""

import base64
import os
import re
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from reflekt_chalice.deployment.template.parameters import PARAMETERS
from reflekt_chalice.service import service_from
from reflekt_core.app import TimeOrderedIds
from reflekt_core.cli.serve import build
from reflekt_core.config import Config
from reflekt_core.rest.logs import ACCESS
from reflekt_core.security.strength import checked_secret
from reflekt_core.security.tokens import TokenIssuer

from .howto_pages import DOCS

PAGE = (DOCS / "how-to/rotate-secrets.md").read_text("utf-8")
OLD = "hV7#q2Lx9-made-up-for-these-tests-zR4w"
NEW = "another-0ne-made-up-for-these-tests-Kp8Y"
CURSORS = "a-th1rd-made-up-for-these-tests-only-Jm4vY9"


def token(secret: str) -> str:
    """Return a token that is good now."""
    return TokenIssuer(secret=secret, ids=TimeOrderedIds()).issue("ana", now=datetime.now(UTC))


class Service:
    """A service with a journal of two entries, started with some secrets."""

    def __init__(self, store: str, **secrets: str) -> None:
        self.reflekt, app = build(Config.from_env({"REFLEKT_STORE": store, **secrets}))
        self._client = httpx2.Client(
            transport=httpx2.WSGITransport(app=app), base_url="http://localhost"
        )

    def list(self, token: str, **parameters: Any) -> Any:
        """Return the answer to a list of one entry."""
        headers = {"Authorization": f"Bearer {token}"}
        return self._client.get("/entries", headers=headers, params={"limit": 1, **parameters})

    def close(self) -> None:
        """Stop."""
        self._client.close()
        self.reflekt.close()


def turn(tmp_path: Any, before: dict[str, str], after: dict[str, str]) -> tuple[Any, Any, Any]:
    """
    Change secrets, and return what follows.

    That is: the answers to the old and the new token, and to a cursor from before.
    """
    store = f"sqlite:///{tmp_path}/journal.db"
    first = Service(store, **before)
    for number in range(2):
        headers = {"Authorization": f"Bearer {token(OLD)}"}
        first._client.post("/entries", headers=headers, json={"content": f"Entry {number}."})
    cursor = first.list(token(OLD)).json()["next_cursor"]
    first.close()
    second = Service(store, **after)
    answers = (
        second.list(token(OLD)),
        second.list(token(NEW)),
        second.list(token(after["JWT_SECRET"]), cursor=cursor),
    )
    second.close()
    return answers


def test_with_the_previous_secret_nobody_signs_in_anew(tmp_path: Any) -> None:
    """Both tokens are good; cursors made from the old secret end."""
    after = {"JWT_SECRET": NEW, "JWT_SECRET_PREVIOUS": OLD}
    old, new, cursor = turn(tmp_path, {"JWT_SECRET": OLD}, after)
    assert (old.status_code, new.status_code, cursor.status_code) == (200, 200, 400)
    assert cursor.json()["errors"][0]["message"] in PAGE


def test_without_it_old_tokens_end(tmp_path: Any) -> None:
    """That is the last step, or the way out when the secret has become known."""
    old, new, _ = turn(tmp_path, {"JWT_SECRET": OLD}, {"JWT_SECRET": NEW})
    assert (old.status_code, new.status_code) == (401, 200)
    assert f"`{old.json()['detail']}`" in PAGE


def test_cursors_of_a_secret_of_their_own_go_on(tmp_path: Any) -> None:
    """With REFLEKT_CURSOR_SECRET, changing the other secret ends no list."""
    own = {"REFLEKT_CURSOR_SECRET": CURSORS}
    after = {"JWT_SECRET": NEW, **own}
    _, _, cursor = turn(tmp_path, {"JWT_SECRET": OLD, **own}, after)
    assert cursor.status_code == 200


def test_pseudonyms_in_the_log_hang_on_the_cursors_secret(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """They stay while it stays, and change with it."""

    def name(**secrets: str) -> str:
        service = Service("memory://", JWT_SECRET=OLD, **secrets)
        caplog.clear()
        with caplog.at_level("INFO", ACCESS.name):
            service.list(token(OLD))
        service.close()
        (user,) = {record.fields["user"] for record in caplog.records}
        return str(user)

    assert name(REFLEKT_CURSOR_SECRET=CURSORS) == name(REFLEKT_CURSOR_SECRET=CURSORS)
    assert len({name(), name(REFLEKT_CURSOR_SECRET=CURSORS), name(REFLEKT_CURSOR_SECRET=NEW)}) == 3


def test_what_the_page_tells_to_make_is_strong_enough() -> None:
    """48 random bytes in base64, as `openssl rand -base64 48` prints them."""
    assert "openssl rand -base64 48" in PAGE
    secret = base64.b64encode(os.urandom(48)).decode()
    assert checked_secret(secret, "JWT_SECRET") == secret.encode()


def test_on_aws_both_secrets_come_from_the_parameter_store() -> None:
    """The deployment on the page names two parameters, and tokens of both are good."""
    (name,) = re.findall(r"-p (JwtSecretPrevious\w+)=/", PAGE)
    assert name in PARAMETERS
    stored = {"/jwt-secret-2": NEW, "/jwt-secret": OLD, "/cursors": CURSORS}
    environ = {
        "JWT_SECRET_PARAMETER": "/jwt-secret-2",
        "JWT_SECRET_PREVIOUS_PARAMETER": "/jwt-secret",
        "REFLEKT_CURSOR_SECRET_PARAMETER": "/cursors",
    }
    made = service_from(environ, ("authorizer",), fetch=stored.__getitem__)
    for secret in (OLD, NEW):
        assert made.verifier().verify(token(secret), datetime.now(UTC)).user_id == "ana"
