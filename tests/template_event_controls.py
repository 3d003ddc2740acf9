"""Controls of tables, and of what carries events from them to those who follow."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from reflekt_chalice.functions import FUNCTIONS
from reflekt_core.stores.dynamodb.tables import STREAMED, TABLES, schema

from .template_control import (
    ASYNCHRONOUS,
    BUCKET,
    MAPPING,
    QUEUE,
    RULE,
    TABLE,
    Control,
    Found,
    Template,
    at,
    dropping,
    each,
    ids,
    listed,
    name_of,
    plain,
    properties,
    put,
)

# Tables


def key_schema(id: str, value: Any) -> bool:
    """Whether a table is as the store needs it."""
    table = next(table for table in TABLES if f"{plain(table)}Table" == id)
    wanted = schema("${AWS::StackName}", table)
    compared = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    same = all(value.get(key) == wanted[key] for key in compared)
    indexes = value.get("LocalSecondaryIndexes") == wanted.get("LocalSecondaryIndexes")
    view = at(value, ("StreamSpecification", "StreamViewType"))
    streamed = view == ("NEW_AND_OLD_IMAGES" if table in STREAMED else None)
    named = value.get("TableName") == {"Fn::Sub": wanted["TableName"]}
    return same and indexes and streamed and named and "TimeToLiveSpecification" not in value


def table_shapes() -> Control:
    """Return the control that tables are as the store needs them."""
    checked = each(TABLE, "Properties", be=lambda id, value: bool(value) and key_schema(id, value))

    def without(template: Template) -> Iterator[Template]:
        for table in TABLES:
            place = ("Resources", f"{plain(table)}Table", "Properties")
            for key in schema("", table):
                yield put(template, (*place, key), None)
            yield put(template, (*place, "TimeToLiveSpecification"), {"Enabled": True})

    def wrong(template: Template) -> Found:
        yield from {f"{plain(table)}Table" for table in TABLES} ^ set(ids(template, TABLE))
        yield from checked.wrong(template)

    return Control(wrong, without)


def tables(*path: str | int, be: Any) -> Control:
    """Return the control that every table has what it should at *path*."""
    return each(TABLE, *path, be=be, least=len(TABLES))


# Events


def _hears(template: Template, name: str) -> bool:
    kinds = [kind.value for kind in FUNCTIONS[name].events]
    rule = properties(template, f"{plain(name)}Events")
    pattern = {"source": ["reflekt"], "detail-type": kinds} if kinds else None
    bus = {"Ref": "EventBus"} if kinds else None
    return (rule.get("EventPattern"), rule.get("EventBusName")) == (pattern, bus)


def _is_called(template: Template, name: str) -> bool:
    minutes = FUNCTIONS[name].every_minutes
    rule = properties(template, f"{plain(name)}Clock")
    wanted = f"rate({minutes} minutes)" if minutes else None
    return rule.get("ScheduleExpression") == wanted and "EventBusName" not in rule


def rules() -> Control:
    """Return the control that each function hears what it follows, and no more."""

    def wrong(template: Template) -> Found:
        for name in FUNCTIONS:
            if not (_hears(template, name) and _is_called(template, name)):
                yield name

    def without(template: Template) -> Iterator[Template]:
        for id in ids(template, RULE):
            yield put(template, ("Resources", id), None)
            for key in ("EventBusName", "EventPattern", "ScheduleExpression"):
                if key in properties(template, id):
                    yield put(template, ("Resources", id, "Properties", key), None)

    return Control(wrong, without)


def targets(*path: str, be: Callable[[str, Any], bool]) -> Control:
    """Return the control that every rule's target has what it should."""
    return each(RULE, "Properties", "Targets", 0, *path, be=be)


def _follower(id: str) -> str:
    return name_of(re.sub("(Events|Clock|Retries|EntriesStream|JobsStream)$", "", id))


def its_queue(id: str, value: Any) -> bool:
    """Whether *value* is the ARN of that function's queue."""
    return bool(value == {"Fn::GetAtt": [f"{plain(_follower(id))}DeadLetters", "Arn"]})


def its_function(id: str, value: Any) -> bool:
    """Whether *value* is the ARN of the function that the resource *id* belongs to."""
    return bool(value == {"Fn::GetAtt": [plain(_follower(id)), "Arn"]})


def streams() -> Control:
    """Return the control that the publisher reads the streams it should, and what tells of something."""
    told = '{"dynamodb":{"NewImage":{"ev":{"S":[{"exists":true}]}}}}'
    wanted = {
        f"{plain(name)}{plain(table)}Stream": (plain(name), f"{plain(table)}Table")
        for name, function in FUNCTIONS.items()
        for table in function.streams
    }

    def wrong(template: Template) -> Found:
        yield from wanted.keys() ^ set(ids(template, MAPPING))
        for id, (function, table) in wanted.items():
            made = properties(template, id)
            right = (
                made.get("FunctionName") == {"Ref": function}
                and made.get("EventSourceArn") == {"Fn::GetAtt": [table, "StreamArn"]}
                and made.get("FilterCriteria") == {"Filters": [{"Pattern": told}]}
                and made.get("StartingPosition") == "TRIM_HORIZON"
            )
            if not right:
                yield id

    def without(template: Template) -> Iterator[Template]:
        for id in wanted:
            yield put(template, ("Resources", id), None)
            for key in ("FunctionName", "EventSourceArn", "FilterCriteria", "StartingPosition"):
                yield put(template, ("Resources", id, "Properties", key), None)

    return Control(wrong, without)


def followed(kind: str, end: str, wanted: set[str]) -> Control:
    """Return the control that each of *wanted* has a resource of *kind*."""
    names = {f"{plain(name)}{end}" for name in wanted}
    return dropping(kind, lambda template: names ^ set(ids(template, kind)))


def policy_statement(kind: str, sid: str) -> Control:
    """Return the control that each policy of *kind* has the statement *sid*, which is dropped."""
    path = ("PolicyDocument", "Statement")

    def wrong(template: Template) -> Found:
        found = ids(template, kind)
        yield from () if found else [kind]
        for id in found:
            statement = [
                one for one in properties(template, id)[path[0]][path[1]] if one["Sid"] == sid
            ]
            if not statement or not _refuses(statement[0], sid):
                yield id

    def without(template: Template) -> Iterator[Template]:
        for id in ids(template, kind):
            place = ("Resources", id, "Properties", *path)
            all_ = at(template, place)
            yield put(template, place, [one for one in all_ if one["Sid"] != sid])
            loose = [one | ({"Condition": {}} if one["Sid"] == sid else {}) for one in all_]
            yield put(template, place, loose)
            yield put(template, ("Resources", id), None)

    return Control(lambda template: [*wrong(template), *_unguarded(template, kind)], without)


_GUARDED = {
    "AWS::S3::BucketPolicy": (BUCKET, "Bucket"),
    "AWS::SQS::QueuePolicy": (QUEUE, "Queues"),
    "AWS::SNS::TopicPolicy": ("AWS::SNS::Topic", "Topics"),
}


def _unguarded(template: Template, kind: str) -> Found:
    """Yield what has no policy of *kind*."""
    guarded, key = _GUARDED[kind]
    named = [properties(template, id)[key] for id in ids(template, kind)]
    flat = [ref["Ref"] for value in named for ref in listed(value)]
    return set(ids(template, guarded)) - set(flat)


def _refuses(statement: Any, sid: str) -> bool:
    wanted: dict[str, Any] = {
        "TlsOnly": {"Bool": {"aws:SecureTransport": "false"}},
        "RecentTlsOnly": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }
    return (
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Condition"] == wanted[sid]
    )


def queue_senders() -> Control:
    """Return the control that rules may set aside what they could not deliver, and nobody else may."""

    def expected(name: str) -> list[str]:
        start = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule"
        end = "${AWS::StackName}-" + name.replace("_", "-")
        found = [f"{start}/${{AWS::StackName}}/{end}"] if FUNCTIONS[name].events else []
        return found + ([f"{start}/{end}-clock"] if FUNCTIONS[name].every_minutes else [])

    def allowed(template: Template, name: str) -> list[Any]:
        made = properties(template, f"{plain(name)}DeadLettersPolicy")
        found = at(made, ("PolicyDocument", "Statement")) or []
        return [
            source["Fn::Sub"]
            for one in found
            if one["Effect"] == "Allow"
            for source in listed(
                at(one, ("Condition", "ArnEquals", "aws:SourceArn")) or {"Fn::Sub": "*"}
            )
        ]

    def wrong(template: Template) -> Found:
        return (name for name in ASYNCHRONOUS if allowed(template, name) != expected(name))

    def without(template: Template) -> Iterator[Template]:
        for name in ASYNCHRONOUS:
            place = ("Resources", f"{plain(name)}DeadLettersPolicy", "Properties")
            path = (*place, "PolicyDocument", "Statement")
            found = at(template, path)
            for index, one in enumerate(found):
                if one["Effect"] == "Allow":
                    yield put(template, path, found[:index] + found[index + 1 :])
                    yield put(template, (*path, index, "Condition"), None)

    return Control(wrong, without)
