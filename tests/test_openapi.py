"""The OpenAPI document says what the service does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from reflekt_core.operations import OPERATIONS, Operation, Shape
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.messages import Request
from reflekt_core.rest.openapi import document

from .http_contract import API, Client, by_id, filled, token

DOCUMENT = document()


def described(operation: Operation) -> dict[str, Any]:
    """Return what the document says of *operation*."""
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return found


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Return *part*, or what it refers to."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found)


def complaints(schema: dict[str, Any], value: Any) -> list[str]:
    """Return what is wrong with *value* by *schema*, with references into the document."""
    checker = Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(value)]


def media(part: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through everything in the document that has a schema and examples."""
    if isinstance(part, dict):
        if "schema" in part and "examples" in part:
            yield at, part
        for key, value in part.items():
            yield from media(value, f"{at}/{key}")


def test_the_document_is_openapi_31() -> None:
    """A validator of the specification has nothing to say."""
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_the_document_is_served() -> None:
    """What is served is the document, in JSON."""
    reflekt, verifier = None, None
    dispatch = Dispatch(reflekt, verifier, cursor_secret=b"x" * 32, clock=lambda: None)  # type: ignore[arg-type] - the document needs neither
    answer = dispatch(Request("GET", "/openapi.json"))
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body) == DOCUMENT


def test_every_operation_is_described_once() -> None:
    """The document has the operations, those that document it, and no others."""
    ids = [row["operationId"] for path in DOCUMENT["paths"].values() for row in path.values()]
    assert len(ids) == len(set(ids))
    assert set(ids) == {op.id for op in OPERATIONS} | {"docs.openapi", "docs.page"}
    assert DOCUMENT["servers"] == [{"url": "./"}]
    assert {tag["name"] for tag in DOCUMENT["tags"]} == {op.tag for op in OPERATIONS} | {"docs"}


@pytest.mark.parametrize(("at", "part"), [pytest.param(at, m, id=at) for at, m in media(DOCUMENT)])
def test_every_example_keeps_to_its_schema(at: str, part: dict[str, Any]) -> None:
    """An example is what may really be sent."""
    assert part["examples"], at
    for shown_example in part["examples"].values():
        assert complaints(part["schema"], shown_example["value"]) == []


def test_examples_can_fail() -> None:
    """The check above refuses what a schema does not allow."""
    schema = {"$ref": "#/components/schemas/EntryDraft"}
    for wrong in (
        {},
        {"content": ""},
        {"content": "x", "y": 1},
        {"content": "x", "mood": 6},
        {"content": "x", "category_id": "1"},
        {"content": "x", "occurred_at": "now"},
    ):
        assert complaints(schema, wrong)


@pytest.mark.parametrize("operation", OPERATIONS, ids=by_id)
def test_each_operation_names_its_errors_and_its_permission(operation: Operation) -> None:
    """The document says what can go wrong, who may call, and what must be sent."""
    row = described(operation)
    statuses = set(row["responses"])
    assert {"400", "500", "503"} <= statuses
    if operation.public:
        assert row["security"] == []
    else:
        assert {"401", "429"} <= statuses
    assert row.get("x-permission") == (operation.permission and operation.permission.value)
    assert (operation.permission is not None) == ("403" in statuses)
    assert operation.precondition == ("412" in statuses)
    assert ("{" in operation.path) == ("404" in statuses)
    assert (operation.body is not None) == ("415" in statuses)
    assert (operation.shape is Shape.NOTHING) == ("204" in statuses)
    names = {(p["in"], p["name"]) for p in row["parameters"]}
    assert (("header", "If-Match") in names) == operation.precondition
    assert (("header", "Idempotency-Key") in names) == operation.repeatable
    assert (("query", "limit") in names) == (operation.cursor is not None)
    for status, response in row["responses"].items():
        content = resolved(response).get("content", {})
        if int(status) >= 400:
            assert set(content) == {"application/problem+json"}
        assert "X-Request-Id" in resolved(response)["headers"]


def test_fields_say_what_they_hold() -> None:
    """Names are those of the wire, rules are JSON Schema, and what stands below a field is said."""
    draft = DOCUMENT["components"]["schemas"]["EntryDraft"]
    assert draft["required"] == ["content"]
    assert draft["properties"]["mood"] == {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 5,
    }
    assert draft["properties"]["content"]["maxLength"] == 100_000
    assert draft["properties"]["occurred_at"]["description"].startswith("When it happened")
    period = DOCUMENT["components"]["schemas"]["Period"]
    assert set(period["properties"]) == {"from", "to"}
    entry = DOCUMENT["components"]["schemas"]["Entry"]
    assert not {"extra", "fingerprint"} & set(entry["properties"])
    assert set(entry["required"]) == set(entry["properties"])
    assert entry["additionalProperties"] is False
    parameters = {p["name"]: p for p in described(OPERATIONS[2])["parameters"]}
    assert parameters["tag"]["schema"]["type"] == "array"
    assert parameters["starred"]["schema"] == {"type": "boolean"}
    assert parameters["limit"]["schema"]["maximum"] == 100


class TestAnswers(API):
    """What the service really sends."""

    @pytest.mark.parametrize("operation", OPERATIONS, ids=by_id)
    def test_every_answer_is_as_described(self, dispatch: Dispatch, operation: Operation) -> None:
        """Asked with the document's own example, an operation answers as the document says."""
        client = Client(dispatch, token(role="admin"))
        entry = client.write(mood=4, tags=["sea"])
        row = described(operation)
        data = None
        if operation.body is not None:
            content = next(iter(row["requestBody"]["content"].values()))
            data = content["examples"]["example"]["value"]
        path = filled(operation)
        if operation.tag == "entries" and operation.method != "PUT":
            path = operation.path.replace("{id}", entry["id"])
        query = {"entries.search": "q=swam", "admin.usage": "user_id=ada"}.get(operation.id, "")
        answer = client(operation.method, path, query=query, data=data)
        response = resolved(row["responses"][str(int(answer.status))])
        assert set(response["headers"]) - {"Link"} <= set(answer.headers)
        if not answer.body:
            return
        kind = answer.headers["Content-Type"]
        schema = response["content"][kind]["schema"]
        lines = answer.body.splitlines() if kind == "application/x-ndjson" else [answer.body]
        for line in lines:
            assert complaints(schema, json.loads(line)) == []
