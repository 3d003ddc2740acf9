"""Buckets: for content that never changes, and for the code that is deployed."""

from typing import Final

from reflekt_chalice.deployment.template.intrinsics import NOTHING, Plain, att, choice, ref, sub
from reflekt_chalice.deployment.template.tables import KEPT

__all__ = ["bucket"]

_OLD_DAYS: Final = 90
_LEAST_TLS: Final = "1.2"


def bucket(id: str) -> Plain:
    """Return a private bucket and its policy, by what the template calls them: *id* and its policy."""
    return {id: _bucket(), f"{id}Policy": _policy(id)}


def _bucket() -> Plain:
    return {
        "Type": "AWS::S3::Bucket",
        **KEPT,
        "Properties": {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {
                        "ServerSideEncryptionByDefault": choice(
                            "HasKmsKey",
                            {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": ref("KmsKeyArn")},
                            {"SSEAlgorithm": "AES256"},
                        ),
                        "BucketKeyEnabled": choice("HasKmsKey", then=True, otherwise=NOTHING),
                    }
                ]
            },
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "VersioningConfiguration": {"Status": "Enabled"},
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "ForgetWhatWasReplaced",
                        "Status": "Enabled",
                        "NoncurrentVersionExpiration": {"NoncurrentDays": _OLD_DAYS},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    }
                ]
            },
        },
    }


def _policy(id: str) -> Plain:
    refused = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [att(id, "Arn"), sub(f"${{{id}.Arn}}/*")],
    }
    return {
        "Type": "AWS::S3::BucketPolicy",
        **KEPT,
        "Properties": {
            "Bucket": ref(id),
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "TlsOnly",
                        **refused,
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    },
                    {
                        "Sid": "RecentTlsOnly",
                        **refused,
                        "Condition": {"NumericLessThan": {"s3:TlsVersion": _LEAST_TLS}},
                    },
                ],
            },
        },
    }
