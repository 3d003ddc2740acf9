"""
The template of the service: what Chalice makes of the app, completed as data.

`generate` returns the SAM template of everything, `artifacts` that of the bucket for code, which is
deployed first. Both depend on nothing but the code: neither on an account, nor on a region.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reflekt_chalice.deployment.template.intrinsics import Plain

__all__ = ["artifacts", "generate"]

_VERSION = "2010-09-09"


def generate(say: Callable[[str], None]) -> "Plain":
    """
    Return the template of the service.

    Args:
        say: Is told what is being done.

    Raises:
        ConfigurationError: Chalice failed.
    """
    # Loaded for who deploys.
    from reflekt_chalice.deployment.template.chalice_output import packaged  # noqa: PLC0415

    say("asking Chalice for its template")
    made = packaged()
    say("completing it")
    return completed(made)


def completed(made: "Plain") -> "Plain":
    """Return the template that Chalice *made*, with all that it lacks."""
    from reflekt_chalice.deployment.template import (  # noqa: PLC0415 - for who deploys
        alarms,
        api,
        events,
        firewall,
        functions,
        outputs,
        parameters,
        permissions,
        storage,
        tables,
        tags,
    )

    resources = {
        **api.api(made["Resources"]["RestAPI"]),
        **functions.functions(made["Resources"]["Authorizer"]),
        **permissions.roles(),
        **tables.tables(),
        **events.events(),
        **storage.bucket("StaticContentBucket"),
        **firewall.firewall(),
        **alarms.alarms(),
    }
    return {
        "AWSTemplateFormatVersion": _VERSION,
        "Transform": made["Transform"],
        "Description": "A journal with its API, tables, events and alarms.",
        "Parameters": parameters.PARAMETERS,
        "Rules": parameters.RULES,
        "Mappings": parameters.MAPPINGS,
        "Conditions": parameters.CONDITIONS,
        "Resources": tags.tagged(resources),
        "Outputs": outputs.outputs(),
    }


def artifacts() -> "Plain":
    """Return the template of the bucket for code."""
    from reflekt_chalice.deployment.template import (  # noqa: PLC0415 - for who deploys
        parameters,
        storage,
        tags,
    )
    from reflekt_chalice.deployment.template.intrinsics import ref  # noqa: PLC0415 - the same

    return {
        "AWSTemplateFormatVersion": _VERSION,
        "Description": "The bucket that holds the code of a journal.",
        "Parameters": {"KmsKeyArn": parameters.PARAMETERS["KmsKeyArn"]},
        "Conditions": {"HasKmsKey": parameters.CONDITIONS["HasKmsKey"]},
        "Resources": tags.tagged(storage.bucket("ArtifactBucket"), stage=False),
        "Outputs": {
            "ArtifactBucket": {
                "Description": "The bucket for code.",
                "Value": ref("ArtifactBucket"),
            }
        },
    }
