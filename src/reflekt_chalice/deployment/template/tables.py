"""The DynamoDB tables, with what keeps their data."""

from typing import Any, Final

from reflekt_chalice.deployment.template.intrinsics import NOTHING, Plain, choice, ref, sub
from reflekt_chalice.deployment.template.names import table_id
from reflekt_core.stores.dynamodb.tables import TABLES, schema

__all__ = ["KEPT", "tables"]

KEPT: Final = {
    # Not plain "Retain": what a failed first deployment left behind would be in the next one's way.
    "DeletionPolicy": "RetainExceptOnCreate",
    "UpdateReplacePolicy": "Retain",
}
"""What is still there when the stack is not."""

_KEY: Final[Plain] = choice(
    "HasKmsKey",
    {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": ref("KmsKeyArn")},
    # DynamoDB then encrypts with a key of its own.
    NOTHING,
)


def tables() -> Plain:
    """Return the tables, by what the template calls them."""
    return {table_id(table): _table(table) for table in TABLES}


def _table(table: str) -> Plain:
    made: dict[str, Any] = schema("${AWS::StackName}", table)
    # CloudFormation switches a stream on by its view alone.
    made.get("StreamSpecification", {}).pop("StreamEnabled", None)
    return {
        "Type": "AWS::DynamoDB::Table",
        **KEPT,
        "Properties": made
        | {
            "TableName": sub(made["TableName"]),
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            # A journal for trying out may be thrown away; the policy above still keeps it.
            "DeletionProtectionEnabled": choice("Protects", then=True, otherwise=False),
            "SSESpecification": _KEY,
        },
    }
