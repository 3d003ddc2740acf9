"""What each function may do: statements of its own role, derived from `FUNCTIONS`."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reflekt_chalice.deployment.template.intrinsics import NOTHING, Plain, att, choice, ref, sub
from reflekt_chalice.deployment.template.names import dead_letters, log_group, role, table_id
from reflekt_chalice.functions import FUNCTIONS, Access, Function
from reflekt_core.stores.dynamodb.tables import schema

__all__ = ["ANY_RESOURCE", "READS", "WRITES", "is_asynchronous", "roles", "secrets_of"]

READS: Final = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
WRITES: Final = (
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:ConditionCheckItem",
)

_TRACES: Final = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")

ANY_RESOURCE: Final[Mapping[str, str]] = {
    "xray:PutTraceSegments": "X-Ray has no resource for traces: the action takes none but `*`.",
    "xray:PutTelemetryRecords": "The same: X-Ray has no resource for telemetry.",
}
"""The actions that are allowed on ``*``, and why nothing narrower can be said."""


def is_asynchronous(function: Function) -> bool:
    """Whether nobody waits for *function*: what it fails at must be kept."""
    return bool(function.streams or function.events or function.every_minutes)


def roles() -> Plain:
    """Return the functions' roles, by what the template calls them."""
    return {role(name): _role(name, function) for name, function in FUNCTIONS.items()}


def _role(name: str, function: Function) -> Plain:
    statements = list(_statements(name, function))
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": sub(f"What the function {name} of ${{AWS::StackName}} may do."),
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            "Policies": [
                {
                    "PolicyName": "own",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                }
            ],
        },
    }


def _statements(name: str, function: Function) -> Iterator[Plain]:
    yield _allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], att(log_group(name), "Arn"))
    yield _allow("Traces", list(_TRACES), "*")  # see ANY_RESOURCE
    for table, access in function.tables.items():
        yield from _on_table(table, access, spans_users=function.every_minutes is not None)
    for table in function.streams:
        yield _on_stream(table)
    if function.publishes:
        yield _allow("Bus", ["events:PutEvents"], att("EventBus", "Arn"))
    if is_asynchronous(function):
        yield _allow("SetsAside", ["sqs:SendMessage"], att(dead_letters(name), "Arn"))
    for parameter, condition in secrets_of(name).items():
        yield _on_secret(parameter, condition)
    if services := list(_encrypting(name, function)):
        yield _on_key(services)


def _allow(sid: str, actions: list[str], resource: Any) -> Plain:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _on_table(table: str, access: Access, *, spans_users: bool) -> Iterator[Plain]:
    writes = WRITES if access is Access.WRITE else ()
    id = table_id(table)
    made = schema("", table)
    # A global index lists items of every user: only who looks for what is due, by the clock, does.
    indexes = made["GlobalSecondaryIndexes"] if spans_users else []
    indexes = indexes + made.get("LocalSecondaryIndexes", [])
    # No more than one action is of use on an index, and Scan on nothing.
    yield _allow(f"{id}Items", [*READS, *writes], att(id, "Arn"))
    if indexes:
        yield _allow(
            f"{id}Indexes",
            ["dynamodb:Query"],
            [sub(f"${{{id}.Arn}}/index/{index['IndexName']}") for index in indexes],
        )


def _on_stream(table: str) -> Plain:
    actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    id = table_id(table)
    return _allow(f"{id}Stream", [f"dynamodb:{action}" for action in actions], att(id, "StreamArn"))


def secrets_of(name: str) -> Mapping[str, str | None]:
    """
    Return the parameters that name the secrets of the function *name*.

    With each stands the condition under which there is such a secret; None is always.
    """
    function = FUNCTIONS[name]
    if name == "authorizer":
        # With keys of a provider, the configuration insists on a secret for cursors.
        return {
            "JwtSecretParameter": "HasJwtSecret",
            "JwtSecretPreviousParameter": "HasPreviousJwtSecret",
            "CursorSecretParameter": "HasJwks",
        }
    found: dict[str, str | None] = {"CursorSecretParameter": None} if function.operations else {}
    if function.ai_key:
        found["OpenAiApiKeyParameter"] = "HasOpenAiKey"
        found["AnthropicApiKeyParameter"] = "HasAnthropicKey"
    return found


def _on_secret(parameter: str, condition: str | None) -> Plain:
    place = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
    statement = _allow(
        parameter.removesuffix("Parameter"),
        ["ssm:GetParameter"],
        sub(f"{place}${{{parameter}}}"),
    )
    return choice(condition, statement, NOTHING) if condition else statement


def _encrypting(name: str, function: Function) -> Iterator[str]:
    """Yield the services that decrypt for *function* with a key of one's own."""
    if function.tables or function.streams:
        yield "dynamodb"
    if secrets_of(name):
        yield "ssm"


def _on_key(services: list[str]) -> Plain:
    """Return the use of a key of one's own, by way of *services* alone."""
    statement = _allow("Key", ["kms:Decrypt", "kms:DescribeKey"], ref("KmsKeyArn"))
    through = [sub(f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}") for service in services]
    statement["Condition"] = {"StringEquals": {"kms:ViaService": through}}
    return choice("HasKmsKey", statement, NOTHING)
