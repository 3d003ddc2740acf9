"""What a deployment tells of itself: addresses and names, never a secret."""

from reflekt_chalice.deployment.template.intrinsics import STACK_NAME, Plain, ref, sub
from reflekt_chalice.deployment.template.names import dead_letters
from reflekt_chalice.deployment.template.permissions import is_asynchronous
from reflekt_chalice.functions import FUNCTIONS

__all__ = ["outputs"]

_CONSOLE = "https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}"


def outputs() -> Plain:
    """Return the outputs by their names."""
    found = {
        "ApiUrl": _told(
            "Where the API is.",
            sub("https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}"),
        ),
        "EventBusName": _told("The bus for events.", ref("EventBus")),
        "TablePrefix": _told("What the names of the tables begin with.", STACK_NAME),
        "StaticContentBucket": _told(
            "The bucket for content that never changes.", ref("StaticContentBucket")
        ),
        "AlarmTopicArn": _told("The topic that tells of alarms.", ref("AlarmTopic")),
        "DashboardUrl": _told(
            "The dashboard, for people.", sub(f"{_CONSOLE}#dashboards/dashboard/${{Dashboard}}")
        ),
    }
    for name, function in FUNCTIONS.items():
        if is_asynchronous(function):
            queue = dead_letters(name)
            told = f"The queue of what {name} failed at for good."
            found[f"{queue}Url"] = _told(told, ref(queue))
    return found


def _told(description: str, value: Plain) -> Plain:
    return {"Description": description, "Value": value}
