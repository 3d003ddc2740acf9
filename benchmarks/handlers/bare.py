"""What one would write by hand: json and a client of botocore, without a token."""

import base64
import json
import os
import time
import uuid
from datetime import UTC, datetime

import boto3

PREFIX = os.environ["BENCH_PREFIX"]
client = boto3.client("dynamodb", endpoint_url=os.environ["BENCH_ENDPOINT"])
heads = {}


def handler(event, context):
    """Answer an event of API Gateway whose authorizer says who asks."""
    return answer(event, event["requestContext"]["authorizer"]["user_id"])


def answer(event, user_id):
    """Answer the event for *user_id*."""
    erasing, number = head_of(user_id)
    if erasing:
        return response(409, {"code": "account_erased"})
    if event["httpMethod"] == "GET":
        found = get("entries", user_id, f"e#{event['pathParameters']['id']}")
        return response(200, json.loads(found["b"]["S"])) if found else response(404, {})
    return create(event, user_id, number)


def head_of(user_id):
    """Return whether the account is being erased, and its last number, kept for 10 seconds."""
    kept = heads.get(user_id)
    if kept and time.monotonic() < kept[0]:
        return kept[1:]
    head = get("entries", user_id, "head")
    found = "erasing" in head, int(head.get("n", {"N": "0"})["N"])
    heads[user_id] = (time.monotonic() + 10, *found)
    return found


def create(event, user_id, number):
    """Store an entry under the next number."""
    body = event["body"]
    said = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
    settings = get("settings", user_id, "settings#settings")
    zone = json.loads(settings["b"]["S"])["time_zone"] if settings else "UTC"
    now = datetime.now(UTC).isoformat()
    entry = {"id": str(uuid.uuid4()), **said, "occurred_at": now, "time_zone": zone, "version": 1}
    values = {":n": {"N": str(number + 1)}, ":one": {"N": "1"}, ":none": {"N": "0"}}
    condition = "attribute_not_exists(#n)"
    if number:
        condition, values[":seen"] = "#n = :seen", {"N": str(number)}
    client.transact_write_items(
        TransactItems=[
            {
                "Update": {
                    "TableName": f"{PREFIX}-entries",
                    "Key": {"u": {"S": user_id}, "k": {"S": "head"}},
                    "UpdateExpression": "SET #n = :n, #c = if_not_exists(#c, :none) + :one",
                    "ConditionExpression": condition,
                    "ExpressionAttributeNames": {"#n": "n", "#c": "entries"},
                    "ExpressionAttributeValues": values,
                }
            },
            {
                "Put": {
                    "TableName": f"{PREFIX}-entries",
                    "Item": {
                        "u": {"S": user_id},
                        "k": {"S": f"e#{entry['id']}"},
                        "q": {"N": str(number + 1)},
                        "w": {"S": f"L#{now}"},
                        "b": {"S": json.dumps(entry)},
                    },
                    "ConditionExpression": "attribute_not_exists(u)",
                }
            },
        ]
    )
    heads[user_id] = (heads[user_id][0], False, number + 1)
    return response(201, entry)


def get(table, user_id, key):
    """Return an item, or an empty one."""
    return client.get_item(
        TableName=f"{PREFIX}-{table}",
        Key={"u": {"S": user_id}, "k": {"S": key}},
        ConsistentRead=True,
    ).get("Item", {})


def response(status, value):
    """Return the answer that API Gateway sends on."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(value),
    }
