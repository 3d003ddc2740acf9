"""Plain Chalice with a resource of boto3: one function with PyJWT."""

import json
import os
import time
import uuid
from datetime import UTC, datetime

import boto3
import jwt
from chalice.app import Chalice, ConflictError, NotFoundError, Response, UnauthorizedError

PREFIX = os.environ["BENCH_PREFIX"]
SECRET = os.environ["JWT_SECRET"]

app = handler = Chalice("plain")
app.api.binary_types = ["*/*"]
dynamodb = boto3.resource("dynamodb", endpoint_url=os.environ["BENCH_ENDPOINT"])
entries, settings = (dynamodb.Table(f"{PREFIX}-{name}") for name in ("entries", "settings"))
heads = {}


def user():
    """Return who asks."""
    token = app.current_request.headers["authorization"].removeprefix("Bearer ")
    try:
        return jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
    except jwt.InvalidTokenError:
        raise UnauthorizedError("no good token") from None


def get(table, user_id, key):
    """Return an item, or an empty one."""
    return table.get_item(Key={"u": user_id, "k": key}, ConsistentRead=True).get("Item", {})


def head_of(user_id):
    """Return the last number of the account, kept for 10 seconds."""
    until, number = heads.get(user_id, (0, 0))
    if time.monotonic() < until:
        return number
    head = get(entries, user_id, "head")
    if "erasing" in head:
        raise ConflictError("the account is being erased")
    number = int(head.get("n", 0))
    heads[user_id] = (time.monotonic() + 10, number)
    return number


def response(status, value):
    """Return an answer whose body is bytes, as those of an app that takes bytes are."""
    headers = {"Content-Type": "application/json"}
    return Response(json.dumps(value).encode(), headers, status)


@app.route("/entries/{id}", methods=["GET"])
def read(id):
    """Read an entry."""
    user_id = user()
    head_of(user_id)
    found = get(entries, user_id, f"e#{id}")
    if not found:
        raise NotFoundError("there is no such entry")
    return response(200, json.loads(found["b"]))


@app.route("/entries", methods=["POST"])
def create():
    """Write an entry."""
    user_id = user()
    said = json.loads(app.current_request.raw_body)
    number = head_of(user_id)
    preferences = get(settings, user_id, "settings#settings")
    zone = json.loads(preferences["b"])["time_zone"] if preferences else "UTC"
    now = datetime.now(UTC).isoformat()
    entry = {"id": str(uuid.uuid4()), **said, "occurred_at": now, "time_zone": zone, "version": 1}
    values = {":n": number + 1, ":one": 1, ":none": 0}
    condition = "attribute_not_exists(#n)"
    if number:
        condition, values[":seen"] = "#n = :seen", number
    dynamodb.meta.client.transact_write_items(
        TransactItems=[
            {
                "Update": {
                    "TableName": entries.name,
                    "Key": {"u": user_id, "k": "head"},
                    "UpdateExpression": "SET #n = :n, #c = if_not_exists(#c, :none) + :one",
                    "ConditionExpression": condition,
                    "ExpressionAttributeNames": {"#n": "n", "#c": "entries"},
                    "ExpressionAttributeValues": values,
                }
            },
            {
                "Put": {
                    "TableName": entries.name,
                    "Item": {
                        "u": user_id,
                        "k": f"e#{entry['id']}",
                        "q": number + 1,
                        "w": f"L#{now}",
                        "b": json.dumps(entry),
                    },
                    "ConditionExpression": "attribute_not_exists(u)",
                }
            },
        ]
    )
    heads[user_id] = (heads[user_id][0], number + 1)
    return response(201, entry)
