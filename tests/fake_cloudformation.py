"""
CloudFormation on the loopback interface, as far as a deployment asks for it: with its failures.

It speaks the real protocol, so that what is tested is what AWS would be asked. Buckets and tables are
made with the clients that it is given; of other resources it only keeps the names. A resource of the
type `BROKEN` cannot be made.
"""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape

import attrs

__all__ = ["BROKEN", "CloudFormation", "FakeStack", "cloudformation"]

BROKEN = "AWS::Fake::Broken"
_STACK = "AWS::CloudFormation::Stack"
_BUCKET, _TABLE = "AWS::S3::Bucket", "AWS::DynamoDB::Table"
_REPLACES = ("TableName", "KeySchema", "BucketName")
_NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"

Plain = dict[str, Any]
Step = Callable[[], None]


class Declined(Exception):
    """What CloudFormation says instead of an answer."""

    def __init__(self, message: str, code: str = "ValidationError") -> None:
        super().__init__(message)
        self.code = code


@attrs.define
class FakeStack:
    """A stack, and what is still to happen to it: a step each time that somebody looks."""

    name: str
    arn: str
    status: str = "REVIEW_IN_PROGRESS"
    template: Plain = attrs.field(factory=dict)
    parameters: dict[str, str] = attrs.field(factory=dict)
    physical: dict[str, str] = attrs.field(factory=dict)
    events: list[Plain] = attrs.field(factory=list)
    steps: deque[Step] = attrs.field(factory=deque)

    def tell(self, resource: str, kind: str, status: str, reason: str = "") -> None:
        """Add an event."""
        number = len(self.events)
        self.events.append(
            {
                "StackId": self.arn,
                "StackName": self.name,
                "EventId": f"{self.name}-{number}",
                "LogicalResourceId": resource,
                "PhysicalResourceId": self.arn if kind == _STACK else resource,
                "ResourceType": kind,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "Timestamp": datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=number),
            }
        )
        if kind == _STACK:
            self.status = status

    def later(self, resource: str, kind: str, status: str, reason: str = "") -> None:
        """Add an event when somebody looks the next time."""
        self.steps.append(lambda: self.tell(resource, kind, status, reason))


@attrs.define
class CloudFormation:
    """
    The service, as a value that tests may change.

    `tag` tags a bucket, as only AWS itself may. `broken` are names of resources that cannot be updated
    or deleted, `stuck` says that undoing fails, too. `asked` are the operations that were asked for.
    """

    s3: Any
    dynamodb: Any
    tag: Callable[[str, dict[str, str]], None]
    endpoint: str = ""
    stacks: dict[str, FakeStack] = attrs.field(factory=dict)
    change_sets: dict[str, Plain] = attrs.field(factory=dict)
    broken: set[str] = attrs.field(factory=set)
    stuck: bool = False
    asked: list[str] = attrs.field(factory=list)

    def answer(self, form: Mapping[str, str]) -> Plain:
        """Return the answer to a request."""
        self.asked.append(form["Action"])
        method = getattr(self, re.sub("(?<!^)(?=[A-Z])", "_", form["Action"]).lower())
        found: Plain = method(form) or {}
        return found

    def _stack(self, form: Mapping[str, str]) -> FakeStack:
        name = form["StackName"]
        for stack in self.stacks.values():
            if name == stack.arn or (name == stack.name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise Declined(f"Stack with id {name} does not exist")

    def describe_stacks(self, form: Mapping[str, str]) -> Plain:
        """Return the stack, after one more thing happened to it."""
        stack = self._stack(form)
        if stack.steps:
            stack.steps.popleft()()
        done = stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        outputs = stack.template.get("Outputs", {}) if done else {}
        return {
            "Stacks": [
                {
                    "StackId": stack.arn,
                    "StackName": stack.name,
                    "StackStatus": stack.status,
                    "CreationTime": datetime(2026, 11, 22, tzinfo=UTC),
                    "Parameters": [
                        {"ParameterKey": key, "ParameterValue": value}
                        for key, value in stack.parameters.items()
                    ],
                    "Outputs": [
                        {"OutputKey": key, "OutputValue": self._value(stack, row["Value"])}
                        for key, row in outputs.items()
                    ],
                }
            ]
        }

    def _value(self, stack: FakeStack, value: Any) -> str:
        if isinstance(value, str):
            return value
        return stack.physical.get(value["Ref"], stack.name)

    def describe_stack_events(self, form: Mapping[str, str]) -> Plain:
        """Return events, the newest first, in pages of three."""
        stack = self._stack(form)
        rows = stack.events[::-1]
        start = int(form.get("NextToken", 0))
        more = {"NextToken": str(start + 3)} if start + 3 < len(rows) else {}
        return {"StackEvents": rows[start : start + 3], **more}

    def list_stack_resources(self, form: Mapping[str, str]) -> Plain:
        """Return the resources that are there."""
        stack = self._stack(form)
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": name,
                    "PhysicalResourceId": stack.physical[name],
                    "ResourceType": row["Type"],
                    "ResourceStatus": "CREATE_COMPLETE",
                    "LastUpdatedTimestamp": datetime(2026, 11, 22, tzinfo=UTC),
                }
                for name, row in stack.template.get("Resources", {}).items()
                if name in stack.physical
            ]
        }

    def validate_template(self, form: Mapping[str, str]) -> None:
        """Refuse what is no template."""
        if "Resources" not in self._template(form):
            raise Declined("Template format error: At least one Resources member must be defined.")

    def _template(self, form: Mapping[str, str]) -> Plain:
        body = form.get("TemplateBody")
        if body is None:
            parts = urlsplit(form["TemplateURL"])
            bucket = parts.netloc.partition(".s3.")[0]
            stored = self.s3.get_object(Bucket=bucket, Key=parts.path[1:])
            body = stored["Body"].read().decode()
        found: Plain = json.loads(body)
        return found

    def create_change_set(self, form: Mapping[str, str]) -> Plain:
        """Compare two templates."""
        name, kind = form["StackName"], form["ChangeSetType"]
        live = name in self.stacks and self.stacks[name].status != "DELETE_COMPLETE"
        if kind == "CREATE" and not live:
            arn = f"arn:aws:cloudformation:eu-west-1:123456789012:stack/{name}/{len(self.stacks)}"
            self.stacks[name] = FakeStack(name, arn)
            self.stacks[name].tell(name, _STACK, "REVIEW_IN_PROGRESS")
        stack = self._stack(form)
        if (kind == "CREATE") != (stack.status == "REVIEW_IN_PROGRESS"):
            raise Declined(f"Stack:{stack.arn} is in {stack.status} state and can not be updated.")
        template = self._template(form)
        parameters = {
            form[key]: form[key.replace("Key", "Value")]
            for key in form
            if re.fullmatch(r"Parameters\.member\.\d+\.ParameterKey", key)
        }
        unknown = parameters.keys() - template.get("Parameters", {}).keys()
        if unknown:
            raise Declined(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        changes = list(_changes(stack.template, template))
        same = not changes and parameters == stack.parameters
        arn = f"{stack.arn}/changeSet/{form['ChangeSetName']}"
        self.change_sets[arn] = {
            "template": template,
            "parameters": parameters,
            "changes": changes,
            "polls": 1,
            "Status": "FAILED" if same else "CREATE_COMPLETE",
            "StatusReason": "The submitted information didn't contain changes." if same else "",
        }
        return {"Id": arn, "StackId": stack.arn}

    def describe_change_set(self, form: Mapping[str, str]) -> Plain:
        """Return a page of two changes; at first, that they are being worked out."""
        found = self.change_sets[form["ChangeSetName"]]
        if found["polls"]:
            found["polls"] -= 1
            return {"Status": "CREATE_IN_PROGRESS"}
        start = int(form.get("NextToken", 0))
        more = {"NextToken": str(start + 2)} if start + 2 < len(found["changes"]) else {}
        rows = found["changes"][start : start + 2]
        told = {key: found[key] for key in ("Status", "StatusReason")}
        return {**told, "Changes": rows, **more}

    def delete_change_set(self, form: Mapping[str, str]) -> None:
        """Forget a change set."""
        del self.change_sets[form["ChangeSetName"]]

    def execute_change_set(self, form: Mapping[str, str]) -> None:
        """Begin to make the changes, which fail at what is broken."""
        found = self.change_sets.pop(form["ChangeSetName"])
        stack = self._stack(form)
        verb = "CREATE" if stack.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        stack.steps.append(lambda: stack.tell(stack.name, _STACK, f"{verb}_IN_PROGRESS"))
        for change in (row["ResourceChange"] for row in found["changes"]):
            name, kind = change["LogicalResourceId"], change["ResourceType"]
            if kind == BROKEN or name in self.broken:
                return self._fails(stack, verb, name, kind)
            stack.later(name, kind, f"{verb}_COMPLETE")
        stack.steps.append(lambda: self._done(stack, verb, found))
        return None

    def _fails(self, stack: FakeStack, verb: str, name: str, kind: str) -> None:
        stack.later(name, kind, f"{verb}_FAILED", "Resource handler returned: it is broken")
        stack.later("Another", "AWS::SNS::Topic", f"{verb}_FAILED", "Resource creation cancelled")
        undo = "ROLLBACK" if verb == "CREATE" else "UPDATE_ROLLBACK"
        stack.later(stack.name, _STACK, f"{undo}_IN_PROGRESS", "The following failed: [...]")
        end = "FAILED" if self.stuck else "COMPLETE"
        stack.later(stack.name, _STACK, f"{undo}_{end}")

    def _done(self, stack: FakeStack, verb: str, found: Plain) -> None:
        stack.template, stack.parameters = found["template"], found["parameters"]
        for name, row in stack.template["Resources"].items():
            if name not in stack.physical:
                stack.physical[name] = self._made(stack, name, row)
        stack.tell(stack.name, _STACK, f"{verb}_COMPLETE")

    def _made(self, stack: FakeStack, name: str, row: Plain) -> str:
        if row["Type"] == _BUCKET:
            bucket = f"{stack.name}-{name}-x1y2z3".lower()
            region = {"LocationConstraint": "eu-west-1"}
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
            self.s3.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
            self.tag(bucket, {"aws:cloudformation:stack-name": stack.name})
            return bucket
        if row["Type"] == _TABLE:
            self.dynamodb.create_table(**row["Properties"])
            return str(row["Properties"]["TableName"])
        return f"{stack.name}-{name}"

    def delete_stack(self, form: Mapping[str, str]) -> None:
        """Begin to delete; what holds data stays."""
        try:
            stack = self._stack(form)
        except Declined:
            return
        stack.steps.clear()
        stack.later(stack.name, _STACK, "DELETE_IN_PROGRESS")
        for name in sorted(self.broken & stack.template.get("Resources", {}).keys()):
            kind = stack.template["Resources"][name]["Type"]
            stack.later(name, kind, "DELETE_FAILED", "it is still in use")
            stack.later(stack.name, _STACK, "DELETE_FAILED")
            return
        stack.later(stack.name, _STACK, "DELETE_COMPLETE")
        if stack.status == "REVIEW_IN_PROGRESS":  # nothing is there: it is gone at once
            stack.steps.clear()
            stack.status = "DELETE_COMPLETE"

    def continue_update_rollback(self, form: Mapping[str, str]) -> None:
        """Undo once more."""
        stack = self._stack(form)
        stack.later(stack.name, _STACK, "UPDATE_ROLLBACK_IN_PROGRESS")
        if self.stuck:
            stack.later("Topic", "AWS::SNS::Topic", "UPDATE_FAILED", "it is still broken")
        end = "FAILED" if self.stuck else "COMPLETE"
        stack.later(stack.name, _STACK, f"UPDATE_ROLLBACK_{end}")


def _changes(before: Plain, after: Plain) -> Iterator[Plain]:
    old, new = before.get("Resources", {}), after.get("Resources", {})
    for name in sorted(old.keys() | new.keys()):
        row = new.get(name) or old[name]
        change = {"LogicalResourceId": name, "ResourceType": row["Type"]}
        if name not in old:
            change["Action"] = "Add"
        elif name not in new:
            change["Action"] = "Remove"
        elif old[name] != new[name]:
            was, becomes = (part[name].get("Properties", {}) for part in (old, new))
            replaces = any(was.get(key) != becomes.get(key) for key in _REPLACES)
            change |= {"Action": "Modify", "Replacement": str(replaces)}
        else:
            continue
        yield {"Type": "Resource", "ResourceChange": change}


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(one)}</{key}>" for key, one in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(one)}</member>" for one in value)
    return escape(value.isoformat() if isinstance(value, datetime) else str(value))


@contextmanager
def cloudformation(
    s3: Any, dynamodb: Any, tag: Callable[[str, dict[str, str]], None]
) -> Iterator[CloudFormation]:
    """Run the service on a free port; with *s3*, *dynamodb* and *tag* it makes things."""
    service = CloudFormation(s3, dynamodb, tag)

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1  # head and body together: TCP would wait between two packets

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = dict(parse_qsl(body, keep_blank_values=True))
            action = form["Action"]
            try:
                told = _xml(service.answer(form))
                status = 200
                text = (
                    f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{told}</{action}Result>'
                    f"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
                )
            except Declined as error:
                status = 400
                text = (
                    f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{error.code}</Code>'
                    f"<Message>{escape(str(error))}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
                )
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
