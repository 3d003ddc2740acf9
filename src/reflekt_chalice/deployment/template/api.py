"""The REST API: Chalice's own document, with each path at its function and what Chalice leaves out."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from reflekt_chalice.adapter import AUTHORIZER_SECONDS
from reflekt_chalice.deployment.template.functions import log_group_called
from reflekt_chalice.deployment.template.gateway_responses import gateway_responses
from reflekt_chalice.deployment.template.intrinsics import STACK_NAME, Plain, att, choice, ref, sub
from reflekt_chalice.deployment.template.names import logical
from reflekt_chalice.deployment.template.schemas import Requests, requests
from reflekt_chalice.functions import FUNCTIONS, operations_of

__all__ = ["ACCESS_LOG", "api", "function_of"]

ACCESS_LOG: Final = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "integration_ms": "$context.integrationLatency",
    "error": "$context.error.responseType",
    "tls": "$context.tlsVersion",
}
"""
What is noted of each request: its route, never the path itself, a query, a body, an address, or who
asked. The request id leads to the line of the function, where a hash stands for the user.
"""

_ACCOUNT: Final = "ApiGatewayAccount"
_DESCRIPTION: Final = "The API of a journal."
# The one place where API Gateway is told how to write logs; it looks for just these permissions.
_PUSHES_LOGS: Final = (
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
)
_GREEDY: Final = re.compile(r"\+\}")


def api(made: Plain) -> Plain:
    """Return the API and what it needs. *made* is the API as Chalice made it."""
    return {
        "RestAPI": _rest_api(made),
        "ApiLogs": log_group_called(sub("/aws/apigateway/${AWS::StackName}")),
        **_account(),
        **{f"{logical(name)}ApiPermission": _permission(name) for name in _answering()},
        "AuthorizerApiPermission": _authorizer_permission(),
    }


def function_of(path: str) -> str:
    """Return the name of the function that answers on *path*, as Chalice writes it."""
    plain = _GREEDY.sub("}", path)
    for name in _answering():
        if any(operation.path == plain for operation in operations_of([name])):
            return name
    return next(name for name, function in FUNCTIONS.items() if function.documentation)


def _answering() -> Iterator[str]:
    return (name for name, function in FUNCTIONS.items() if function.operations)


def _rest_api(made: Plain) -> Plain:
    limits = {
        "ThrottlingRateLimit": _of_stage("RequestsPerSecond"),
        "ThrottlingBurstLimit": _of_stage("Burst"),
    }
    every = {
        "ResourcePath": "/*",
        "HttpMethod": "*",
        # Those of every method, each paid for. Alarms and charts read the stage's, which are always there.
        "MetricsEnabled": False,
        # What API Gateway would log besides access holds paths, queries and bodies.
        "LoggingLevel": "OFF",
        "DataTraceEnabled": False,
    }
    return {
        "Type": made["Type"],
        "Properties": made["Properties"]
        | {
            "Name": STACK_NAME,
            # It names the setting so that this is there first, where it is ours to make.
            "Description": choice(
                "SetsApiGatewayAccount",
                sub(f"{_DESCRIPTION} Logs by way of ${{{_ACCOUNT}}}."),
                _DESCRIPTION,
            ),
            "StageName": ref("Stage"),
            # Without it, SAM makes a second stage that is called Stage.
            "OpenApiVersion": "2.0",
            # A parameter may change the document without changing its text, which SAM goes by.
            "AlwaysDeploy": True,
            "PropagateTags": True,
            "DefinitionBody": _body(made["Properties"]["DefinitionBody"]),
            "EndpointConfiguration": {"Type": "REGIONAL"},
            "SecurityPolicy": "TLS_1_2",
            # A trace of the stage would keep addresses whole, and with them what is searched for,
            # tags, and whence a client calls. Functions are traced, which know of no address.
            "TracingEnabled": False,
            "MethodSettings": [every | limits],
            "AccessLogSetting": {
                "DestinationArn": att("ApiLogs", "Arn"),
                "Format": json.dumps(ACCESS_LOG, separators=(",", ":")),
            },
        },
    }


def _of_stage(key: str) -> Plain:
    return {"Fn::FindInMap": ["OfStage", ref("Stage"), key]}


def _body(made: Plain) -> Plain:
    """Return the API's document."""
    known = requests()
    return made | {
        "info": {"title": STACK_NAME, "version": "1.0"},
        "paths": {path: _path(path, methods, known) for path, methods in made["paths"].items()},
        "definitions": made["definitions"] | known.models,
        "securityDefinitions": {
            name: _authorizer(one) for name, one in made["securityDefinitions"].items()
        },
        "x-amazon-apigateway-request-validators": {
            "parameters": {"validateRequestParameters": True, "validateRequestBody": False},
            "all": {
                "validateRequestParameters": True,
                "validateRequestBody": choice("ValidatesBodies", then=True, otherwise=False),
            },
        },
        "x-amazon-apigateway-request-validator": "parameters",
        "x-amazon-apigateway-gateway-responses": gateway_responses(),
    }


def _authorizer(made: Plain) -> Plain:
    settings = made["x-amazon-apigateway-authorizer"] | {
        "authorizerUri": _uri("authorizer"),
        "authorizerResultTtlInSeconds": AUTHORIZER_SECONDS,
        # What cannot be a bearer token is refused without asking the function.
        "identityValidationExpression": "^[Bb][Ee][Aa][Rr][Ee][Rr] +[^ ]+$",
    }
    return made | {"x-amazon-apigateway-authorizer": settings}


def _path(path: str, methods: Plain, known: Requests) -> Plain:
    uri = _uri(function_of(path))
    plain = _GREEDY.sub("}", path)
    return {
        method: _checked((plain, method), _sent_to(made, uri), known)
        for method, made in methods.items()
    }


def _sent_to(made: Plain, uri: Plain) -> Plain:
    key = "x-amazon-apigateway-integration"
    return made | {key: made[key] | {"uri": uri}}


def _checked(key: tuple[str, str], made: Plain, known: Requests) -> Plain:
    """Return a method with what API Gateway can check of its requests."""
    parameters: list[Any] = [
        *made.get("parameters", ()),
        *(
            {"name": name, "in": "query", "required": True, "type": "string"}
            for name in known.parameters.get(key, ())
        ),
    ]
    found = made
    if key in known.bodies:
        model, types = known.bodies[key]
        schema = {"$ref": f"#/definitions/{model}"}
        parameters.append({"name": model, "in": "body", "required": True, "schema": schema})
        found = made | {"consumes": [*types], "x-amazon-apigateway-request-validator": "all"}
    return found | ({"parameters": parameters} if parameters else {})


def _uri(name: str) -> Plain:
    place = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions"
    return sub(f"{place}/${{{logical(name)}.Arn}}/invocations")


_API: Final = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${RestAPI}"


def _permission(name: str) -> Plain:
    return _invoking(name, f"{_API}/${{Stage}}/*")


def _authorizer_permission() -> Plain:
    return _invoking("authorizer", f"{_API}/authorizers/*")


def _invoking(name: str, source: str) -> Plain:
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": ref(logical(name)),
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": sub(source),
        },
    }


def _account() -> Plain:
    """Return what lets API Gateway write logs: it is the account's, so it stays and is optional."""
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    trusted = {
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {
        "ApiGatewayLogsRole": {
            "Type": "AWS::IAM::Role",
            "Condition": "SetsApiGatewayAccount",
            **kept,
            "Properties": {
                "Description": "Lets API Gateway write logs, for every API of this account and region.",
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trusted]},
                "ManagedPolicyArns": [sub(_PUSHES_LOGS)],
            },
        },
        _ACCOUNT: {
            "Type": "AWS::ApiGateway::Account",
            "Condition": "SetsApiGatewayAccount",
            **kept,
            "Properties": {"CloudWatchRoleArn": att("ApiGatewayLogsRole", "Arn")},
        },
    }
