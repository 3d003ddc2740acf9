"""What is deployed, and where its code is put: zips and template, under the hash of what is in them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from reflekt_chalice.deployment.account import Account, answered, code_of
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.stack import Say, Stack
from reflekt_chalice.deployment.target import Target

__all__ = ["ARTIFACTS", "TEMPLATE", "Package", "Uploaded", "has_bucket", "own_bucket", "upload"]

TEMPLATE: Final = "template.json"
ARTIFACTS: Final = "artifacts.json"

_MISSING: Final = frozenset({"404", "NoSuchBucket", "NoSuchKey", "NotFound"})
_ELSEWHERE: Final = frozenset({"301", "PermanentRedirect", "AuthorizationHeaderMalformed"})
_BUCKET_OUTPUT: Final = "ArtifactBucket"


@attrs.frozen(kw_only=True)
class Package:
    """What is deployed: both zips, the service's template, and that of the bucket for code."""

    base: Path
    ai: Path
    template: Mapping[str, Any] = attrs.field(repr=False)
    artifacts: Mapping[str, Any] = attrs.field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> "Package":
        """
        Return what `save` and the bundle left in *folder*.

        Raises:
            DeploymentError: Something is missing there, or cannot be read.
        """
        base, ai = folder / "base.zip", folder / "ai.zip"
        try:
            template, artifacts = (
                json.loads((folder / name).read_text("utf-8")) for name in (TEMPLATE, ARTIFACTS)
            )
            for path in (base, ai):
                path.stat()
        except OSError as error:
            raise DeploymentError(
                f"{error.filename} is missing: 'reflekt aws package --out {folder}' makes it"
            ) from None
        except ValueError:
            raise DeploymentError(f"a template in {folder} is not JSON: package again") from None
        return cls(base=base, ai=ai, template=template, artifacts=artifacts)

    def save(self, folder: Path) -> None:
        """Write the templates to *folder*."""
        for name, template in ((TEMPLATE, self.template), (ARTIFACTS, self.artifacts)):
            (folder / name).write_text(json.dumps(template, indent=1) + "\n", "utf-8")


@attrs.frozen(kw_only=True)
class Uploaded:
    """Where the code and the template are."""

    bucket: str
    base_key: str
    ai_key: str
    template_url: str


def own_bucket(stack: Stack, package: Package, key: str) -> str:
    """
    Return our own bucket for code, made if there is none.

    Args:
        stack: The stack that it is in.
        package: Has the template of that.
        key: ARN of the KMS key for a new bucket.

    Raises:
        DeploymentError: It cannot be made.
    """
    stack.settle()
    values = {"KmsKeyArn": stack.parameters().get("KmsKeyArn", key)}
    proposed = stack.propose({"TemplateBody": json.dumps(package.artifacts)}, values)
    if proposed:
        stack.say(f"making the bucket for code ({stack.name})")
        stack.execute(proposed)
    return stack.outputs()[_BUCKET_OUTPUT]


def has_bucket(account: Account, bucket: str) -> bool:
    """
    Tell whether there is a bucket of that name in this region.

    Raises:
        DeploymentError: It is in another one, or somebody else's.
    """
    with answered(f"looking at the bucket {bucket}"):
        try:
            account.client("s3").head_bucket(Bucket=bucket)
        except Exception as error:
            code = code_of(error)
            if code in _MISSING:
                return False
            if code in _ELSEWHERE:
                raise DeploymentError(
                    f"the bucket {bucket} is not in {account.region}, where the functions will be"
                ) from None
            raise
    return True


def upload(account: Account, target: Target, bucket: str, package: Package, say: Say) -> Uploaded:
    """
    Return where the code and the template of *package* are now; what is there already, stays.

    Raises:
        DeploymentError: They cannot be read, or not be put there.
    """
    template = json.dumps(package.template, separators=(",", ":"), sort_keys=True).encode()
    keys = [
        _put(account, bucket, f"{target.name}/{path.stem}-{{}}.zip", _content(path), say)
        for path in (package.base, package.ai)
    ]
    template_key = _put(account, bucket, f"{target.name}/template-{{}}.json", template, say)
    return Uploaded(
        bucket=bucket,
        base_key=keys[0],
        ai_key=keys[1],
        template_url=_url(account, bucket, template_key),
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeploymentError(f"{path}: {error.strerror}") from None


def _put(account: Account, bucket: str, pattern: str, content: bytes, say: Say) -> str:
    client = account.client("s3")
    key = pattern.format(hashlib.sha256(content).hexdigest())
    with answered(f"uploading to the bucket {bucket}"):
        try:
            if client.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(content):
                return key
        except Exception as error:
            # Without the permission to list, S3 says 403 of what is not there.
            if code_of(error) not in _MISSING | {"403"}:
                raise
        say(f"uploading {key.rpartition('/')[2]} ({len(content) / 1e6:.1f} MB)")
        client.put_object(Bucket=bucket, Key=key, Body=content)
    return key


def _url(account: Account, bucket: str, key: str) -> str:
    """Return the address of an object as its region, or an emulator, has it."""
    url: str = account.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}
    )
    return url.partition("?")[0]
