"""Controls of alarms, the dashboard and the firewall."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reflekt_chalice.functions import FUNCTIONS
from reflekt_core.stores.dynamodb.tables import TABLES

from .template_control import (
    ASYNCHRONOUS,
    Control,
    Found,
    Template,
    at,
    between,
    plain,
    properties,
    put,
)

# Alarms


def alarmed(wanted: Mapping[str, tuple[str, str]]) -> Control:
    """Return the control that these alarms are there: id, and the metric with its namespace."""

    def wrong(template: Template) -> Found:
        for id, (namespace, metric) in wanted.items():
            made = properties(template, id)
            space = made.get("Namespace")
            told = space["Fn::Sub"] if isinstance(space, dict) else space
            if (told, made.get("MetricName")) != (namespace, metric) or not _acts(made):
                yield id

    def without(template: Template) -> Iterator[Template]:
        for id in wanted:
            yield put(template, ("Resources", id), None)
            for key in ("AlarmActions", "MetricName", "Threshold"):
                yield put(template, ("Resources", id, "Properties", key), None)

    return Control(wrong, without)


def _acts(made: Any) -> bool:
    return (
        made.get("AlarmActions") == [{"Ref": "AlarmTopic"}]
        and made.get("Threshold") is not None
        and made.get("ComparisonOperator", "").startswith("Greater")
        and made.get("TreatMissingData") == "notBreaching"
    )


def of_functions(end: str, metric: str, names: Iterable[str]) -> Control:
    """Return the control that there is an alarm for *metric* of each of the functions *names*."""
    wanted = {f"{plain(name)}{end}": ("AWS/Lambda", metric) for name in names}
    named = alarmed(wanted)

    def wrong(template: Template) -> Found:
        yield from named.wrong(template)
        for id in wanted:
            about = [{"Name": "FunctionName", "Value": {"Ref": id.removesuffix(end)}}]
            if properties(template, id).get("Dimensions") != about:
                yield id

    return Control(wrong, named.without)


def queues_alarmed() -> Control:
    """Return the control that whatever is set aside rings an alarm."""
    metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    named = alarmed({f"{plain(name)}SetAside": metric for name in ASYNCHRONOUS})

    def wrong(template: Template) -> Found:
        yield from named.wrong(template)
        for name in ASYNCHRONOUS:
            made = properties(template, f"{plain(name)}SetAside")
            queue = {"Fn::GetAtt": [f"{plain(name)}DeadLetters", "QueueName"]}
            if made.get("Dimensions") != [{"Name": "QueueName", "Value": queue}]:
                yield name
            if made.get("Threshold") != 1:
                yield name

    return Control(wrong, named.without)


def counted(id: str, group: str, pattern: str, value: str) -> Control:
    """Return the control that lines of a log are counted."""

    def wrong(template: Template) -> Found:
        made = properties(template, id)
        told = (
            made.get("LogGroupName"),
            made.get("FilterPattern"),
            at(made, ("MetricTransformations", 0, "MetricValue")),
        )
        if told != ({"Ref": group}, pattern, value):
            yield id

    def without(template: Template) -> Iterator[Template]:
        yield put(template, ("Resources", id), None)
        for key in ("LogGroupName", "FilterPattern", "MetricTransformations"):
            yield put(template, ("Resources", id, "Properties", key), None)

    return Control(wrong, without)


def dashboard() -> Control:
    """Return the control that the dashboard shows the API, every function, queue and table, and AI."""

    def shown() -> set[str]:
        found = {f"${{{plain(name)}}}" for name in FUNCTIONS}
        found |= {f"${{{plain(name)}DeadLetters.QueueName}}" for name in ASYNCHRONOUS}
        found |= {f"${{{plain(table)}Table}}" for table in TABLES}
        return found | {"5XXError", "IteratorAge", "AiSpendUsd"}

    def text(template: Template) -> str:
        return str(at(properties(template, "Dashboard"), ("DashboardBody", "Fn::Sub")) or "")

    def wrong(template: Template) -> Found:
        return (one for one in shown() if f'"{one}"' not in text(template))

    def without(template: Template) -> Iterator[Template]:
        yield put(template, ("Resources", "Dashboard"), None)
        path = ("Resources", "Dashboard", "Properties", "DashboardBody", "Fn::Sub")
        for one in shown():
            yield put(template, path, text(template).replace(f'"{one}"', '"other"'))

    return Control(wrong, without)


# The firewall


PARTS = ("Firewall", "FirewallAtApi", "FirewallLogs", "FirewallLogging")
MANAGED = {
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
}


def _stands(template: Template) -> Found:
    yield from (id for id in PARTS if at(template, ("Resources", id, "Condition")) != "HasWaf")
    where = properties(template, "FirewallAtApi")
    if "${RestAPI}/stages/${RestAPI.Stage}" not in str(where.get("ResourceArn")):
        yield "stage"
    if where.get("WebACLArn") != {"Fn::GetAtt": ["Firewall", "Arn"]}:
        yield "firewall"


def _guards(template: Template) -> Found:
    made = properties(template, "Firewall")
    named = {one["Name"]: one for one in made.get("Rules", ())}
    yield from MANAGED - named.keys()
    limit = at(named.get("requests-per-address"), ("Statement", "RateBasedStatement", "Limit"))
    if not between(100, 100_000)("", limit):
        yield "rate"
    if '"SampledRequestsEnabled": true' in json.dumps(made):
        yield "samples"
    redacted = str(properties(template, "FirewallLogging").get("RedactedFields"))
    yield from (one for one in ("authorization", "QueryString", "UriPath") if one not in redacted)


def firewall() -> Control:
    """Return the control that the firewall stands at the stage, where it is wanted."""
    lists = {("Firewall", "Rules"), ("FirewallLogging", "RedactedFields")}

    def without(template: Template) -> Iterator[Template]:
        for id in PARTS:
            yield put(template, ("Resources", id), None)
            yield put(template, ("Resources", id, "Condition"), None)
        for key in ("WebACLArn", "ResourceArn"):
            yield put(template, ("Resources", "FirewallAtApi", "Properties", key), None)
        sampled: Any = True
        path = ("Properties", "VisibilityConfig", "SampledRequestsEnabled")
        yield put(template, ("Resources", "Firewall", *path), sampled)
        for id, key in lists:
            place = ("Resources", id, "Properties", key)
            found = at(template, place)
            for index in range(len(found)):
                yield put(template, place, found[:index] + found[index + 1 :])

    return Control(lambda made: [*_stands(made), *_guards(made)], without)
