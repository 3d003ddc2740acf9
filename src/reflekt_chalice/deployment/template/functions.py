"""The Lambda functions: code, limits, log group and environment of each, derived from `FUNCTIONS`."""

from typing import Any, Final

from reflekt_chalice.deployment.template.intrinsics import NOTHING, Plain, att, choice, ref, sub
from reflekt_chalice.deployment.template.names import alias, log_group, logical, named, role
from reflekt_chalice.deployment.template.permissions import secrets_of
from reflekt_chalice.functions import FUNCTIONS, Function

__all__ = ["ARCHITECTURE", "RESERVED", "RUNTIME", "functions", "log_group_called"]

RUNTIME: Final = "python3.13"
ARCHITECTURE: Final = "arm64"

RESERVED: Final = {
    "publisher": 10,
    "analytics_consumer": 10,
    "search_consumer": 10,
    "jobs": 5,
    # Each call may cost money, and a flood of events must not ask all at once.
    "ai": 20,
}
"""How many of a function may run at once, so that following events cannot starve requests."""

_VARIABLE_OF: Final = {
    "JwtSecretParameter": "JWT_SECRET_PARAMETER",
    "JwtSecretPreviousParameter": "JWT_SECRET_PREVIOUS_PARAMETER",
    "CursorSecretParameter": "REFLEKT_CURSOR_SECRET_PARAMETER",
    "OpenAiApiKeyParameter": "OPENAI_API_KEY_PARAMETER",
    "AnthropicApiKeyParameter": "ANTHROPIC_API_KEY_PARAMETER",
}


def functions(made: Plain) -> Plain:
    """
    Return the functions with their log groups, by what the template calls them.

    *made* is what Chalice made of a function: its type and what it is set up with, to be completed.
    """
    found: Plain = {}
    for name, function in FUNCTIONS.items():
        found[logical(name)] = _function(made, name, function)
        found[log_group(name)] = log_group_called(
            sub(f"/aws/lambda/${{AWS::StackName}}-{alias(name)}")
        )
    return found


def log_group_called(name: Any) -> Plain:
    """Return a log group that forgets after a time, encrypted."""
    return {
        "Type": "AWS::Logs::LogGroup",
        # What is in it is of no use without the function; the tables are what must stay.
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "LogGroupName": name,
            "RetentionInDays": {"Fn::FindInMap": ["OfStage", ref("Stage"), "LogDays"]},
            # Without a key of one's own, CloudWatch encrypts with one of AWS.
            "KmsKeyId": choice("HasKmsKey", ref("KmsKeyArn"), NOTHING),
        },
    }


def _function(made: Plain, name: str, function: Function) -> Plain:
    return {
        "Type": made["Type"],
        "Properties": made["Properties"]
        | {
            "FunctionName": named(alias(name)),
            "Handler": f"reflekt_chalice.handlers.{name}",
            "Runtime": RUNTIME,
            "Architectures": [ARCHITECTURE],
            "CodeUri": {
                "Bucket": ref("CodeBucket"),
                "Key": ref("AiCodeKey" if function.ai_key else "BaseCodeKey"),
            },
            "MemorySize": function.memory_mb,
            "Timeout": function.timeout_seconds,
            "ReservedConcurrentExecutions": _reserved(name),
            "Role": att(role(name), "Arn"),
            "Tracing": "Active",
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": ref(log_group(name))},
            "Environment": {"Variables": _environment(name, function)},
        },
    }


def _reserved(name: str) -> Any:
    return choice("ReservesConcurrency", RESERVED[name], NOTHING) if name in RESERVED else NOTHING


def _environment(name: str, function: Function) -> Plain:
    """Return variables: no secret is among them, but names of secrets are."""
    found: Plain = {"STAGE": ref("Stage"), "LOG_LEVEL": ref("LogLevel")}
    if function.tables:
        found["REFLEKT_STORE"] = sub(f"dynamodb://${{AWS::StackName}}?account={function.home}")
    if function.publishes:
        found["REFLEKT_EVENT_BUS"] = ref("EventBus")
    if function.operations:
        found["REFLEKT_CORS_ORIGINS"] = ref("CorsOrigins")
    for parameter, condition in secrets_of(name).items():
        given = choice(condition, ref(parameter), "") if condition else ref(parameter)
        found[_VARIABLE_OF[parameter]] = given
    if name == "authorizer":
        found["JWT_JWKS_URL"] = ref("JwtJwksUrl")
        found["JWT_ISSUER"] = ref("JwtIssuer")
        found["JWT_AUDIENCE"] = ref("JwtAudience")
        found["JWT_ROLE_CLAIM"] = ref("JwtRoleClaim")
        found["JWT_SCOPE_CLAIM"] = ref("JwtScopeClaim")
    if function.ai_key:
        found["AI_PROVIDER"] = ref("AiProvider")
    return found
