"""FastAPI behind Mangum, with models of PynamoDB: one function with PyJWT."""

import os
import time
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from mangum import Mangum
from pydantic import BaseModel, Field
from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

PREFIX, ENDPOINT = os.environ["BENCH_PREFIX"], os.environ["BENCH_ENDPOINT"]
SECRET = os.environ["JWT_SECRET"]
REGION = os.environ["AWS_REGION"]


class Stored(Model):
    """An item of the table of entries."""

    class Meta:
        """Where it is."""

        table_name = f"{PREFIX}-entries"
        host = ENDPOINT
        region = REGION

    u = UnicodeAttribute(hash_key=True)
    k = UnicodeAttribute(range_key=True)
    q = NumberAttribute(null=True)
    n = NumberAttribute(null=True)
    w = UnicodeAttribute(null=True)
    entries = NumberAttribute(null=True)
    erasing = UnicodeAttribute(null=True)
    b = JSONAttribute(null=True)


class StoredSettings(Model):
    """An item of the table of settings."""

    class Meta:
        """Where it is."""

        table_name = f"{PREFIX}-settings"
        host = ENDPOINT
        region = REGION

    u = UnicodeAttribute(hash_key=True)
    k = UnicodeAttribute(range_key=True)
    b = JSONAttribute(null=True)


class Draft(BaseModel):
    """What a client writes."""

    content: str = Field(min_length=1, max_length=50_000)
    title: str = Field("", max_length=200)
    mood: int | None = Field(None, ge=1, le=5)
    tags: list[str] = []


class Entry(Draft):
    """What is stored."""

    id: UUID
    occurred_at: datetime
    time_zone: str
    version: int


def user(authorization: Annotated[str, Header()]) -> str:
    """Return who asks."""
    try:
        return jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])[
            "sub"
        ]
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None


def head_of(user_id: str) -> int:
    """Return the last number of the account, kept for 10 seconds."""
    until, number = heads.get(user_id, (0.0, 0))
    if time.monotonic() < until:
        return number
    try:
        head = Stored.get(user_id, "head", consistent_read=True)
        if head.erasing:
            raise HTTPException(409)
        number = int(head.n or 0)
    except Stored.DoesNotExist:
        number = 0
    heads[user_id] = (time.monotonic() + 10, number)
    return number


app = FastAPI()
heads: dict[str, tuple[float, int]] = {}
connection = Connection(region=REGION, host=ENDPOINT)


@app.get("/entries/{id}")
def read(id: UUID, user_id: Annotated[str, Depends(user)]) -> Entry:
    """Read an entry."""
    head_of(user_id)
    try:
        return Entry(**Stored.get(user_id, f"e#{id}", consistent_read=True).b)
    except Stored.DoesNotExist:
        raise HTTPException(404) from None


@app.post("/entries", status_code=201)
def create(draft: Draft, user_id: Annotated[str, Depends(user)]) -> Entry:
    """Write an entry."""
    number = head_of(user_id)
    try:
        zone = StoredSettings.get(user_id, "settings#settings", consistent_read=True).b["time_zone"]
    except StoredSettings.DoesNotExist:
        zone = "UTC"
    now = datetime.now(UTC)
    entry = Entry(**draft.model_dump(), id=uuid4(), occurred_at=now, time_zone=zone, version=1)
    item = Stored(
        user_id,
        f"e#{entry.id}",
        q=number + 1,
        w=f"L#{now.isoformat()}",
        b=entry.model_dump(mode="json"),
    )
    with TransactWrite(connection=connection) as write:
        write.update(
            Stored(user_id, "head"),
            actions=[Stored.n.set(number + 1), Stored.entries.set((Stored.entries | 0) + 1)],
            condition=(Stored.n == number) if number else Stored.n.does_not_exist(),
        )
        write.save(item, condition=Stored.u.does_not_exist())
    heads[user_id] = (heads[user_id][0], number + 1)
    return entry


handler = Mangum(app, lifespan="off")
