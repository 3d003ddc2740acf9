"""The secrets of a deployment: made once, kept as SecureStrings in the Parameter Store, never shown."""

import secrets
from typing import Any, Final

from reflekt_chalice.deployment.account import Account, answered, code_of
from reflekt_chalice.deployment.failures import DeploymentError

__all__ = ["ensure", "exists", "forget", "read"]

_BYTES: Final = 48
_MISSING: Final = "ParameterNotFound"
_EXISTS: Final = "ParameterAlreadyExists"


def ensure(account: Account, parameter: str, *, key: str = "") -> bool:
    """
    Keep a new secret under the name *parameter* if there is none; tell whether it was made now.

    Args:
        account: Where it is kept.
        parameter: Its name. What is there is never replaced.
        key: The ARN of the KMS key to encrypt with; the account's own if empty.

    Raises:
        DeploymentError: It cannot be kept, or what is there is not encrypted.
    """
    client = account.client("ssm")
    doing = f"keeping a secret in {parameter}"
    with answered(doing, quote=False):
        found = _found(client, parameter)
        if found is None:
            wanted = {"KeyId": key} if key else {}
            try:
                client.put_parameter(
                    Name=parameter,
                    Value=secrets.token_urlsafe(_BYTES),
                    Type="SecureString",
                    Description="A secret of Reflekt; made by reflekt aws.",
                    **wanted,
                )
            except Exception as error:
                if code_of(error) != _EXISTS:  # somebody else was faster: theirs counts
                    raise
            else:
                return True
    if found is not None and found["Type"] != "SecureString":
        raise DeploymentError(f"{parameter} is a plain {found['Type']}: make it a SecureString")
    return False


def _found(client: Any, parameter: str) -> dict[str, Any] | None:
    try:
        # Without decryption: that it exists is all that matters.
        return dict(client.get_parameter(Name=parameter)["Parameter"])
    except Exception as error:
        if code_of(error) == _MISSING:
            return None
        raise


def exists(account: Account, parameter: str) -> bool:
    """Tell whether a secret is kept under the name *parameter*."""
    with answered(f"looking for the secret in {parameter}", quote=False):
        return _found(account.client("ssm"), parameter) is not None


def read(account: Account, parameter: str) -> str:
    """
    Return the secret that is kept under the name *parameter*.

    Raises:
        DeploymentError: There is none, or it may not be read.
    """
    client = account.client("ssm")
    try:
        with answered(f"reading the secret in {parameter}", quote=False):
            found: str = client.get_parameter(Name=parameter, WithDecryption=True)["Parameter"][
                "Value"
            ]
    except DeploymentError as error:
        if _MISSING not in error.message:
            raise
        raise DeploymentError(
            f"there is no secret in {parameter}: 'reflekt aws deploy' makes one"
        ) from None
    return found


def forget(account: Account, parameter: str) -> bool:
    """Delete the secret under the name *parameter*; tell whether there was one."""
    client = account.client("ssm")
    with answered(f"deleting the secret in {parameter}", quote=False):
        try:
            client.delete_parameter(Name=parameter)
        except Exception as error:
            if code_of(error) == _MISSING:
                return False
            raise
    return True
