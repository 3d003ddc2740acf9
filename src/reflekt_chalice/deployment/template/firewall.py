"""AWS WAF before the API, for those who want it."""

from collections.abc import Iterator
from typing import Any, Final

from reflekt_chalice.deployment.template.functions import log_group_called
from reflekt_chalice.deployment.template.intrinsics import Plain, att, sub
from reflekt_chalice.deployment.template.names import named

__all__ = ["MANAGED", "REQUESTS_PER_ADDRESS", "firewall"]

REQUESTS_PER_ADDRESS: Final = 2000
"""How many requests an address may send in five minutes."""

MANAGED: Final = {
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
    # These would refuse a journal for what is written in it, or for its length; they only count.
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "EC2MetaDataSSRF_BODY",
    ),
}
"""Groups of rules by AWS, and the rules in them that only count."""

_WHERE: Final = {"Condition": "HasWaf"}


def firewall() -> Plain:
    """Return the firewall, its log and where it stands, by what the template calls them."""
    return {
        "Firewall": {
            "Type": "AWS::WAFv2::WebACL",
            **_WHERE,
            "Properties": {
                "Name": named("api"),
                "Scope": "REGIONAL",
                "DefaultAction": {"Allow": {}},
                "VisibilityConfig": _visible("firewall"),
                "Rules": list(_rules()),
            },
        },
        "FirewallAtApi": {
            "Type": "AWS::WAFv2::WebACLAssociation",
            **_WHERE,
            "Properties": {
                "WebACLArn": att("Firewall", "Arn"),
                # The stage, as SAM calls it, so that it is there first.
                "ResourceArn": sub(
                    "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${RestAPI}/stages/${RestAPI.Stage}"
                ),
            },
        },
        # The name must begin like this, or WAF does not write there.
        "FirewallLogs": log_group_called(sub("aws-waf-logs-${AWS::StackName}")) | _WHERE,
        "FirewallLogging": {
            "Type": "AWS::WAFv2::LoggingConfiguration",
            **_WHERE,
            "Properties": {
                "ResourceArn": att("Firewall", "Arn"),
                "LogDestinationConfigs": [
                    sub(
                        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${FirewallLogs}"
                    )
                ],
                "RedactedFields": [
                    {"SingleHeader": {"Name": "authorization"}},
                    {"QueryString": {}},
                    {"UriPath": {}},
                ],
            },
        },
    }


def _rules() -> Iterator[Plain]:
    limit = {"Limit": REQUESTS_PER_ADDRESS, "AggregateKeyType": "IP"}
    yield {
        "Name": "requests-per-address",
        "Priority": 0,
        "Action": {"Block": {}},
        "Statement": {"RateBasedStatement": limit},
        "VisibilityConfig": _visible("requests-per-address"),
    }
    for priority, (group, counted) in enumerate(MANAGED.items(), start=1):
        statement: dict[str, Any] = {"VendorName": "AWS", "Name": group}
        if counted:
            overrides = [{"Name": rule, "ActionToUse": {"Count": {}}} for rule in counted]
            statement["RuleActionOverrides"] = overrides
        yield {
            "Name": group,
            "Priority": priority,
            "OverrideAction": {"None": {}},
            "Statement": {"ManagedRuleGroupStatement": statement},
            "VisibilityConfig": _visible(group),
        }


def _visible(name: str) -> Plain:
    return {
        "MetricName": name,
        "CloudWatchMetricsEnabled": True,
        # Samples hold headers, tokens among them.
        "SampledRequestsEnabled": False,
    }
