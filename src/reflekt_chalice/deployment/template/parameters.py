"""What a deployment may choose: parameters, what they must not contradict, and what follows."""

from typing import Final

from reflekt_chalice.deployment.template.intrinsics import Plain, equals, ref

__all__ = ["CONDITIONS", "MAPPINGS", "PARAMETERS", "RULES"]

_YES_NO: Final = ["true", "false"]
_OPENAI: Final = ["openai", "openai,local"]
_ANTHROPIC: Final = ["anthropic", "anthropic,local"]
_BOTH: Final = ["openai,anthropic,local", "anthropic,openai,local"]

_PARAMETER_NAME: Final = r"(/[A-Za-z0-9_.-]+){1,15}"
_ORIGIN: Final = r"[a-z][a-z0-9+.-]*://[a-z0-9.:\[\]-]+"


def _text(description: str, pattern: str, must: str, default: str | None = "") -> Plain:
    found: Plain = {"Type": "String", "Description": description}
    if default is not None:
        found["Default"] = default
    return found | {"AllowedPattern": pattern, "ConstraintDescription": must}


def _choice(description: str, allowed: list[str], default: str) -> Plain:
    return {
        "Type": "String",
        "Description": description,
        "Default": default,
        "AllowedValues": allowed,
    }


def _parameter_name(description: str) -> Plain:
    must = "must be empty, or the name of a parameter, such as /journal/jwt-secret"
    return _text(description, rf"^$|^{_PARAMETER_NAME}$", must)


PARAMETERS: Final[Plain] = {
    "Stage": _choice(
        "Which deployment this is. It names the API's stage, and decides on protection, retention and limits.",
        ["dev", "staging", "prod"],
        "dev",
    ),
    "LogLevel": _choice(
        "From which level on functions log. Audit lines and what AI calls cost are always logged.",
        ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        "INFO",
    ),
    "CodeBucket": _text(
        "The bucket that holds the code.",
        r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        "must be the name of a bucket",
        default=None,
    ),
    "BaseCodeKey": _text(
        "The object with the code of every function but the AI function.",
        r"^[A-Za-z0-9!_.*'()/-]{1,1024}$",
        "must be the key of an object",
        default=None,
    ),
    "AiCodeKey": _text(
        "The object with the code of the AI function.",
        r"^[A-Za-z0-9!_.*'()/-]{1,1024}$",
        "must be the key of an object",
        default=None,
    ),
    "JwtSecretParameter": _parameter_name(
        "Name of the SecureString in Parameter Store that signs tokens (HS256). Empty with JwtJwksUrl."
    ),
    "JwtSecretPreviousParameter": _parameter_name(
        "Name of the SecureString that signed tokens before: they stay good while the secret changes."
    ),
    "JwtJwksUrl": _text(
        "Where an identity provider publishes its keys. Empty with JwtSecretParameter.",
        r"^$|^https://[^\s?#]+$",
        "must be empty, or an address that begins with https://",
    ),
    "JwtIssuer": _text(
        "What `iss` of a token must be. Needed with JwtJwksUrl.", r"^\S*$", "must hold no space"
    ),
    "JwtAudience": _text(
        "What `aud` of a token must name. Needed with JwtJwksUrl.", r"^\S*$", "must hold no space"
    ),
    "JwtRoleClaim": _text(
        "The claim of a token that holds the role, such as cognito:groups.",
        r"^\S{1,256}$",
        "must be the name of a claim, without a space",
        default="role",
    ),
    "JwtScopeClaim": _text(
        "The claim of a token that narrows the role, such as permissions.",
        r"^\S{1,256}$",
        "must be the name of a claim, without a space",
        default="scope",
    ),
    "CursorSecretParameter": _text(
        "Name of the SecureString in Parameter Store that signs cursors and hashes user ids in logs.",
        rf"^{_PARAMETER_NAME}$",
        "must be the name of a parameter, such as /journal/cursor-secret",
        default=None,
    ),
    "CorsOrigins": _text(
        "Whose pages may call: origins with commas between, * for any, empty for none.",
        rf"^$|^\*$|^{_ORIGIN}(, ?{_ORIGIN})*$",
        "must be empty, *, or origins such as https://app.example.org with commas between",
    ),
    "AiProvider": _choice(
        "Who answers for AI, in the order in which they are asked.",
        ["local", *_OPENAI, *_ANTHROPIC, *_BOTH],
        "local",
    ),
    "OpenAiApiKeyParameter": _parameter_name(
        "Name of the SecureString with the key of OpenAI. Needed if AiProvider names it."
    ),
    "AnthropicApiKeyParameter": _parameter_name(
        "Name of the SecureString with the key of Anthropic. Needed if AiProvider names it."
    ),
    "AiDailySpendAlarmUsd": {
        "Type": "Number",
        "Description": "How much AI calls of a day may cost, in US dollars, before an alarm.",
        "Default": 10,
        "MinValue": 0,
        "MaxValue": 100000,
    },
    "KmsKeyArn": _text(
        "Key of your own for tables, logs, buckets and alarms. Empty: keys of AWS.",
        r"^$|^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
        "must be empty, or the ARN of a key in this region",
    ),
    "AlarmEmail": _text(
        "Who is told of alarms. Empty: nobody, but the topic is there.",
        r"^$|^[^@\s]+@[^@\s]+\.[^@\s]+$",
        "must be empty, or an e-mail address",
    ),
    "EnableWaf": _choice(
        "Whether AWS WAF stands before the API. It costs about 10 US dollars a month.",
        _YES_NO,
        "false",
    ),
    "ValidateBodies": _choice(
        "Whether API Gateway checks bodies against our schemas before it calls a function. See the documentation.",
        _YES_NO,
        "false",
    ),
    "ReserveConcurrency": _choice(
        "Whether functions that follow events get a share of the account's concurrency, which is also their limit. auto: in prod.",
        ["auto", *_YES_NO],
        "auto",
    ),
    "ManageApiGatewayAccount": _choice(
        "Whether to let API Gateway write logs, a setting of the whole account and region. false if it is set already.",
        _YES_NO,
        "true",
    ),
}
"""Name: what CloudFormation wants to know of a parameter."""


def _given(parameter: str) -> Plain:
    return {"Fn::Not": [equals(parameter, "")]}


def _rule(assertion: Plain, told: str, when: Plain | None = None) -> Plain:
    found: Plain = {"RuleCondition": when} if when else {}
    return found | {"Assertions": [{"Assert": assertion, "AssertDescription": told}]}


RULES: Final[Plain] = {
    "SecretOrKeys": _rule(
        {
            "Fn::Or": [
                {"Fn::And": [_given("JwtSecretParameter"), equals("JwtJwksUrl", "")]},
                {"Fn::And": [_given("JwtJwksUrl"), equals("JwtSecretParameter", "")]},
            ]
        },
        "Give either JwtSecretParameter or JwtJwksUrl.",
    ),
    "KeysOfAProviderForUs": _rule(
        {"Fn::And": [_given("JwtIssuer"), _given("JwtAudience")]},
        "JwtJwksUrl needs JwtIssuer and JwtAudience: the provider signs for others, too.",
        when=_given("JwtJwksUrl"),
    ),
    "OpenAiHasAKey": _rule(
        _given("OpenAiApiKeyParameter"),
        "AiProvider names openai: give OpenAiApiKeyParameter.",
        when={"Fn::Contains": [[*_OPENAI, *_BOTH], ref("AiProvider")]},
    ),
    "AnthropicHasAKey": _rule(
        _given("AnthropicApiKeyParameter"),
        "AiProvider names anthropic: give AnthropicApiKeyParameter.",
        when={"Fn::Contains": [[*_ANTHROPIC, *_BOTH], ref("AiProvider")]},
    ),
}
"""What CloudFormation refuses before it makes anything."""

CONDITIONS: Final[Plain] = {
    "Protects": {"Fn::Not": [equals("Stage", "dev")]},
    "HasJwtSecret": _given("JwtSecretParameter"),
    "HasPreviousJwtSecret": {
        "Fn::And": [_given("JwtSecretParameter"), _given("JwtSecretPreviousParameter")]
    },
    "HasJwks": _given("JwtJwksUrl"),
    "HasOpenAiKey": _given("OpenAiApiKeyParameter"),
    "HasAnthropicKey": _given("AnthropicApiKeyParameter"),
    "HasKmsKey": _given("KmsKeyArn"),
    "HasAlarmEmail": _given("AlarmEmail"),
    "HasCors": _given("CorsOrigins"),
    "HasWaf": equals("EnableWaf", "true"),
    "ValidatesBodies": equals("ValidateBodies", "true"),
    "SetsApiGatewayAccount": equals("ManageApiGatewayAccount", "true"),
    "ReservesConcurrency": {
        "Fn::Or": [
            equals("ReserveConcurrency", "true"),
            {"Fn::And": [equals("ReserveConcurrency", "auto"), equals("Stage", "prod")]},
        ]
    },
}

MAPPINGS: Final[Plain] = {
    "OfStage": {
        "dev": {"LogDays": 30, "RequestsPerSecond": 50, "Burst": 100},
        "staging": {"LogDays": 90, "RequestsPerSecond": 50, "Burst": 100},
        "prod": {"LogDays": 365, "RequestsPerSecond": 200, "Burst": 400},
    }
}
"""What differs from stage to stage without being asked for."""
