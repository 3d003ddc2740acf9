"""An account on AWS for tests: CloudFormation as a server on loopback, all else in this process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import boto3
import pytest
from moto import mock_aws
from moto.s3.models import s3_backends

from reflekt_chalice.deployment.package import Package
from reflekt_chalice.deployment.template import artifacts
from reflekt_chalice.deployment.template.parameters import PARAMETERS
from reflekt_core.stores.dynamodb.tables import TABLES, schema

from .fake_cloudformation import CloudFormation, cloudformation

__all__ = ["AWS", "REGION", "aws_account", "package", "template"]

REGION = "eu-west-1"
_OWNER = "123456789012"
_STRAY = ("AWS_", "REFLEKT_", "JWT_", "AI_", "DEBUG", "STAGE", "LOG_LEVEL")


@attrs.frozen
class AWS:
    """An account: its CloudFormation, and clients for the rest."""

    stacks: CloudFormation
    s3: Any
    ssm: Any
    dynamodb: Any


@contextmanager
def aws_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AWS]:
    """Lend an empty account, which the environment leads to."""
    for name in list(os.environ):
        if name.startswith(_STRAY):
            monkeypatch.delenv(name)
    settings = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "canary-of-a-secret-key",
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3, ssm, dynamodb = (
            boto3.client(name, region_name=REGION) for name in ("s3", "ssm", "dynamodb")
        )
        with cloudformation(s3, dynamodb, _tag) as service:
            monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", service.endpoint)
            yield AWS(service, s3, ssm, dynamodb)


def _tag(bucket: str, tags: dict[str, str]) -> None:
    s3_backends[_OWNER]["aws"].put_bucket_tagging(bucket, tags)


def template(stack: str, url: str = "http://127.0.0.1:1") -> dict[str, Any]:
    """Return a template with the parameters and outputs of the real one, and few resources."""
    tables = {
        f"{table.capitalize()}Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": schema(stack, table) | {"DeletionProtectionEnabled": True},
        }
        for table in TABLES
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": dict(PARAMETERS),
        "Resources": {
            **tables,
            "StaticContentBucket": {"Type": "AWS::S3::Bucket"},
            "Topic": {"Type": "AWS::SNS::Topic"},
        },
        "Outputs": {
            "ApiUrl": {"Value": url},
            "TablePrefix": {"Value": stack},
            "EventBusName": {"Value": "bus"},
            "StaticContentBucket": {"Value": {"Ref": "StaticContentBucket"}},
        },
    }


def package(folder: Path, made: dict[str, Any]) -> Package:
    """Return a package in *folder* with small zips and the template that was *made*."""
    folder.mkdir(exist_ok=True)
    (folder / "base.zip").write_bytes(b"base")
    (folder / "ai.zip").write_bytes(b"ai, too")
    found = Package(
        base=folder / "base.zip", ai=folder / "ai.zip", template=made, artifacts=artifacts()
    )
    found.save(folder)
    return found
