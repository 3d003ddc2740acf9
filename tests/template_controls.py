"""The controls of the template on AWS, as one table."""

import json
from collections.abc import Iterator
from typing import Any

from reflekt_chalice.adapter import AUTHORIZER_SECONDS
from reflekt_chalice.deployment.template.tags import AS_LIST, AS_MAP, UNTAGGED
from reflekt_chalice.functions import FUNCTIONS

from .template_alarm_controls import (
    alarmed,
    counted,
    dashboard,
    firewall,
    of_functions,
    queues_alarmed,
)
from .template_api_controls import (
    AUTHORIZER,
    api,
    authorized,
    gateway_answers,
    integrations,
    invocations,
    log_format,
    noting,
    validators,
)
from .template_control import (
    API,
    ASYNCHRONOUS,
    BUCKET,
    FUNCTION,
    INVOKE,
    LOGS,
    MAPPING,
    QUEUE,
    Control,
    Found,
    Template,
    at,
    between,
    both,
    branch,
    each,
    ids,
    plain,
    put,
)
from .template_event_controls import (
    followed,
    its_function,
    its_queue,
    policy_statement,
    queue_senders,
    rules,
    streams,
    table_shapes,
    tables,
    targets,
)
from .template_function_controls import (
    environments,
    functions,
    homes,
    keys_by_way,
    least_privilege,
    no_secrets,
    no_wildcards,
    own_roles,
    reserved,
)

# Everything


def tags() -> Control:
    """Return the control that whatever takes tags has them."""

    def wrong(template: Template) -> Found:
        for id, resource in template["Resources"].items():
            kind = resource["Type"]
            made = resource["Properties"].get("Tags")
            if kind in AS_LIST:
                made = {one["Key"]: one["Value"] for one in made or ()}
            known = kind in AS_LIST | AS_MAP | UNTAGGED
            if not known or (kind not in UNTAGGED and not _is_tagged(made, template)):
                yield id

    def without(template: Template) -> Iterator[Template]:
        for id, resource in template["Resources"].items():
            if "Tags" in resource["Properties"]:
                yield put(template, ("Resources", id, "Properties", "Tags"), None)

    return Control(wrong, without)


def _is_tagged(made: Any, template: Template) -> bool:
    wanted = {"Application": "reflekt-journal", "Stack": {"Ref": "AWS::StackName"}}
    if "Stage" in template["Parameters"]:
        wanted["Stage"] = {"Ref": "Stage"}
    return bool(made == wanted)


def guided_parameters() -> Control:
    """Return the control that a parameter says what it is, and takes only what makes sense."""

    def wrong(template: Template) -> Found:
        for name, one in template["Parameters"].items():
            bounded = one["Type"] == "Number" and {"MinValue", "MaxValue"} <= one.keys()
            told = "AllowedPattern" in one and "ConstraintDescription" in one
            if not (one.get("Description") and (bounded or told or "AllowedValues" in one)):
                yield name

    def without(template: Template) -> Iterator[Template]:
        for name, one in template["Parameters"].items():
            for key in ("Description", "AllowedPattern", "AllowedValues", "MaxValue"):
                if key in one:
                    yield put(template, ("Parameters", name, key), None)

    return Control(wrong, without)


def told() -> Control:
    """Return the control that the stack tells what commands and people need of it."""
    wanted = {"ApiUrl", "EventBusName", "TablePrefix", "StaticContentBucket", "DashboardUrl"}
    wanted |= {f"{plain(name)}DeadLettersUrl" for name in ASYNCHRONOUS}

    def without(template: Template) -> Iterator[Template]:
        for name in wanted:
            yield put(template, ("Outputs", name), None)

    return Control(lambda template: wanted - template["Outputs"].keys(), without)


def leftovers() -> Control:
    """Return the control that nothing stays of the one function that Chalice would have made."""
    gone = {"APIHandler", "DefaultRole", "APIHandlerInvokePermission"}

    def wrong(template: Template) -> Found:
        yield from gone & template["Resources"].keys()
        if "APIHandler" in json.dumps(template):
            yield "APIHandler"
        wanted = {plain(name) for name in FUNCTIONS}
        yield from wanted ^ set(ids(template, FUNCTION))

    def without(template: Template) -> Iterator[Template]:
        for id in gone:
            yield put(template, ("Resources", id), {"Type": FUNCTION, "Properties": {}})
        yield put(template, ("Outputs", "Name"), {"Value": {"Ref": "APIHandler"}})

    return Control(wrong, without)


KEY = {"Ref": "KmsKeyArn"}


def with_key(_: str, value: Any) -> bool:
    """Whether a key of one's own is used where there is one."""
    return bool(branch(value, "HasKmsKey") == KEY)


def _encrypted_bucket(_: str, value: Any) -> bool:
    own, aws = branch(value, "HasKmsKey"), branch(value, "HasKmsKey", holds=False)
    return own == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY} and aws == {
        "SSEAlgorithm": "AES256"
    }


def _encrypted_table(_: str, value: Any) -> bool:
    own = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    return bool(branch(value, "HasKmsKey") == own)


BUCKETS: dict[str, Control] = {
    "A bucket is private": both(
        *(
            each(BUCKET, "Properties", "PublicAccessBlockConfiguration", key, be=True)
            for key in (
                "BlockPublicAcls",
                "BlockPublicPolicy",
                "IgnorePublicAcls",
                "RestrictPublicBuckets",
            )
        )
    ),
    "A bucket is encrypted": each(
        BUCKET,
        *("Properties", "BucketEncryption", "ServerSideEncryptionConfiguration", 0),
        "ServerSideEncryptionByDefault",
        be=_encrypted_bucket,
    ),
    "A bucket keeps what was replaced": each(
        BUCKET, "Properties", "VersioningConfiguration", be={"Status": "Enabled"}
    ),
    "A bucket's objects belong to its owner": each(
        BUCKET,
        *("Properties", "OwnershipControls", "Rules", 0, "ObjectOwnership"),
        be="BucketOwnerEnforced",
    ),
    "A bucket takes TLS only": policy_statement("AWS::S3::BucketPolicy", "TlsOnly"),
    "A bucket takes TLS 1.2 or newer only": policy_statement(
        "AWS::S3::BucketPolicy", "RecentTlsOnly"
    ),
    "A bucket stays without the stack": both(
        each(BUCKET, "DeletionPolicy", be="RetainExceptOnCreate"),
        each(BUCKET, "UpdateReplacePolicy", be="Retain"),
    ),
    "Whatever takes tags has them": tags(),
    "Parameters say what they take": guided_parameters(),
}
"""Controls that the template of the artifact bucket has, too."""

CONTROLS: dict[str, Control] = {
    # API
    "The API is regional": api("EndpointConfiguration", "Type", be="REGIONAL"),
    "The API takes TLS 1.2 or newer only": api("SecurityPolicy", be="TLS_1_2"),
    "The API has one stage": api("OpenApiVersion", be="2.0"),
    "The API is deployed anew each time": api("AlwaysDeploy", be=True),
    "The API's addresses are not traced": api("TracingEnabled", be=False),
    "Nobody pays for metrics of methods": api("MethodSettings", 0, "MetricsEnabled", be=False),
    "The API is throttled": both(
        *(
            api(
                *("MethodSettings", 0, f"Throttling{key}Limit"),
                be=lambda _, value: at(value, ("Fn::FindInMap", 0)) == "OfStage",
            )
            for key in ("Rate", "Burst")
        )
    ),
    "The API logs no bodies": both(
        api("MethodSettings", 0, "DataTraceEnabled", be=False),
        api("MethodSettings", 0, "LoggingLevel", be="OFF"),
    ),
    "Access is logged": both(
        api("AccessLogSetting", "Format", be=log_format),
        api("AccessLogSetting", "DestinationArn", be={"Fn::GetAtt": ["ApiLogs", "Arn"]}),
    ),
    "Access logs hold no path, query, body, address, header or user": both(
        *map(
            noting,
            (
                "$context.path",
                "$context.identity.sourceIp",
                "$context.identity.userAgent",
                "$context.requestOverride.querystring.q",
                "$input.body",
                "$context.authorizer.principalId",
            ),
        )
    ),
    "Every operation but the public ones is authorized": authorized(),
    "The authorizer's cache time is explicit": each(
        API,
        *("Properties", "DefinitionBody", *AUTHORIZER, "authorizerResultTtlInSeconds"),
        be=AUTHORIZER_SECONDS,
    ),
    "Each path is sent to its function": integrations(),
    "Each function is called by whom it should be alone": invocations(),
    "Bodies pass as bytes": each(
        API,
        *("Properties", "DefinitionBody", "x-amazon-apigateway-binary-media-types"),
        be=["*/*"],
    ),
    "Requests are validated": validators(),
    "API Gateway's own answers are problem documents": gateway_answers(),
    "Nothing is left of Chalice's one function": leftovers(),
    # Functions
    "A function runs its handler": functions("Handler", be="reflekt_chalice.handlers.{}".format),
    "A function runs on Python 3.13": functions("Runtime", be="python3.13"),
    "A function runs on ARM64": functions("Architectures", be=["arm64"]),
    "A function has its memory": functions("MemorySize", be=lambda n: FUNCTIONS[n].memory_mb),
    "A function has its time": functions("Timeout", be=lambda n: FUNCTIONS[n].timeout_seconds),
    "A function is traced": functions("Tracing", be="Active"),
    "A function logs to its own group": functions(
        "LoggingConfig", "LogGroup", be=lambda n: {"Ref": f"{plain(n)}Logs"}
    ),
    "A function has its code": functions(
        "CodeUri",
        be=lambda n: {
            "Bucket": {"Ref": "CodeBucket"},
            "Key": {"Ref": "AiCodeKey" if FUNCTIONS[n].ai_key else "BaseCodeKey"},
        },
    ),
    "A function that follows events has a limit": reserved(),
    "A function is told what it needs alone": environments(),
    "A function opens its own tables": homes(),
    "A function has its own role": own_roles(),
    "A role allows what the matrix says": least_privilege(),
    "A key of one's own is used by way of services": keys_by_way(),
    "No action on everything, and no every action": no_wildcards(),
    "No secret in plain sight": no_secrets(),
    # Tables
    "A table is as the store needs it": table_shapes(),
    "A table can be restored to any second": tables(
        *("Properties", "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"), be=True
    ),
    "A table is protected from deletion": tables(
        "Properties", "DeletionProtectionEnabled", be={"Fn::If": ["Protects", True, False]}
    ),
    "A table stays without the stack": both(
        tables("DeletionPolicy", be="RetainExceptOnCreate"),
        tables("UpdateReplacePolicy", be="Retain"),
    ),
    "A table is encrypted with a key of one's own": tables(
        "Properties", "SSESpecification", be=_encrypted_table
    ),
    # Events
    "A function hears what it follows alone": rules(),
    "A rule calls its function": targets("Arn", be=its_function),
    "A rule tries again, within bounds": both(
        targets("RetryPolicy", "MaximumRetryAttempts", be=between(1, 185)),
        targets("RetryPolicy", "MaximumEventAgeInSeconds", be=between(60, 86_400)),
    ),
    "A rule sets aside what it cannot deliver": targets("DeadLetterConfig", "Arn", be=its_queue),
    "Every follower's retries are bounded": both(
        followed(
            INVOKE, "Retries", {n for n, f in FUNCTIONS.items() if f.events or f.every_minutes}
        ),
        each(INVOKE, "Properties", "MaximumRetryAttempts", be=between(0, 2)),
        each(INVOKE, "Properties", "MaximumEventAgeInSeconds", be=between(60, 21_600)),
    ),
    "A follower sets aside what it fails at": each(
        INVOKE, "Properties", "DestinationConfig", "OnFailure", "Destination", be=its_queue
    ),
    "The publisher reads what tells of something": streams(),
    "The publisher reports what failed of a batch": each(
        MAPPING, "Properties", "FunctionResponseTypes", be=["ReportBatchItemFailures"]
    ),
    "A batch that fails is halved": each(
        MAPPING, "Properties", "BisectBatchOnFunctionError", be=True
    ),
    "A stream's retries are bounded": both(
        each(MAPPING, "Properties", "MaximumRetryAttempts", be=between(1, 100)),
        each(MAPPING, "Properties", "MaximumRecordAgeInSeconds", be=between(60, 86_400)),
    ),
    "The publisher sets aside what it fails at": each(
        MAPPING, "Properties", "DestinationConfig", "OnFailure", "Destination", be=its_queue
    ),
    "Every asynchronous function has a queue": followed(QUEUE, "DeadLetters", ASYNCHRONOUS),
    "A queue is encrypted": each(QUEUE, "Properties", "SqsManagedSseEnabled", be=True),
    "A queue keeps for 14 days": each(QUEUE, "Properties", "MessageRetentionPeriod", be=1_209_600),
    "A queue takes TLS only": policy_statement("AWS::SQS::QueuePolicy", "TlsOnly"),
    "A queue takes what its rules set aside": queue_senders(),
    # Logs and alarms
    "A log is forgotten after a time": each(
        LOGS,
        *("Properties", "RetentionInDays"),
        be={"Fn::FindInMap": ["OfStage", {"Ref": "Stage"}, "LogDays"]},
        least=len(FUNCTIONS) + 1,
    ),
    "A log is encrypted with a key of one's own": each(LOGS, "Properties", "KmsKeyId", be=with_key),
    "Alarm: the API answers 5xx": alarmed({"ApiServerErrors": ("AWS/ApiGateway", "5XXError")}),
    "Alarm: the API throttles": both(
        alarmed({"ApiThrottles": ("Reflekt/${AWS::StackName}", "Throttled")}),
        counted("ApiThrottled", "ApiLogs", '{ $.status = "429" }', "1"),
    ),
    "Alarm: a function fails": of_functions("Errors", "Errors", FUNCTIONS),
    "Alarm: a function is throttled": of_functions("Throttles", "Throttles", FUNCTIONS),
    "Alarm: a function is slow": of_functions("Slow", "Duration", FUNCTIONS),
    "Alarm: the publisher is behind": of_functions(
        "Behind", "IteratorAge", [n for n, f in FUNCTIONS.items() if f.streams]
    ),
    "Alarm: something was set aside": queues_alarmed(),
    "Alarm: AI costs more than was set": both(
        alarmed({"AiSpend": ("Reflekt/${AWS::StackName}", "AiSpendUsd")}),
        counted("AiSpent", "AiLogs", "{ $.cost_usd > 0 }", "$.cost_usd"),
        each("AWS::CloudWatch::Alarm", "Properties", "AlarmActions", be=[{"Ref": "AlarmTopic"}]),
    ),
    "Alarms are told by e-mail": both(
        each("AWS::SNS::Subscription", "Condition", be="HasAlarmEmail"),
        each("AWS::SNS::Subscription", "Properties", "Endpoint", be={"Ref": "AlarmEmail"}),
    ),
    "The alarms' topic is encrypted with a key of one's own": each(
        "AWS::SNS::Topic", "Properties", "KmsMasterKeyId", be=with_key
    ),
    "The alarms' topic takes TLS only": policy_statement("AWS::SNS::TopicPolicy", "TlsOnly"),
    "The dashboard shows everything": dashboard(),
    "The firewall stands at the stage": firewall(),
    "The stack tells what is needed of it": told(),
    **BUCKETS,
}
"""Name: what checks it, and what it would look like without."""
