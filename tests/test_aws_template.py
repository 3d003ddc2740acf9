"""The template on AWS: every control is there, each check can fail, and the matrix holds."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from reflekt_chalice.deployment.template import artifacts, chalice_output, generate
from reflekt_chalice.deployment.template.parameters import CONDITIONS, PARAMETERS, RULES
from reflekt_chalice.deployment.template.permissions import ANY_RESOURCE
from reflekt_chalice.deployment.template.schemas import requests
from reflekt_chalice.functions import FUNCTIONS, Access
from reflekt_core.errors import ConfigurationError, Unauthenticated
from reflekt_core.rest.bearer import bearer_token
from reflekt_core.stores.dynamodb.tables import TABLES

from .template_api_controls import AUTHORIZER, body_of, described
from .template_control import Template, at, plain
from .template_controls import BUCKETS, CONTROLS
from .template_function_controls import grants

EXPRESSION = "identityValidationExpression"
DOCS = Path(__file__).parent.parent / "docs" / "reference" / "aws-template.md"


def silent(_: str) -> None:
    """Say nothing."""


@cache
def generated() -> Template:
    """Return the template, made once."""
    return generate(silent)


@pytest.fixture(name="template")
def _template() -> Template:
    return generated()


@pytest.mark.parametrize("name", CONTROLS)
def test_the_template_has_every_control(template: Template, name: str) -> None:
    """Nothing lacks what the table of controls says."""
    assert list(CONTROLS[name].wrong(template)) == []


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_that_is_missing_is_missed(template: Template, name: str) -> None:
    """Taken away anywhere, it is noticed: no check is empty."""
    lacking = list(CONTROLS[name].without(template))
    assert lacking
    for number, one in enumerate(lacking):
        assert list(CONTROLS[name].wrong(one)), number


@pytest.mark.parametrize("name", BUCKETS)
def test_the_artifact_bucket_is_as_safe(name: str) -> None:
    """Its template is small, and held to the same."""
    assert list(BUCKETS[name].wrong(artifacts())) == []
    for one in BUCKETS[name].without(artifacts()):
        assert list(BUCKETS[name].wrong(one))


def test_the_template_depends_on_the_code_alone(template: Template) -> None:
    """Made twice, it is the same, also as text; and it is plain data."""
    said: list[str] = []
    again = generate(said.append)
    assert said
    assert json.dumps(again) == json.dumps(template)
    assert json.loads(json.dumps(template)) == template
    assert artifacts() == artifacts()


def test_the_template_fits(template: Template) -> None:
    """CloudFormation takes 1 MB from a bucket, 500 resources and 200 parameters and outputs."""
    assert len(json.dumps(template)) < 1_000_000
    assert len(template["Resources"]) < 400
    assert len(template["Outputs"]) < 200


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_touch_its_tables_alone(template: Template, name: str) -> None:
    """Function × table: read where the matrix says read, write where it says write, else nothing."""
    granted = grants(template, name)
    for table in TABLES:
        actions = {a.partition(":")[2] for a in granted.get(f"{plain(table)}Table.Arn", ())}
        access = FUNCTIONS[name].tables.get(table)
        assert ("GetItem" in actions) == (access is not None)
        assert ("PutItem" in actions) == (access is Access.WRITE)
        assert "Scan" not in actions


def test_every_reference_leads_somewhere(template: Template) -> None:
    """What is referred to is a resource, a parameter or CloudFormation's own; conditions exist."""
    known = template["Resources"].keys() | template["Parameters"].keys()
    for kind, name in references(template):
        if kind == "condition":
            assert name in template["Conditions"], name
        else:
            assert name.startswith("AWS::") or name in known or name == "RestAPI.Stage", name


def references(value: Any) -> Iterator[tuple[str, str]]:  # noqa: C901 - one case a kind
    """Go through all references in *value*."""
    if isinstance(value, list):
        for one in value:
            yield from references(one)
    if not isinstance(value, dict):
        return
    for key, below in value.items():
        if key == "Ref":
            yield "name", below
        elif key == "Fn::GetAtt":
            yield "name", below[0]
        elif key == "Fn::Sub":
            for name in re.findall(r"\$\{([^}]+)\}", below):
                yield "name", name if name == "RestAPI.Stage" else name.partition(".")[0]
        elif key == "Fn::If":
            yield "condition", below[0]
            yield from references(below[1:])
        elif key == "Condition" and isinstance(below, str):
            yield "condition", below
        else:
            yield from references(below)


def test_every_condition_is_asked_for(template: Template) -> None:
    """None is defined for nothing, and so is no parameter."""
    found = set(references(template))
    assert {name for kind, name in found if kind == "condition"} == template["Conditions"].keys()
    assert template["Parameters"].keys() <= {name for kind, name in found if kind == "name"}


def test_chalice_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback: the last line of what Chalice said."""
    monkeypatch.setattr(chalice_output, "_APP", "raise RuntimeError('broken app')")
    with pytest.raises(ConfigurationError, match=r"chalice package failed: .*broken app") as raised:
        generate(silent)
    assert "\n" not in str(raised.value)


def test_chalice_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(chalice_output, "_LONGEST_SECONDS", 0.01)
    with pytest.raises(ConfigurationError, match=r"did not end within 0\.01 seconds"):
        generate(silent)


# Parameters


def holds(said: Any, given_: dict[str, str]) -> bool:
    """Whether a condition or an assertion holds for parameters, as CloudFormation says."""
    ((function, what),) = said.items()
    if function == "Fn::Not":
        return not holds(what[0], given_)
    if function in {"Fn::And", "Fn::Or"}:
        found = [holds(one, given_) for one in what]
        return all(found) if function == "Fn::And" else any(found)
    values = [given_[one["Ref"]] if isinstance(one, dict) else one for one in what]
    return bool(values[1] in values[0] if function == "Fn::Contains" else values[0] == values[1])


def refused(**given_: str) -> list[str]:
    """Return the rules that parameters break."""
    values = {name: str(one.get("Default", "")) for name, one in PARAMETERS.items()} | given_
    return [
        name
        for name, rule in RULES.items()
        if ("RuleCondition" not in rule or holds(rule["RuleCondition"], values))
        and not all(holds(one["Assert"], values) for one in rule["Assertions"])
    ]


@pytest.mark.parametrize(
    ("given_", "broken"),
    [
        ({}, ["SecretOrKeys"]),
        ({"JwtSecretParameter": "/a"}, []),
        (
            {"JwtSecretParameter": "/a", "JwtJwksUrl": "https://a"},
            ["SecretOrKeys", "KeysOfAProviderForUs"],
        ),
        ({"JwtJwksUrl": "https://a"}, ["KeysOfAProviderForUs"]),
        ({"JwtJwksUrl": "https://a", "JwtIssuer": "a"}, ["KeysOfAProviderForUs"]),
        ({"JwtJwksUrl": "https://a", "JwtIssuer": "a", "JwtAudience": "b"}, []),
        ({"JwtSecretParameter": "/a", "AiProvider": "openai"}, ["OpenAiHasAKey"]),
        ({"JwtSecretParameter": "/a", "AiProvider": "openai", "OpenAiApiKeyParameter": "/k"}, []),
        (
            {"JwtSecretParameter": "/a", "AiProvider": "anthropic,openai,local"},
            ["OpenAiHasAKey", "AnthropicHasAKey"],
        ),
    ],
)
def test_contradictions_are_refused_before_anything_is_made(
    given_: dict[str, str], broken: list[str]
) -> None:
    """A secret or keys, not both and not neither; a provider has its key."""
    assert refused(**given_) == broken


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("JwtSecretParameter", "", True),
        ("JwtSecretParameter", "/reflekt-journal-dev/jwt-secret", True),
        ("JwtSecretParameter", "jwt-secret", False),
        ("JwtSecretParameter", "/a/*", False),
        ("CursorSecretParameter", "", False),
        ("JwtJwksUrl", "http://keys.example", False),
        ("JwtJwksUrl", "https://keys.example/jwks.json", True),
        ("CorsOrigins", "*", True),
        ("CorsOrigins", "https://a.example, http://localhost:3000", True),
        ("CorsOrigins", "https://a.example/", False),
        ("CorsOrigins", "*, https://a.example", False),
        ("KmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:key/0193e1a2-7c5b", True),
        ("KmsKeyArn", "alias/mine", False),
        ("AlarmEmail", "ops@example.org", True),
        ("AlarmEmail", "ops", False),
    ],
)
def test_parameters_take_only_what_makes_sense(name: str, value: str, *, good: bool) -> None:
    """Each pattern, at what is good and at what is not."""
    assert bool(re.search(PARAMETERS[name]["AllowedPattern"], value)) is good


@pytest.mark.parametrize(
    ("present", "previous", "does"),
    [("/new", "/old", True), ("/new", "", False), ("", "/old", False)],
)
def test_a_previous_secret_is_read_beside_a_present_one(
    present: str, previous: str, *, does: bool
) -> None:
    """One that is left from before an identity provider took over is not."""
    values = {"JwtSecretParameter": present, "JwtSecretPreviousParameter": previous}
    assert holds(CONDITIONS["HasPreviousJwtSecret"], values) is does


@pytest.mark.parametrize(
    ("reserve", "stage", "does"),
    [
        ("auto", "dev", False),
        ("auto", "prod", True),
        ("true", "dev", True),
        ("false", "prod", False),
    ],
)
def test_concurrency_is_reserved_where_it_is_wanted(
    reserve: str, stage: str, *, does: bool
) -> None:
    """In prod, unless said otherwise: a new account has too little to give."""
    values = {"ReserveConcurrency": reserve, "Stage": stage}
    assert holds(CONDITIONS["ReservesConcurrency"], values) is does


# Models

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


MODELS = requests().models
BODIES = sorted({model for model, _ in requests().bodies.values()})


OBJECTS = [name for name, model in MODELS.items() if model["type"] == "object"]
READ_ALIKE = {
    *("$ref", "type", "enum", "properties", "required", "additionalProperties"),
    *("items", "minItems", "maxItems", "minimum", "maximum"),
}


def ours(model: str) -> Draft202012Validator:
    """Return what judges by our own schema."""
    schemas = described()["components"]["schemas"]
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{model}", "components": {"schemas": schemas}}
    )


def theirs(model: str) -> Draft4Validator:
    """Return what judges as API Gateway does."""
    return Draft4Validator({"$ref": f"#/definitions/{model}", "definitions": MODELS})


@pytest.mark.parametrize("model", BODIES)
def test_a_model_is_draft_4(model: str) -> None:
    """API Gateway understands no newer one."""
    Draft4Validator.check_schema(MODELS[model])
    assert MODELS[model]["additionalProperties"] is False


def keywords(schema: Any) -> Iterator[str]:
    """Go through all keywords of a schema."""
    if not isinstance(schema, dict):
        return
    yield from schema
    for below in (schema.get("items"), *schema.get("properties", {}).values()):
        yield from keywords(below)


def test_models_say_only_what_everybody_reads_alike() -> None:
    """No regular expressions, formats or lengths of text, and no type that draft 4 sees otherwise."""
    for model in MODELS.values():
        assert set(keywords(model)) <= READ_ALIKE
        assert '"integer"' not in json.dumps(model)


@given(st.data())
def test_a_model_never_refuses_what_the_function_takes(data: st.DataObject) -> None:
    """Whatever our schema lets pass, API Gateway lets pass."""
    model = data.draw(st.sampled_from(OBJECTS))
    fields = described()["components"]["schemas"][model]["properties"]
    body = dict(example_of(model)) if model in BODIES else {}
    for name in data.draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        known = fields[name].get("enum", []) + fields[name].get("examples", [])
        body[name] = data.draw(st.sampled_from(known) if known else ANYTHING)
    if ours(model).is_valid(body):
        assert theirs(model).is_valid(body)


@pytest.mark.parametrize("model", BODIES)
def test_a_model_refuses_what_nobody_takes(model: str) -> None:
    """A field that there is not, a missing one, or no object at all."""
    good = example_of(model)
    assert theirs(model).is_valid(good)
    assert not theirs(model).is_valid(good | {"never_heard_of": 1})
    assert not theirs(model).is_valid([])
    for name in MODELS[model].get("required", ()):
        assert not theirs(model).is_valid({k: v for k, v in good.items() if k != name})


def example_of(model: str) -> dict[str, Any]:
    """Return the example of a body in our documentation."""
    for methods in described()["paths"].values():
        for operation in methods.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                if media["schema"]["$ref"].endswith(f"/{model}"):
                    found: dict[str, Any] = media["examples"]["example"]["value"]
                    return found
    raise AssertionError(model)


# What API Gateway asks the authorizer


@pytest.mark.parametrize("header", ["Bearer abc", "bearer  a.b-c_d~e+f/g==", "BEARER a"])
def test_every_bearer_token_reaches_the_authorizer(template: Template, header: str) -> None:
    """API Gateway refuses only what the function would."""
    assert bearer_token({"authorization": header})
    assert re.fullmatch(at(body_of(template), (*AUTHORIZER, EXPRESSION)), header)


@pytest.mark.parametrize("header", ["", "Basic abc", "Bearer", "Bearer ", "Bearer a b"])
def test_what_is_no_bearer_token_costs_nothing(template: Template, header: str) -> None:
    """The function, which would refuse it, is not called."""
    with pytest.raises(Unauthenticated):
        bearer_token({"authorization": header})
    assert not re.fullmatch(at(body_of(template), (*AUTHORIZER, EXPRESSION)), header)


# The documentation


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below *heading*."""
    _, _, below = DOCS.read_text().partition(f"## {heading}\n")
    section = below.partition("\n## ")[0]
    table = section[section.index("\n|") :].strip().partition("\n\n")[0]
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_documentation_lists_the_parameters() -> None:
    """Each with its default."""
    shown = {
        name: "needed" if "Default" not in one else str(one["Default"]) or "empty"
        for name, one in PARAMETERS.items()
    }
    assert {row[0].strip("`"): row[1].strip("`") for row in rows("Parameters")} == shown


def test_the_documentation_lists_the_controls() -> None:
    """Each that is checked, and none that is not."""
    assert [row[0] for row in rows("Controls")] == list(CONTROLS)


def test_the_documentation_gives_each_exception_its_reason() -> None:
    """Each action that is allowed on everything."""
    assert {row[0].strip("`"): row[1] for row in rows("Exceptions")} == dict(ANY_RESOURCE)


def test_the_documentation_shows_the_functions() -> None:
    """What each may touch, and what it gets."""
    wanted = []
    for name, function in FUNCTIONS.items():
        tables = [
            {None: "–", Access.READ: "read", Access.WRITE: "write"}[function.tables.get(table)]
            for table in TABLES
        ]
        sizes = [str(function.memory_mb), str(function.timeout_seconds)]
        wanted.append([f"`{name}`", *tables, *sizes])
    assert rows("Functions") == wanted
