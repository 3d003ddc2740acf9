"""Alarms, the topic that tells of them, and the dashboard."""

import json
from collections.abc import Iterable
from typing import Any, Final

from reflekt_chalice.deployment.template.intrinsics import (
    NOTHING,
    STACK_NAME,
    Plain,
    att,
    choice,
    ref,
    sub,
)
from reflekt_chalice.deployment.template.names import (
    alias,
    dead_letters,
    log_group,
    logical,
    named,
    table_id,
)
from reflekt_chalice.deployment.template.permissions import is_asynchronous
from reflekt_chalice.functions import FUNCTIONS
from reflekt_core.stores.dynamodb.tables import TABLES

__all__ = ["alarms"]

_MINUTES: Final = 60
_DAY: Final = 24 * 3600
_OLDEST_RECORD_MS: Final = 5 * _MINUTES * 1000
_SERVER_ERRORS: Final = 5
_OF_TIMEOUT: Final = 0.8

_ABOVE: Final = {
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "EvaluationPeriods": 1,
    "Period": 5 * _MINUTES,
    "Statistic": "Sum",
    "Threshold": 1,
    # Nothing measured is nothing wrong.
    "TreatMissingData": "notBreaching",
}


def alarms() -> Plain:
    """Return the alarms with what they need, by what the template calls it."""
    found = _topic() | _api() | _spend()
    for name in FUNCTIONS:
        found |= _of_function(name)
    return found | {"Dashboard": _dashboard()}


def _topic() -> Plain:
    statements = [
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": ref("AlarmTopic"),
            "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
        },
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": ref("AlarmTopic"),
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    return {
        "AlarmTopic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "TopicName": named("alarms"),
                # The key that AWS keeps for SNS would shut CloudWatch out. Alarms hold numbers alone.
                "KmsMasterKeyId": choice("HasKmsKey", ref("KmsKeyArn"), NOTHING),
            },
        },
        "AlarmTopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [ref("AlarmTopic")],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            },
        },
        "AlarmEmailSubscription": {
            "Type": "AWS::SNS::Subscription",
            "Condition": "HasAlarmEmail",
            "Properties": {
                "TopicArn": ref("AlarmTopic"),
                "Protocol": "email",
                "Endpoint": ref("AlarmEmail"),
            },
        },
    }


def _alarm(name: str, told: str, metric: Plain, **how: Any) -> Plain:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": named(name),
            "AlarmDescription": told,
            "AlarmActions": [ref("AlarmTopic")],
            "OKActions": [ref("AlarmTopic")],
            **metric,
            **_ABOVE,
            **how,
        },
    }


def _metric(namespace: Any, name: str, **dimensions: Any) -> Plain:
    found: Plain = {"Namespace": namespace, "MetricName": name}
    if dimensions:
        listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        found["Dimensions"] = listed
    return found


def _own(name: str) -> Plain:
    """Return a metric that is counted in logs."""
    return _metric(sub("Reflekt/${AWS::StackName}"), name)


def _counted(group: str, name: str, pattern: str, value: str) -> Plain:
    return {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": ref(group),
            "FilterPattern": pattern,
            "MetricTransformations": [
                {
                    "MetricNamespace": sub("Reflekt/${AWS::StackName}"),
                    "MetricName": name,
                    "MetricValue": value,
                }
            ],
        },
    }


def _api() -> Plain:
    place = {"ApiName": STACK_NAME, "Stage": ref("Stage")}
    return {
        "ApiServerErrors": _alarm(
            "api-server-errors",
            "The API answers with 5xx.",
            _metric("AWS/ApiGateway", "5XXError", **place),
            Threshold=_SERVER_ERRORS,
        ),
        # API Gateway counts what it throttles among all 4xx; its access log tells them apart.
        "ApiThrottled": _counted("ApiLogs", "Throttled", '{ $.status = "429" }', "1"),
        "ApiThrottles": _alarm(
            "api-throttles", "The API refuses requests: too many.", _own("Throttled")
        ),
    }


def _spend() -> Plain:
    filter_ = _counted(log_group("ai"), "AiSpendUsd", "{ $.cost_usd > 0 }", "$.cost_usd")
    return {
        "AiSpent": filter_,
        "AiSpend": _alarm(
            "ai-spend",
            "AI calls of a day cost more than was set.",
            _own("AiSpendUsd"),
            Period=_DAY,
            Threshold=ref("AiDailySpendAlarmUsd"),
            ComparisonOperator="GreaterThanThreshold",
        ),
    }


def _of_function(name: str) -> Plain:
    id, function = logical(name), FUNCTIONS[name]
    own = {"FunctionName": ref(id)}

    def metric(of: str) -> Plain:
        return _metric("AWS/Lambda", of, **own)

    slow = {"Statistic": NOTHING, "ExtendedStatistic": "p99"}
    found = {
        f"{id}Errors": _alarm(f"{alias(name)}-errors", f"{name} fails.", metric("Errors")),
        f"{id}Throttles": _alarm(
            f"{alias(name)}-throttles", f"{name} is not run: too many at once.", metric("Throttles")
        ),
        f"{id}Slow": _alarm(
            f"{alias(name)}-slow",
            f"{name} needs most of the time that it has.",
            metric("Duration"),
            Threshold=int(function.timeout_seconds * 1000 * _OF_TIMEOUT),
            **slow,
        ),
    }
    if function.streams:
        found[f"{id}Behind"] = _alarm(
            f"{alias(name)}-behind",
            f"{name} is minutes behind its streams.",
            metric("IteratorAge"),
            Statistic="Maximum",
            Threshold=_OLDEST_RECORD_MS,
        )
    if is_asynchronous(function):
        queue = {"QueueName": att(dead_letters(name), "QueueName")}
        found[f"{id}SetAside"] = _alarm(
            f"{alias(name)}-set-aside",
            f"{name} has failed at something for good: see its queue.",
            _metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", **queue),
            Statistic="Maximum",
        )
    return found


def _dashboard() -> Plain:
    """Return the dashboard. Its body is a text, in which references are filled in."""
    rows = [_widget(title, metrics) for title, metrics in _charts().items()]
    for place, widget in enumerate(rows):
        widget |= {"x": place % 2 * 12, "y": place // 2 * 6, "width": 12, "height": 6}
    body = json.dumps({"widgets": rows}, separators=(",", ":"))
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardName": STACK_NAME, "DashboardBody": sub(body)},
    }


def _widget(title: str, metrics: list[list[Any]]) -> Plain:
    shown = {"title": title, "region": "${AWS::Region}", "period": 300, "metrics": metrics}
    return {"type": "metric", "properties": shown}


def _charts() -> dict[str, list[list[Any]]]:
    api = ["AWS/ApiGateway", "{}", "ApiName", "${AWS::StackName}", "Stage", "${Stage}"]
    return {
        "Requests and errors": [
            _line(api, of, stat="Sum") for of in ("Count", "4XXError", "5XXError")
        ],
        "Latency (ms)": [_line(api, "Latency", stat=stat) for stat in ("p50", "p90", "p99")],
        "Runs": _lambda("Invocations", FUNCTIONS),
        "Errors": _lambda("Errors", FUNCTIONS),
        "Throttles": _lambda("Throttles", FUNCTIONS),
        "Duration, p99 (ms)": _lambda("Duration", FUNCTIONS, stat="p99"),
        "Behind the streams (ms)": _lambda(
            "IteratorAge", (n for n, f in FUNCTIONS.items() if f.streams), stat="Maximum"
        ),
        "Set aside": [
            _line(
                ["AWS/SQS", "{}", "QueueName", f"${{{dead_letters(name)}.QueueName}}"],
                "ApproximateNumberOfMessagesVisible",
                stat="Maximum",
            )
            for name, function in FUNCTIONS.items()
            if is_asynchronous(function)
        ],
        "Refused by tables": [
            _line(["AWS/DynamoDB", "{}", "TableName", f"${{{table_id(table)}}}"], of, stat="Sum")
            for table in TABLES
            for of in ("ReadThrottleEvents", "WriteThrottleEvents")
        ],
        "Spent on AI (USD)": [_line(["Reflekt/${AWS::StackName}", "{}"], "AiSpendUsd", stat="Sum")],
    }


def _line(metric: list[str], of: str, **options: str) -> list[Any]:
    return [of if part == "{}" else part for part in metric] + [options]


def _lambda(of: str, names: Iterable[str], stat: str = "Sum") -> list[list[Any]]:
    return [
        _line(["AWS/Lambda", "{}", "FunctionName", f"${{{logical(name)}}}"], of, stat=stat)
        for name in names
    ]
