"""
What the emulator does not do as AWS does: each function shows one such thing, and returns what it saw.

It raises if the emulator has learnt it: then the claim belongs into `claims.py`, and a rewriting or a
row of `docs/explanation/aws-emulators.md` may go.
"""

import io
import json
import zipfile
from collections.abc import Callable
from time import sleep
from typing import Any
from uuid import uuid4

import attrs
from account import Account, eventually
from claims import check

QUIET_SECONDS = 6.0
"""For how long to look that nothing more happens."""

_TRUSTED = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_ALLOWED = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sqs:*", "dynamodb:*"], "Resource": "*"}],
}
_FAILS = "def handler(event, context):\n    raise ValueError\n"
_REPORTS = """
def handler(event, context):
    numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}
"""


@attrs.frozen
class Limit:
    """What AWS does and the emulator does not, what shows it, and where else it is shown."""

    title: str
    elsewhere: str
    show: Callable[[Account], str]


LIMITS: list[Limit] = []


def limit(
    title: str, elsewhere: str
) -> Callable[[Callable[[Account], str]], Callable[[Account], str]]:
    """Register what shows the limit *title*."""

    def register(show: Callable[[Account], str]) -> Callable[[Account], str]:
        LIMITS.append(Limit(title, elsewhere, show))
        return show

    return register


@limit("records that a function reports as failed are not sent again", "test_chalice_triggers.py")
def _partial(account: Account) -> str:
    name = _function(account, _REPORTS)
    _followed(account, name, FunctionResponseTypes=["ReportBatchItemFailures"])
    eventually(lambda: _calls(account, name), bool)
    sleep(QUIET_SECONDS)
    calls = _calls(account, name)
    check(calls == 1, calls)
    return f"a record reported as failed: {calls} call in {QUIET_SECONDS:.0f} s"


@limit(
    "a stream's tries are not counted: a poisoned batch is tried until it is too old",
    "test_chalice_triggers.py",
)
def _stream_retries(account: Account) -> str:
    name, queue = _function(account, _FAILS), _queue(account)
    _followed(
        account,
        name,
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    calls = eventually(lambda: _calls(account, name), lambda seen: seen > 2)
    waiting = _waiting(account, queue)
    check(waiting == 0, waiting)
    return f"MaximumRetryAttempts 1: {calls} calls, nothing set aside"


@limit(
    "a rule calls a function once, without tries or OnFailure",
    "the claim about an event that fails",
)
def _rule_once(account: Account) -> str:
    name, queue = _function(account, _FAILS), _queue(account)
    account.client("lambda").put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    events, bus = account.client("events"), account.outputs["EventBusName"]
    arn = account.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
    entry = {"EventBusName": bus, "Source": name, "DetailType": "Probe", "Detail": "{}"}
    events.put_events(Entries=[entry])
    eventually(lambda: _calls(account, name), bool)
    sleep(QUIET_SECONDS)
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["1"])
    events.delete_rule(Name=name, EventBusName=bus)
    calls, waiting = _calls(account, name), _waiting(account, queue)
    check((calls, waiting) == (1, 0), (calls, waiting))
    return f"MaximumRetryAttempts 2: {calls} call, {waiting} set aside"


@limit(
    "what a rule cannot hand over does not come into the rule's own queue",
    "test_aws_template.py: every rule has one",
)
def _rule_letters(account: Account) -> str:
    queue, name = _queue(account), f"probe-{uuid4().hex[:8]}"
    events, bus = account.client("events"), account.outputs["EventBusName"]
    region = account.emulator.environment()["AWS_REGION"]
    gone = f"arn:aws:lambda:{region}:{account.emulator.account}:function:{name}"
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": [name]}))
    target = {"Id": "1", "Arn": gone, "DeadLetterConfig": {"Arn": queue}}
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    entry = {"EventBusName": bus, "Source": name, "DetailType": "Probe", "Detail": "{}"}
    events.put_events(Entries=[entry])
    sleep(QUIET_SECONDS)
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["1"])
    events.delete_rule(Name=name, EventBusName=bus)
    waiting = _waiting(account, queue)
    check(waiting == 0, waiting)
    return f"a target that does not exist: {waiting} messages in {QUIET_SECONDS:.0f} s"


@limit(
    "an API's document brings no request validators",
    "test_aws_template.py; functions validate all the same",
)
def _validators(account: Account) -> str:
    found = account.client("apigateway").get_request_validators(
        restApiId=account.resources["RestAPI"]
    )
    check(not found["items"], found["items"])
    return "the document names two, the API has none"


@limit("API Gateway writes no access log", "test_aws_template.py: its format")
def _access_log(account: Account) -> str:
    account.nobody().ask("GET", "/health", expect=200)
    logs = account.client("logs")
    group = f"/aws/apigateway/{account.stack}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    check(not streams, streams)
    return f"{group} is there, and empty"


@limit("WWW-Authenticate is not renamed", "nothing; our client does not read it")
def _renamed(account: Account) -> str:
    headers = account.nobody().ask("GET", "/entries", expect=401).headers
    check("x-amzn-remapped-www-authenticate" not in headers, headers)
    return f"www-authenticate: {headers.get('www-authenticate', 'missing')}"


@limit("BatchGetItem says nothing of capacity units", "dynoxide: test_dynamodb_capacity.py")
def _capacity(account: Account) -> str:
    keys = {"Keys": [{"u": {"S": "probe"}, "k": {"S": "head"}}]}
    answer = account.client("dynamodb").batch_get_item(
        RequestItems={f"{account.outputs['TablePrefix']}-jobs": keys},
        ReturnConsumedCapacity="TOTAL",
    )
    check("ConsumedCapacity" not in answer, answer)
    return "ReturnConsumedCapacity: TOTAL, and no ConsumedCapacity"


@limit("arithmetic on numbers keeps 28 of 38 digits", "dynoxide; the store counts in small numbers")
def _digits(account: Account) -> str:
    client, table = account.client("dynamodb"), f"{account.outputs['TablePrefix']}-jobs"
    key = {"u": {"S": "probe"}, "k": {"S": uuid4().hex}}
    number = 12345678901234567890123456789012345678
    client.put_item(TableName=table, Item={**key, "x": {"N": str(number)}})
    kept = client.get_item(TableName=table, Key=key)["Item"]["x"]["N"]
    added = client.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="ADD x :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )["Attributes"]["x"]["N"]
    check(kept == str(number), kept)
    check(added != str(number + 1), added)
    return f"38 digits are kept as they are; plus 1 they are {added}"


@limit("KMS decrypts what was tampered with", "nothing; we encrypt no text with KMS yet")
def _tampered(account: Account) -> str:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"probe")["CiphertextBlob"]
    other = sealed[:-1] + bytes([sealed[-1] ^ 1])
    opened = kms.decrypt(CiphertextBlob=other, KeyId=key)["Plaintext"]
    check(opened != b"probe", opened)
    return f"one bit turned: {opened!r}, and no error"


def _function(account: Account, code: str) -> str:
    """Return the name of a new function."""
    name, iam = f"probe-{uuid4().hex[:8]}", account.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUSTED))
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(_ALLOWED))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("probe.py", code)
    account.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="probe.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": packed.getvalue()},
    )
    return name


def _followed(account: Account, function: str, **settings: Any) -> None:
    """Let *function* follow the stream of a new table, and store an item there."""
    client = account.client("dynamodb")
    made = client.create_table(
        TableName=function,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    account.client("lambda").create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=made["TableDescription"]["LatestStreamArn"],
        StartingPosition="TRIM_HORIZON",
        **settings,
    )
    client.put_item(TableName=function, Item={"k": {"S": "one"}})


def _queue(account: Account) -> str:
    """Return the ARN of a new queue."""
    client = account.client("sqs")
    url = client.create_queue(QueueName=f"probe-{uuid4().hex[:8]}")["QueueUrl"]
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])


def _waiting(account: Account, arn: str) -> int:
    client = account.client("sqs")
    url = client.get_queue_url(QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"]
    name = "ApproximateNumberOfMessages"
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(found["Attributes"][name])


def _calls(account: Account, function: str) -> int:
    return sum(line.startswith("START") for line in account.lines(f"/aws/lambda/{function}"))
