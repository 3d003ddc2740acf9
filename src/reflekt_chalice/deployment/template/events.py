"""From a write to what follows: streams, our bus, its rules, the clock, and queues for what failed."""

import json
from collections.abc import Iterator
from typing import Any, Final

from reflekt_chalice.bus import SOURCE
from reflekt_chalice.deployment.template.intrinsics import STACK_NAME, Plain, att, ref, sub
from reflekt_chalice.deployment.template.names import alias, dead_letters, logical, named, table_id
from reflekt_chalice.deployment.template.permissions import is_asynchronous
from reflekt_chalice.functions import FUNCTIONS

__all__ = ["KEEP_SECONDS", "STREAM_AGE_SECONDS", "events"]

KEEP_SECONDS: Final = 14 * 24 * 3600
"""How long what was set aside is kept: as long as SQS can."""

STREAM_AGE_SECONDS: Final = 6 * 3600
"""How long the publisher tries to tell of a write. A stream forgets after 24 hours."""

_EVENT_AGE_SECONDS: Final = 6 * 3600
_DELIVERIES: Final = 20
_RUNS_AGAIN: Final = 2
_STREAM_TRIES: Final = 10

# Items without an event in them tell of nothing: the publisher is not even called.
_TELLS: Final = {"dynamodb": {"NewImage": {"ev": {"S": [{"exists": True}]}}}}


def events() -> Plain:
    """Return all that carries events, by what the template calls it."""
    found: Plain = {
        "EventBus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": STACK_NAME}}
    }
    for name, function in FUNCTIONS.items():
        for table in function.streams:
            found[f"{logical(name)}{logical(table)}Stream"] = _stream(name, table)
        if function.events:
            pattern = {"source": [SOURCE], "detail-type": [kind.value for kind in function.events]}
            found |= _rule(f"{logical(name)}Events", name, _heard(name, pattern))
        if function.every_minutes:
            found |= _rule(f"{logical(name)}Clock", name, _timed(name, function.every_minutes))
        if is_asynchronous(function):
            found |= _set_aside(name)
        if function.events or function.every_minutes:
            found[f"{logical(name)}Retries"] = _retries(name)
    return found


def _stream(name: str, table: str) -> Plain:
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": ref(logical(name)),
            "EventSourceArn": att(table_id(table), "StreamArn"),
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 100,
            "ParallelizationFactor": 2,
            "FilterCriteria": {"Filters": [{"Pattern": json.dumps(_TELLS, separators=(",", ":"))}]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": _STREAM_TRIES,
            "MaximumRecordAgeInSeconds": STREAM_AGE_SECONDS,
            "DestinationConfig": {"OnFailure": {"Destination": att(dead_letters(name), "Arn")}},
        },
    }


def _heard(name: str, pattern: Plain) -> Plain:
    return {
        "Name": named(alias(name)),
        "Description": f"What the function {name} follows.",
        "EventBusName": ref("EventBus"),
        "EventPattern": pattern,
    }


def _timed(name: str, minutes: int) -> Plain:
    return {
        "Name": named(f"{alias(name)}-clock"),
        "Description": f"Calls the function {name} every {minutes} minutes.",
        "ScheduleExpression": f"rate({minutes} minutes)",
    }


def _rule(id: str, name: str, properties: Plain) -> Plain:
    """Return a rule that calls the function *name*, and the permission to."""
    target = {
        "Id": "function",
        "Arn": att(logical(name), "Arn"),
        "RetryPolicy": {
            "MaximumRetryAttempts": _DELIVERIES,
            "MaximumEventAgeInSeconds": _EVENT_AGE_SECONDS,
        },
        "DeadLetterConfig": {"Arn": att(dead_letters(name), "Arn")},
    }
    return {
        id: {
            "Type": "AWS::Events::Rule",
            "Properties": {**properties, "State": "ENABLED", "Targets": [target]},
        },
        f"{id}Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": ref(logical(name)),
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
                "SourceArn": att(id, "Arn"),
            },
        },
    }


def _retries(name: str) -> Plain:
    return {
        "Type": "AWS::Lambda::EventInvokeConfig",
        "Properties": {
            "FunctionName": ref(logical(name)),
            "Qualifier": "$LATEST",
            "MaximumRetryAttempts": _RUNS_AGAIN,
            "MaximumEventAgeInSeconds": _EVENT_AGE_SECONDS,
            "DestinationConfig": {"OnFailure": {"Destination": att(dead_letters(name), "Arn")}},
        },
    }


def _set_aside(name: str) -> Plain:
    queue = dead_letters(name)
    return {
        queue: {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": named(f"{alias(name)}-dead-letters"),
                "MessageRetentionPeriod": KEEP_SECONDS,
                # Not a key of AWS KMS: EventBridge could not use it without a policy of that key's,
                # and the events that wait here hold ids alone.
                "SqsManagedSseEnabled": True,
            },
        },
        f"{queue}Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [ref(queue)],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": list(_queue_statements(name)),
                },
            },
        },
    }


def _queue_statements(name: str) -> Iterator[Plain]:
    queue = att(dead_letters(name), "Arn")
    yield {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    if rules := list(_rules(name)):
        yield {
            "Sid": "RulesSetAside",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
        }


def _rules(name: str) -> Iterator[Any]:
    """Yield the ARNs of the rules that call the function *name*."""
    # Written out: a rule needs its queue's policy first, which cannot need the rule.
    place = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule"
    if FUNCTIONS[name].events:
        yield sub(f"{place}/${{AWS::StackName}}/${{AWS::StackName}}-{alias(name)}")
    if FUNCTIONS[name].every_minutes:
        yield sub(f"{place}/${{AWS::StackName}}-{alias(name)}-clock")
