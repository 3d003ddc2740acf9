"""Stacks: what is deployed, what is left of a deployment that failed, and what a second run does."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    SSOTokenLoadError,
)
from hypothesis import given
from hypothesis import strategies as st

from reflekt_chalice.deployment import stored_secrets
from reflekt_chalice.deployment.account import Account, answered, connected
from reflekt_chalice.deployment.changes import Change, ChangeSet, endangered
from reflekt_chalice.deployment.deploying import Order, deploy
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.inputs import checked, values_for
from reflekt_chalice.deployment.package import Package
from reflekt_chalice.deployment.removing import delete_data, left_behind
from reflekt_chalice.deployment.stack import Stack
from reflekt_chalice.deployment.target import Target
from reflekt_chalice.deployment.template.parameters import PARAMETERS
from reflekt_core.stores.dynamodb.tables import TABLES

from .aws_deployment import AWS, REGION, aws_account, package, template
from .fake_cloudformation import BROKEN

DEV = Target()
STACK = "reflekt-journal-dev"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AWS]:
    """Give an empty account."""
    with aws_account(monkeypatch) as account:
        yield account


@attrs.define
class Deployer:
    """Deploys packages, and keeps what was said and what was asked."""

    aws: AWS
    folder: Path
    said: list[str] = attrs.field(factory=list)
    asked: list[ChangeSet] = attrs.field(factory=list)
    made: dict[str, Any] = attrs.field(factory=lambda: template(STACK))
    agrees: bool = True
    account: Account = attrs.field(factory=lambda: connected(None))

    def stack(self, name: str = STACK) -> Stack:
        """Return a stack, watched without waiting."""
        return Stack(self.account, name, self.said.append, pause=lambda _: None)

    def package(self) -> Package:
        """Return what is to be deployed."""
        return package(self.folder / "package", self.made)

    def __call__(self, target: Target = DEV, **order: Any) -> bool:
        """Deploy what was *made*."""
        return deploy(
            self.account,
            Order(target=target, package=self.package(), **order),
            say=self.said.append,
            confirmed=self._confirmed,
            pause=lambda _: None,
        )

    def _confirmed(self, proposed: ChangeSet) -> bool:
        self.asked.append(proposed)
        return self.agrees


@pytest.fixture
def deployer(aws: AWS, tmp_path: Path) -> Deployer:
    """Give what deploys."""
    return Deployer(aws, tmp_path)


def secret(aws: AWS, name: str) -> dict[str, Any]:
    """Return the stored secret of that name."""
    found: dict[str, Any] = aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return found


def test_a_first_deployment_makes_everything(aws: AWS, deployer: Deployer) -> None:
    """Bucket, code, secrets and stack are there afterwards, and its parameters name them."""
    assert deployer()
    found = aws.stacks.stacks[STACK]
    assert found.status == "CREATE_COMPLETE"
    bucket = found.parameters["CodeBucket"]
    assert bucket.startswith("reflekt-journal-artifacts-")
    for key, content in (("BaseCodeKey", b"base"), ("AiCodeKey", b"ai, too")):
        stored = aws.s3.get_object(Bucket=bucket, Key=found.parameters[key])
        assert stored["Body"].read() == content
    assert found.parameters["Stage"] == "dev"
    for name in ("JwtSecretParameter", "CursorSecretParameter"):
        kept = secret(aws, found.parameters[name])
        assert kept["Type"] == "SecureString"
        assert len(kept["Value"]) == 64
        assert kept["Value"] not in " ".join(deployer.said)
    assert found.parameters["JwtSecretParameter"] == f"/{STACK}/jwt-secret"
    assert deployer.stack().outputs()["ApiUrl"] == "http://127.0.0.1:1"


def test_what_happens_is_told_while_it_happens(deployer: Deployer) -> None:
    """Every event of the stack is said once, in its order."""
    deployer()
    told = [line for line in deployer.said if "_COMPLETE" in line or "_IN_PROGRESS" in line]
    assert sum("Topic" in line for line in told) == 1
    assert told[-1].endswith(f"CREATE_COMPLETE               {STACK}")
    assert len(told) == len(set(told))


def test_a_second_deployment_of_the_same_changes_nothing(aws: AWS, deployer: Deployer) -> None:
    """It succeeds, uploads nothing again, asks nobody, and leaves the secrets as they are."""
    deployer()
    before = secret(aws, f"/{STACK}/jwt-secret")["Value"]
    deployer.asked.clear()
    deployer.said.clear()
    assert deployer()
    assert deployer.asked == []
    assert deployer.said[-1].endswith("up to date: nothing changes")
    assert not any("uploading" in line for line in deployer.said)
    assert secret(aws, f"/{STACK}/jwt-secret")["Value"] == before
    assert aws.stacks.change_sets == {}


def test_what_is_not_said_again_stays_as_it_was(aws: AWS, deployer: Deployer) -> None:
    """An update keeps the parameters of the deployment before, whatever the defaults are."""
    deployer(given={"CorsOrigins": "https://app.example.org", "LogLevel": "DEBUG"})
    deployer.made["Resources"]["Other"] = {"Type": "AWS::SNS::Topic"}
    deployer(given={"LogLevel": "ERROR"})
    parameters = aws.stacks.stacks[STACK].parameters
    assert parameters["CorsOrigins"] == "https://app.example.org"
    assert parameters["LogLevel"] == "ERROR"


def test_an_existing_secret_is_never_replaced(aws: AWS, deployer: Deployer) -> None:
    """The secret that -j names is used as it is; one that is not encrypted is refused."""
    aws.ssm.put_parameter(Name="/mine/jwt", Value="x" * 40, Type="SecureString")
    deployer(given={"JwtSecretParameter": "/mine/jwt"})
    assert secret(aws, "/mine/jwt")["Value"] == "x" * 40
    assert aws.stacks.stacks[STACK].parameters["JwtSecretParameter"] == "/mine/jwt"
    aws.ssm.put_parameter(Name="/plain/jwt", Value="canary" * 9, Type="String")
    with pytest.raises(DeploymentError, match="/plain/jwt is a plain String") as caught:
        deployer(given={"JwtSecretParameter": "/plain/jwt"})
    assert "canary" not in caught.value.message
    assert aws.stacks.change_sets == {}


def test_a_secret_made_by_another_meanwhile_counts(
    aws: AWS, deployer: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two who make a secret at once, the first one's stays."""
    account = deployer.account
    client = account.client("ssm")
    asked: Callable[..., Any] = client.get_parameter

    def late(**wanted: Any) -> Any:
        try:
            return asked(**wanted)
        finally:
            aws.ssm.put_parameter(Name="/x/jwt", Value="first" * 9, Type="SecureString")

    monkeypatch.setattr(client, "get_parameter", late)
    assert stored_secrets.ensure(account, "/x/jwt") is False
    assert secret(aws, "/x/jwt")["Value"] == "first" * 9


def test_an_identity_provider_takes_the_place_of_the_secret(aws: AWS, deployer: Deployer) -> None:
    """With a JWKS URL no secret for tokens is made, and one deployed before is let go."""
    deployer()
    keys = {
        "JwtJwksUrl": "https://id.example.org/keys",
        "JwtIssuer": "https://id.example.org",
        "JwtAudience": "journal",
    }
    with pytest.raises(DeploymentError, match="--jwt-issuer and --jwt-audience"):
        deployer(given={"JwtJwksUrl": keys["JwtJwksUrl"]})
    deployer(given=keys)
    parameters = aws.stacks.stacks[STACK].parameters
    assert parameters["JwtSecretParameter"] == ""
    deployer(given={"JwtSecretParameter": "/mine/jwt"})
    parameters = aws.stacks.stacks[STACK].parameters
    assert (parameters["JwtJwksUrl"], parameters["JwtSecretParameter"]) == ("", "/mine/jwt")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CorsOrigins": "app.example.org"}, "CorsOrigins must be empty"),
        ({"LogLevel": "LOUD"}, "LogLevel must be one of: DEBUG"),
        ({"AiDailySpendAlarmUsd": "much"}, "must be a number from 0"),
        ({"Nonsense": "1"}, "no parameter Nonsense"),
        ({"AiProvider": "openai"}, "--openai-api-key-parameter"),
        ({"JwtSecretParameter": "canary-secret"}, "must be empty, or the name of a parameter"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_is_done(
    aws: AWS, deployer: Deployer, given: dict[str, str], said: str
) -> None:
    """One line names it and what it may be, and never repeats the value; nothing was uploaded."""
    with pytest.raises(DeploymentError, match=said) as caught:
        deployer(given=given)
    assert "canary" not in caught.value.message
    assert "\n" not in caught.value.message
    assert aws.s3.list_buckets()["Buckets"] == []


def test_a_dry_run_leaves_nothing_behind(aws: AWS, deployer: Deployer) -> None:
    """It shows the changes; no stack, no change set and no secret is there afterwards."""
    assert deployer(execute=False) is False
    (asked,) = deployer.asked
    assert {change.action for change in asked.changes} == {"Add"}
    assert len(asked.changes) == len(deployer.made["Resources"])
    assert deployer.stack().status is None
    assert aws.stacks.change_sets == {}
    assert aws.ssm.describe_parameters()["Parameters"] == []
    assert "execute_change_set" not in aws.stacks.asked[-6:]


def test_a_no_leaves_nothing_behind(aws: AWS, deployer: Deployer) -> None:
    """Whoever says no gets what was there before: nothing, or the version that runs."""
    deployer.agrees = False
    assert deployer() is False
    assert deployer.stack().status is None
    deployer.agrees = True
    deployer()
    deployer.made["Resources"]["Other"] = {"Type": "AWS::SNS::Topic"}
    deployer.agrees = False
    assert deployer() is False
    assert deployer.stack().status == "CREATE_COMPLETE"
    assert aws.stacks.change_sets == {}


def test_data_are_not_taken_away_unasked(aws: AWS, deployer: Deployer) -> None:
    """A table that would be replaced or removed stops a deployment, unless that is wanted."""
    deployer()
    del deployer.made["Resources"]["JobsTable"]
    with pytest.raises(DeploymentError, match=r"data in JobsTable.*--replace-data"):
        deployer()
    assert aws.stacks.change_sets == {}
    assert deployer.stack().status == "CREATE_COMPLETE"
    assert deployer(replace_data=True)
    deployer.made["Resources"]["EntriesTable"]["Properties"]["TableName"] = "other"
    with pytest.raises(DeploymentError, match="data in EntriesTable"):
        deployer()


@given(
    st.sampled_from(["Add", "Modify", "Remove"]),
    st.sampled_from(["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SNS::Topic"]),
    st.sampled_from(["", "True", "False", "Conditional"]),
)
def test_only_what_holds_data_is_endangered(action: str, kind: str, replaced: str) -> None:
    """Data are lost by removing or replacing what holds them, and by nothing else."""
    change = Change(action, "X", kind, replaced)
    holds = kind != "AWS::SNS::Topic"
    assert bool(endangered([change])) == (holds and (action == "Remove" or replaced == "True"))


def test_a_failure_is_told_by_its_first_cause(deployer: Deployer) -> None:
    """What failed first is named with its reason, not what was cancelled because of it."""
    deployer.made["Resources"]["Odd"] = {"Type": BROKEN}
    with pytest.raises(DeploymentError, match=r"ROLLBACK_COMPLETE\).*deploy again"):
        deployer()
    block = "\n".join(deployer.said[deployer.said.index("What failed first:") :])
    assert "Odd" in block
    assert "it is broken" in block
    assert "cancelled" not in block


@pytest.mark.parametrize("stuck", [False, True])
def test_a_second_run_repairs_a_first_one_that_failed(
    aws: AWS, deployer: Deployer, *, stuck: bool
) -> None:
    """What a first deployment left when it failed is removed, and the stack made anew."""
    deployer.made["Resources"]["Odd"] = {"Type": BROKEN}
    aws.stacks.stuck = stuck
    with pytest.raises(DeploymentError):
        deployer()
    kept = secret(aws, f"/{STACK}/jwt-secret")["Value"]
    aws.stacks.stuck = False
    del deployer.made["Resources"]["Odd"]
    assert deployer()
    assert deployer.stack().status == "CREATE_COMPLETE"
    assert secret(aws, f"/{STACK}/jwt-secret")["Value"] == kept


def test_an_update_that_could_not_be_undone_is_undone_first(aws: AWS, deployer: Deployer) -> None:
    """UPDATE_ROLLBACK_FAILED is put right by a second run, or told with its cause."""
    deployer()
    deployer.made["Resources"]["Topic"]["Properties"] = {"DisplayName": "new"}
    aws.stacks.broken, aws.stacks.stuck = {"Topic"}, True
    with pytest.raises(DeploymentError, match="UPDATE_ROLLBACK_FAILED"):
        deployer()
    with pytest.raises(DeploymentError, match="--resources-to-skip"):
        deployer()
    assert "    it is still broken" in deployer.said
    with pytest.raises(DeploymentError, match="'reflekt aws deploy' puts that right"):
        deployer(execute=False)
    aws.stacks.broken, aws.stacks.stuck = set(), False
    assert deployer()
    assert deployer.stack().status == "UPDATE_COMPLETE"


def test_a_stack_left_in_review_is_taken_over(aws: AWS, deployer: Deployer) -> None:
    """A change set that somebody never executed is in nobody's way."""
    body = {"TemplateBody": json.dumps(deployer.made)}
    values = dict.fromkeys(("CodeBucket", "BaseCodeKey", "AiCodeKey"), "x")
    assert deployer.stack().propose(body, values)
    assert deployer.stack().status == "REVIEW_IN_PROGRESS"
    assert deployer()
    assert deployer.stack().status == "CREATE_COMPLETE"


def test_a_change_under_way_is_waited_for(aws: AWS, deployer: Deployer) -> None:
    """Who deploys while a deployment is under way waits for it, and then goes on."""
    deployer()
    other = aws.stacks.stacks[STACK]
    other.tell(STACK, "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS")
    for name in ("Topic", "JobsTable"):
        other.later(name, "AWS::SNS::Topic", "UPDATE_COMPLETE")
    other.later(STACK, "AWS::CloudFormation::Stack", "UPDATE_COMPLETE")
    deployer.made["Resources"]["Other"] = {"Type": "AWS::SNS::Topic"}
    assert deployer()
    assert any("waiting for it" in line for line in deployer.said)


def test_a_stack_whose_deletion_failed_is_not_deployed(aws: AWS, deployer: Deployer) -> None:
    """It says to finish deleting; deleting again does that."""
    deployer()
    aws.stacks.broken = {"Topic"}
    with pytest.raises(DeploymentError, match="DELETE_FAILED"):
        deployer.stack().delete()
    assert "    it is still in use" in deployer.said
    with pytest.raises(DeploymentError, match="'reflekt aws delete'"):
        deployer()
    aws.stacks.broken = set()
    deployer.stack().delete()
    assert deployer.stack().status is None


def test_a_bucket_of_ones_own_is_used_and_remembered(aws: AWS, deployer: Deployer) -> None:
    """The named bucket holds the code, now and when it is not named again; none is made."""
    with pytest.raises(DeploymentError, match="there is no bucket mine"):
        deployer(bucket="mine")
    aws.s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": REGION})
    deployer(bucket="mine")
    deployer.made["Resources"]["Other"] = {"Type": "AWS::SNS::Topic"}
    deployer()
    assert aws.stacks.stacks[STACK].parameters["CodeBucket"] == "mine"
    assert "reflekt-journal-artifacts" not in aws.stacks.stacks


def test_code_that_changed_gets_a_name_of_its_own(aws: AWS, deployer: Deployer) -> None:
    """Code is kept under its hash: a new version never overwrites the one that runs."""
    deployer()
    before = dict(aws.stacks.stacks[STACK].parameters)
    target = package(deployer.folder / "package", deployer.made)
    target.base.write_bytes(b"newer")
    order = Order(target=DEV, package=target)
    deploy(
        deployer.account,
        order,
        say=deployer.said.append,
        confirmed=lambda _: True,
        pause=lambda _: None,
    )
    after = aws.stacks.stacks[STACK].parameters
    assert after["BaseCodeKey"] != before["BaseCodeKey"]
    assert after["AiCodeKey"] == before["AiCodeKey"]
    for key in (before["BaseCodeKey"], after["BaseCodeKey"]):
        aws.s3.head_object(Bucket=after["CodeBucket"], Key=key)


def test_deleting_keeps_the_data_and_deletes_them_if_told(aws: AWS, deployer: Deployer) -> None:
    """Tables, buckets and secrets outlive the stack; told so, they go, protected or not."""
    deployer()
    aws.s3.put_object(Bucket=f"{STACK}-staticcontentbucket-x1y2z3", Key="a", Body=b"1")
    aws.s3.put_object(Bucket=f"{STACK}-staticcontentbucket-x1y2z3", Key="a", Body=b"2")
    stack = deployer.stack()
    left = left_behind(deployer.account, DEV, stack)
    assert set(left.tables) == {f"{STACK}-{table}" for table in TABLES}
    assert len(left.buckets) == 2
    assert set(left.secrets) == {DEV.jwt_parameter, DEV.cursor_parameter}
    stack.delete()
    # Found again by who comes later, when there is no stack to ask.
    assert left_behind(deployer.account, DEV, stack) == left
    delete_data(deployer.account, DEV, left, deployer.said.append, pause=lambda _: None)
    assert aws.dynamodb.list_tables()["TableNames"] == []
    assert aws.s3.list_buckets()["Buckets"] == []
    assert aws.ssm.describe_parameters()["Parameters"] == []
    assert deployer.stack("reflekt-journal-artifacts").status is None
    assert not left_behind(deployer.account, DEV, stack)
    assert deployer()


def test_the_bucket_for_code_stays_while_another_stage_needs_it(
    aws: AWS, deployer: Deployer
) -> None:
    """Deleting the data of one stage touches nothing of another."""
    deployer()
    prod = Target(stage="prod")
    deployer.made = template(prod.stack)
    deployer(prod)
    left = left_behind(deployer.account, DEV, deployer.stack())
    assert len(left.buckets) == 1
    deployer.stack().delete()
    delete_data(deployer.account, DEV, left, deployer.said.append, pause=lambda _: None)
    assert set(aws.dynamodb.list_tables()["TableNames"]) == {f"{prod.stack}-{t}" for t in TABLES}
    assert deployer.stack(prod.stack).status == "CREATE_COMPLETE"
    aws.s3.head_bucket(Bucket=aws.stacks.stacks[prod.stack].parameters["CodeBucket"])


@pytest.mark.parametrize("name", ["", "1st", "under_score", "a" * 38, "aws-journal", "SSM-x"])
def test_a_name_that_no_stack_can_have_is_refused(name: str) -> None:
    """Names are checked before AWS is asked."""
    with pytest.raises(DeploymentError, match="stack's name must"):
        Target(name)


def _client_error(code: str) -> ClientError:
    said = {"Error": {"Code": code, "Message": "in AWS's words"}}
    return ClientError(said, "DescribeStacks")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoCredentialsError(), "no AWS credentials: run 'aws configure'"),
        (SSOTokenLoadError(error_msg="x"), "sign-on at AWS has ended"),
        (_client_error("ExpiredToken"), "credentials have expired"),
        (_client_error("InvalidClientTokenId"), "does not accept the credentials"),
        (_client_error("AccessDenied"), "do not allow DescribeStacks"),
        (_client_error("Throttling"), r"reading the stack: in AWS's words \(Throttling\)"),
        (EndpointConnectionError(endpoint_url="https://x"), "AWS does not answer"),
    ],
)
def test_what_aws_says_becomes_one_line_with_a_way_out(error: Exception, said: str) -> None:
    """Each failure says what is wrong and what to do."""
    with pytest.raises(DeploymentError, match=said) as caught, answered("reading the stack"):
        raise error
    assert "\n" not in caught.value.message


def test_the_words_of_a_service_are_not_repeated_where_a_secret_is_stored() -> None:
    """Where AWS may quote a secret, its code alone is told."""
    with pytest.raises(DeploymentError) as caught, answered("keeping a secret", quote=False):
        raise _client_error("ValidationException")
    assert caught.value.message == "keeping a secret: ValidationException"


def test_no_region_is_told(monkeypatch: pytest.MonkeyPatch, aws: AWS) -> None:
    """Without a region anywhere, it says how to name one."""
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(DeploymentError, match="--region"):
        connected(None)
    assert connected("eu-north-1").region == "eu-north-1"


NAMES = st.sampled_from(sorted(PARAMETERS))
VALUES = st.dictionaries(NAMES, st.text("abc/", max_size=5))


@given(VALUES, VALUES)
def test_what_is_given_wins_over_what_was_before(
    previous: dict[str, str], given: dict[str, str]
) -> None:
    """Given, then previous, then default, for each parameter that the template has."""
    found = values_for({"Parameters": PARAMETERS}, previous | {"Gone": "x"}, given)
    assert "Gone" not in found
    for name, value in given.items():
        assert found[name] == value or name in ("JwtSecretParameter", "JwtJwksUrl")
    for name in previous.keys() - given.keys() - {"JwtSecretParameter", "JwtJwksUrl"}:
        assert found[name] == previous[name]


def test_a_missing_parameter_is_named() -> None:
    """A parameter without default must be given."""
    with pytest.raises(DeploymentError, match="CodeBucket is missing"):
        checked({"Parameters": PARAMETERS}, {"Stage": "dev", "LogLevel": "INFO"})
