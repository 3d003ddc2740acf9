"""Deploying: from a package to a stack that is as it should be."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from reflekt_chalice.deployment import stored_secrets
from reflekt_chalice.deployment.account import Account, answered
from reflekt_chalice.deployment.changes import ChangeSet, endangered
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.inputs import checked, values_for
from reflekt_chalice.deployment.package import Package, Uploaded, has_bucket, own_bucket, upload
from reflekt_chalice.deployment.stack import Say, Stack
from reflekt_chalice.deployment.target import Target

__all__ = ["Order", "deploy"]

_SECRETS: Final = ("JwtSecretParameter", "CursorSecretParameter")


@attrs.frozen(kw_only=True)
class Order:
    """
    What is to be deployed.

    `given` are parameters of the template; what is left out stays as it was deployed before.
    `replace_data`: go on even if tables or buckets are replaced or removed. `execute`: not only show
    what would change.
    """

    target: Target
    package: Package
    bucket: str | None = None
    given: Mapping[str, str] = attrs.field(factory=dict)
    replace_data: bool = False
    execute: bool = True


def deploy(
    account: Account,
    order: Order,
    *,
    say: Say,
    confirmed: Callable[[ChangeSet], bool],
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """
    Bring the stack to what *order* wants; tell whether it is so now.

    Args:
        account: Where.
        order: What.
        say: Is told what happens, in a line each.
        confirmed: Shows what would change, and returns whether to go on.
        pause: Waits for some seconds.

    Raises:
        DeploymentError: It cannot be, or was undone. Doing it again puts right what is half done.
    """
    stack = Stack(account, order.target.stack, say, pause)
    stack.settle(repair=order.execute)
    values = _values(order, stack.parameters())
    uploaded = _uploaded(stack, order, values)
    values |= {
        "CodeBucket": uploaded.bucket,
        "BaseCodeKey": uploaded.base_key,
        "AiCodeKey": uploaded.ai_key,
    }
    say("checking the template")
    template = {"TemplateURL": uploaded.template_url}
    with answered("checking the template"):
        account.client("cloudformation").validate_template(**template)
    proposed = stack.propose(template, checked(order.package.template, values))
    if proposed is None:
        say(f"{stack.name} is up to date: nothing changes")
        if order.execute:
            _keep_secrets(account, values, say)
        return True
    if not _goes_on(stack, order, proposed, values, confirmed):
        stack.discard(proposed)
        say("nothing was changed")
        return False
    stack.execute(proposed)
    say(f"{stack.name} is deployed")
    return True


def _uploaded(stack: Stack, order: Order, values: Mapping[str, str]) -> Uploaded:
    account, target = stack.account, order.target
    bucket = order.bucket
    if bucket and not has_bucket(account, bucket):
        raise DeploymentError(
            f"there is no bucket {bucket}: make it, or leave --bucket out to get one"
        )
    own = attrs.evolve(stack, name=target.artifacts_stack)
    before = values.get("CodeBucket", "")
    if not bucket and before and before not in own.resources("AWS::S3::Bucket"):
        bucket = before if has_bucket(account, before) else None
    bucket = bucket or own_bucket(own, order.package, values.get("KmsKeyArn", ""))
    return upload(account, target, bucket, order.package, stack.say)


def _goes_on(
    stack: Stack,
    order: Order,
    proposed: ChangeSet,
    values: Mapping[str, str],
    confirmed: Callable[[ChangeSet], bool],
) -> bool:
    """Show what would change, and tell whether to do it; all that it needs is there then."""
    try:
        if not (confirmed(proposed) and order.execute):
            return False
        _refuse_loss(order, proposed)
        _keep_secrets(stack.account, values, stack.say)
    except BaseException:
        stack.discard(proposed)
        raise
    return True


def _values(order: Order, previous: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters, without where the code is; refuse those that the template refuses."""
    target = order.target
    named = {"Stage": target.stage, **order.given}
    if not previous:
        if not named.get("JwtJwksUrl"):
            named.setdefault("JwtSecretParameter", target.jwt_parameter)
        named.setdefault("CursorSecretParameter", target.cursor_parameter)
    values = values_for(order.package.template, previous, named)
    if not values.get("JwtJwksUrl") and not values.get("JwtSecretParameter"):
        values["JwtSecretParameter"] = target.jwt_parameter
    placeholder = {"CodeBucket": "unknown", "BaseCodeKey": "unknown", "AiCodeKey": "unknown"}
    checked(order.package.template, values | placeholder)
    _check_together(values)
    return values


def _check_together(values: Mapping[str, Any]) -> None:
    """Refuse what CloudFormation would refuse only after everything was uploaded."""
    if values.get("JwtJwksUrl") and values.get("JwtSecretParameter"):
        raise DeploymentError("give either --jwt-secret-parameter or --jwks-url, not both")
    if values.get("JwtJwksUrl") and not (values.get("JwtIssuer") and values.get("JwtAudience")):
        raise DeploymentError("--jwks-url needs --jwt-issuer and --jwt-audience")
    for vendor, name in (("openai", "OpenAi"), ("anthropic", "Anthropic")):
        if vendor in values.get("AiProvider", "") and not values.get(f"{name}ApiKeyParameter"):
            raise DeploymentError(f"AiProvider names {vendor}: give --{vendor}-api-key-parameter")


def _refuse_loss(order: Order, proposed: ChangeSet) -> None:
    lost = endangered(proposed.changes)
    if lost and not order.replace_data:
        names = ", ".join(change.id for change in lost)
        raise DeploymentError(
            f"the service would lose sight of the data in {names}: nothing was changed. If that is "
            "what you want, make a backup, then add --replace-data"
        )


def _keep_secrets(account: Account, values: Mapping[str, str], say: Say) -> None:
    for name in _SECRETS:
        parameter = values.get(name)
        if parameter and stored_secrets.ensure(account, parameter, key=values.get("KmsKeyArn", "")):
            say(f"made a secret: {parameter}")
