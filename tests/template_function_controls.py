"""Controls of functions: how each runs, what it is told, and what it may do."""

import json
import re
from collections.abc import Iterator
from typing import Any

from reflekt_chalice.deployment.template.permissions import ANY_RESOURCE
from reflekt_chalice.functions import FUNCTIONS, Access
from reflekt_core.stores.dynamodb.tables import INDEXES, TABLES

from .template_control import (
    AI_KEYS,
    ASYNCHRONOUS,
    FUNCTION,
    READS,
    ROLE,
    SECRETS,
    WRITES,
    Control,
    Found,
    Template,
    at,
    both,
    branch,
    each,
    ids,
    listed,
    name_of,
    plain,
    properties,
    put,
)

# Functions


def functions(*path: str | int, be: Any) -> Control:
    """Return the control that every function has what it should at *path*."""
    right = be if callable(be) else lambda _: be
    return each(
        FUNCTION,
        "Properties",
        *path,
        be=lambda id, value: value == right(name_of(id)),
        least=len(FUNCTIONS),
    )


def _environment(template: Template, id: str) -> dict[str, Any]:
    found = at(template["Resources"][id], ("Properties", "Environment", "Variables"))
    return found or {}


def _variables(name: str) -> set[str]:
    function = FUNCTIONS[name]
    found = {"STAGE", "LOG_LEVEL"}
    if function.tables:
        found.add("REFLEKT_STORE")
    if function.publishes:
        found.add("REFLEKT_EVENT_BUS")
    if function.operations:
        found |= {"REFLEKT_CORS_ORIGINS", "REFLEKT_CURSOR_SECRET_PARAMETER"}
    if name == "authorizer":
        found |= {"JWT_SECRET_PARAMETER", "JWT_JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE"}
        found |= {"JWT_ROLE_CLAIM", "JWT_SCOPE_CLAIM", "JWT_SECRET_PREVIOUS_PARAMETER"}
        found |= {"REFLEKT_CURSOR_SECRET_PARAMETER"}
    if function.ai_key:
        found |= {"AI_PROVIDER", "OPENAI_API_KEY_PARAMETER", "ANTHROPIC_API_KEY_PARAMETER"}
    return found


def environments() -> Control:
    """Return the control that a function is told what it needs, and no other's secrets."""

    def wrong(template: Template) -> Found:
        for name in FUNCTIONS:
            if _environment(template, plain(name)).keys() != _variables(name):
                yield name

    def without(template: Template) -> Iterator[Template]:
        for name in FUNCTIONS:
            place = ("Resources", plain(name), "Properties", "Environment", "Variables")
            for variable in _variables(name):
                yield put(template, (*place, variable), None)
            if name != "ai":
                yield put(template, (*place, "OPENAI_API_KEY_PARAMETER"), {"Ref": "Stage"})
            yield put(template, (*place, "JWT_SECRET"), "a secret")

    return Control(wrong, without)


def homes() -> Control:
    """Return the control that a function opens the stack's tables, and looks accounts up in its own."""

    def right(id: str, value: Any) -> bool:
        home = FUNCTIONS[name_of(id)].home
        wanted = {"Fn::Sub": f"dynamodb://${{AWS::StackName}}?account={home}"}
        return value == (wanted if FUNCTIONS[name_of(id)].tables else None)

    path = ("Properties", "Environment", "Variables", "REFLEKT_STORE")

    def without(template: Template) -> Iterator[Template]:
        for name, function in FUNCTIONS.items():
            if function.tables:
                yield put(template, ("Resources", plain(name), *path), "dynamodb://other")

    return Control(each(FUNCTION, *path, be=right).wrong, without)


def reserved() -> Control:
    """Return the control that functions which follow events have a limit of their own."""

    def right(id: str, value: Any) -> bool:
        limit = branch(value, "ReservesConcurrency")
        if name_of(id) in ASYNCHRONOUS:
            return isinstance(limit, int) and limit > 0
        return limit == {"Ref": "AWS::NoValue"}

    return each(FUNCTION, "Properties", "ReservedConcurrentExecutions", be=right)


# Permissions

STATEMENTS = ("Policies", 0, "PolicyDocument", "Statement")


def statements(template: Template, id: str) -> list[Any]:
    """Return all statements of a role, those under conditions, too."""
    found = at(properties(template, id), STATEMENTS) or []
    return [one["Fn::If"][1] if "Fn::If" in one else one for one in found]


def grants(template: Template, name: str) -> dict[str, set[str]]:
    """Return what the function *name* may do: actions by resource, as text."""
    found: dict[str, set[str]] = {}
    for statement in statements(template, f"{plain(name)}Role"):
        resources = statement["Resource"]
        for resource in resources if isinstance(resources, list) else [resources]:
            found.setdefault(_shown(resource), set()).update(statement["Action"])
    return found


def _shown(resource: Any) -> str:
    if isinstance(resource, str):
        return resource
    ((kind, value),) = resource.items()
    return ".".join(value) if kind == "Fn::GetAtt" else f"{value}"


def expected_grants(name: str) -> dict[str, set[str]]:
    """Return what the function *name* should be allowed, from the matrix alone."""
    function = FUNCTIONS[name]
    ssm = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
    found = {
        f"{plain(name)}Logs.Arn": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "*": {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
    }
    for table, access in function.tables.items():
        id = f"{plain(table)}Table"
        found[f"{id}.Arn"] = READS | (WRITES if access is Access.WRITE else set())
        spanning = {"due"} if function.every_minutes else set()
        for index in (*spanning, *INDEXES.get(table, {})):
            found[f"${{{id}.Arn}}/index/{index}"] = {"dynamodb:Query"}
    for table in function.streams:
        actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
        found[f"{plain(table)}Table.StreamArn"] = {f"dynamodb:{action}" for action in actions}
    if function.publishes:
        found["EventBus.Arn"] = {"events:PutEvents"}
    if name in ASYNCHRONOUS:
        found[f"{plain(name)}DeadLetters.Arn"] = {"sqs:SendMessage"}
    secrets = {"CursorSecretParameter"} if function.operations else set()
    secrets |= AI_KEYS if name == "ai" else set()
    if name == "authorizer":
        secrets |= {"JwtSecretParameter", "JwtSecretPreviousParameter", "CursorSecretParameter"}
    for secret in secrets:
        found[f"{ssm}${{{secret}}}"] = {"ssm:GetParameter"}
    if secrets or function.tables or function.streams:
        found["KmsKeyArn"] = {"kms:Decrypt", "kms:DescribeKey"}
    return found


def least_privilege() -> Control:
    """Return the control that each function may do what the matrix says, and nothing else."""

    def wrong(template: Template) -> Found:
        for name in FUNCTIONS:
            if grants(template, name) != expected_grants(name):
                yield name

    def without(template: Template) -> Iterator[Template]:
        for name in FUNCTIONS:
            id = f"{plain(name)}Role"
            place = ("Resources", id, "Properties", *STATEMENTS)
            present = at(properties(template, id), STATEMENTS)
            for index in range(len(present)):
                yield put(template, place, present[:index] + present[index + 1 :])
            for action in ("dynamodb:Scan", "dynamodb:PutItem"):
                for table in TABLES:
                    arn = {"Fn::GetAtt": [f"{plain(table)}Table", "Arn"]}
                    if action in expected_grants(name).get(f"{plain(table)}Table.Arn", ()):
                        continue
                    more = {"Effect": "Allow", "Action": [action], "Resource": arn}
                    yield put(template, place, [*present, more])

    return Control(wrong, without)


def no_wildcards() -> Control:
    """Return the control that `*` is a resource only where AWS offers none, and never an action."""

    def wrong(template: Template) -> Found:
        for id in ids(template, ROLE):
            for statement in statements(template, id):
                loose = "*" in listed(statement["Resource"])
                actions = set(listed(statement["Action"]))
                if loose and not actions <= ANY_RESOURCE.keys():
                    yield id
                if any("*" in action for action in actions):
                    yield id

    def without(template: Template) -> Iterator[Template]:
        for name in FUNCTIONS:
            id = f"{plain(name)}Role"
            for index, statement in enumerate(statements(template, id)):
                place = ("Resources", id, "Properties", *STATEMENTS, index)
                yield put(template, place, statement | {"Action": ["dynamodb:*"]})
                if statement["Resource"] != "*":
                    yield put(template, place, statement | {"Resource": "*"})

    return Control(wrong, without)


def own_roles() -> Control:
    """Return the control that no two functions share a role, and that Lambda alone may take it."""

    def right(id: str, value: Any) -> bool:
        return bool(value == {"Fn::GetAtt": [f"{id}Role", "Arn"]})

    def wrong(template: Template) -> Found:
        for name in FUNCTIONS:
            trust = at(
                properties(template, f"{plain(name)}Role"),
                ("AssumeRolePolicyDocument", "Statement", 0, "Principal"),
            )
            if trust != {"Service": "lambda.amazonaws.com"}:
                yield name

    def without(template: Template) -> Iterator[Template]:
        for name in FUNCTIONS:
            path = ("AssumeRolePolicyDocument", "Statement", 0, "Principal")
            yield put(template, ("Resources", f"{plain(name)}Role", "Properties", *path), "*")
            yield put(template, ("Resources", f"{plain(name)}Role"), None)

    return both(each(FUNCTION, "Properties", "Role", be=right), Control(wrong, without))


# Secrets


_SUSPICIOUS = re.compile("SECRET|KEY|TOKEN|PASSWORD", re.IGNORECASE)


def keys_by_way() -> Control:
    """Return the control that a key of one's own is used by way of the services that need it alone."""

    def expected(name: str) -> list[str]:
        function = FUNCTIONS[name]
        tables = ["dynamodb"] if function.tables or function.streams else []
        secrets = ["ssm"] if function.operations or name == "authorizer" else []
        return [f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}" for service in tables + secrets]

    def place(template: Template, name: str) -> int:
        resources = [one["Resource"] for one in statements(template, f"{plain(name)}Role")]
        return resources.index({"Ref": "KmsKeyArn"})

    def wrong(template: Template) -> Found:
        for name in FUNCTIONS:
            index = place(template, name)
            told = at(
                statements(template, f"{plain(name)}Role")[index],
                ("Condition", "StringEquals", "kms:ViaService"),
            )
            under = at(
                properties(template, f"{plain(name)}Role"), (*STATEMENTS, index, "Fn::If", 0)
            )
            if told != [{"Fn::Sub": one} for one in expected(name)] or under != "HasKmsKey":
                yield name

    def without(template: Template) -> Iterator[Template]:
        for name in FUNCTIONS:
            path = ("Resources", f"{plain(name)}Role", "Properties", *STATEMENTS)
            index = place(template, name)
            yield put(template, (*path, index, "Fn::If", 1, "Condition"), None)
            yield put(template, (*path, index, "Fn::If", 0), "HasCors")

    return Control(wrong, without)


def _told_plainly(template: Template) -> Found:
    for id in ids(template, FUNCTION):
        for variable, value in _environment(template, id).items():
            if _SUSPICIOUS.search(variable) and _secret_named(value) not in SECRETS:
                yield f"{id}.{variable}"


def _shown_secrets(template: Template) -> Found:
    for name, output in template["Outputs"].items():
        if any(secret in json.dumps(output) for secret in SECRETS):
            yield name
    for name, parameter in template["Parameters"].items():
        if "SSM" in parameter["Type"] or parameter.get("NoEcho"):
            yield name  # its value would be resolved, and end up in the stack


def no_secrets() -> Control:
    """Return the control that no secret stands in parameters, variables or outputs."""

    def without(template: Template) -> Iterator[Template]:
        for id in ids(template, FUNCTION):
            place = ("Resources", id, "Properties", "Environment", "Variables")
            yield put(template, (*place, "A_TOKEN"), "plain")
            for variable in filter(_SUSPICIOUS.search, _environment(template, id)):
                yield put(template, (*place, variable), "plain")
        for secret in SECRETS:
            yield put(template, ("Outputs", "More"), {"Value": {"Ref": secret}})
            kind = "AWS::SSM::Parameter::Value<String>"
            yield put(template, ("Parameters", secret, "Type"), kind)

    return Control(lambda made: [*_told_plainly(made), *_shown_secrets(made)], without)


def _secret_named(value: Any) -> Any:
    """Return the parameter whose value, the name of a secret, is *value*."""
    if isinstance(value, dict) and "Fn::If" in value:
        _, value, otherwise = value["Fn::If"]
        if otherwise:
            return None
    return value.get("Ref") if isinstance(value, dict) else None
