"""Tags on everything that takes them."""

from collections.abc import Mapping
from typing import Any, Final

from reflekt_chalice.deployment.template.intrinsics import STACK_NAME, Plain, ref

__all__ = ["AS_LIST", "AS_MAP", "UNTAGGED", "tagged"]

AS_LIST: Final = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::WAFv2::WebACL",
    }
)
"""Types whose tags are a list of keys and values."""

AS_MAP: Final = frozenset({"AWS::Serverless::Api", "AWS::Serverless::Function"})
"""Types whose tags are a map."""

UNTAGGED: Final = frozenset(
    {
        "AWS::ApiGateway::Account",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Permission",
        "AWS::Logs::MetricFilter",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Subscription",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::WAFv2::LoggingConfiguration",
        "AWS::WAFv2::WebACLAssociation",
    }
)
"""Types that CloudFormation cannot tag."""


def tagged(resources: Mapping[str, Plain], *, stage: bool = True) -> Plain:
    """
    Return *resources* with tags.

    Args:
        resources: By what the template calls them.
        stage: Whether the template has the parameter ``Stage``.
    """
    tags = {"Application": "reflekt-journal", "Stack": STACK_NAME}
    if stage:
        tags["Stage"] = ref("Stage")
    return {id: _tagged(resource, tags) for id, resource in resources.items()}


def _tagged(resource: Plain, tags: Mapping[str, Any]) -> Plain:
    kind = resource["Type"]
    if kind in UNTAGGED:
        return resource
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    value: Any = dict(tags) if kind in AS_MAP else listed
    return resource | {"Properties": resource["Properties"] | {"Tags": value}}
