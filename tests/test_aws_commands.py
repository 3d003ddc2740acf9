"""`reflekt aws`: what the commands print, write, ask and refuse."""

import base64
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import boto3
import pytest

from reflekt_chalice.deployment import connection, environment, stack
from reflekt_chalice.deployment.commands import aws as group
from reflekt_chalice.deployment.environment import exports, written
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.target import Target
from reflekt_chalice.deployment.tokens import keep
from reflekt_chalice.deployment.trials import trial_of
from reflekt_chalice.redrive import queue_output, queued_functions
from reflekt_core.cli import main
from reflekt_core.cli.commands import root
from reflekt_core.model.accounts import PERMISSIONS, Permission, Role

from .aws_deployment import AWS, REGION, aws_account, package, template
from .fake_cloudformation import BROKEN

STACK = "reflekt-journal-dev"
SECRET = "Jm4vY9wQe2Zt7uKx0aRb5cPd8fGh3iLn6oSq1TyUz_W"
PROJECT = Path(__file__).parent.parent / "pyproject.toml"
DEPLOY = ("deploy", "--package", "package", "--no-verify", "--patience", "0")


@attrs.frozen
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def failed(self, *words: str) -> bool:
        """Tell whether it failed with a last line that says all *words*."""
        assert self.code == 1, self
        assert "Traceback" not in self.err
        last = self.err.splitlines()[-1]
        assert last.startswith("reflekt: "), self.err
        return all(word in last for word in words)


Run = Callable[..., Result]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the entry points of the project known, as installing it does."""
    points = tomllib.loads(PROJECT.read_text())["project"]["entry-points"]["reflekt.commands"]
    info = tmp_path / "site" / "reflekt_journal-0.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reflekt-journal\nVersion: 0.0.0\n")
    rows = "".join(f"{name} = {place}\n" for name, place in points.items())
    (info / "entry_points.txt").write_text(f"[reflekt.commands]\n{rows}")
    monkeypatch.syspath_prepend(info.parent)
    root.__dict__.pop("_plugins", None)
    yield info.parent
    root.__dict__.pop("_plugins", None)


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    installed: Path,
) -> Run:
    """Run `reflekt aws` in an empty folder, without ever waiting."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stack, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(connection, "_HEALTH_PAUSE_SECONDS", 0.01)

    def run(*args: str) -> Result:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
        code = main(["aws", *args])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AWS]:
    """Give an empty account."""
    with aws_account(monkeypatch) as found:
        yield found


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """Run `reflekt serve` with a known secret, and give its address."""
    kept = {k: v for k, v in os.environ.items() if not re.match("REFLEKT_|JWT_|AWS_|DEBUG", k)}
    process = subprocess.Popen(
        [*(sys.executable, "-m", "reflekt_core", "serve"), "--port", "0", "--data", "served"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        env=kept | {"JWT_SECRET": SECRET},
    )
    try:
        assert process.stdout
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def deployed(run: Run, account: AWS, service: str) -> str:
    """Deploy a service that runs, and give its address."""
    account.ssm.put_parameter(Name=f"/{STACK}/jwt-secret", Value=SECRET, Type="SecureString")
    package(Path("package"), template(STACK, service))
    done = run(*DEPLOY, "--yes", "--patience", "30")
    assert done.code == 0, done.err
    assert f"{service} is up" in done.err
    return service


def test_every_command_has_help_with_an_example(run: Run) -> None:
    """Each says what it does, what its options mean, and shows how it is used."""
    names = set(group.commands)
    wanted = {"package", "env", "deploy", "init", "smoke", "load", "outputs", "delete", "redrive"}
    assert names == wanted
    for name in names:
        shown = run(name, "--help")
        assert shown.code == 0
        assert "Examples:" in shown.out
        for parameter in group.commands[name].params:
            assert getattr(parameter, "help", "") != "", (name, parameter.name)


def test_the_command_is_listed_and_costs_nothing_until_it_is_used(installed: Path) -> None:
    """`reflekt --help` names it; neither that nor its own help loads an SDK."""
    code = (
        "import sys\nfrom reflekt_core.cli import main\nmain(sys.argv[1:])\n"
        "print(*sorted(set(sys.modules) & {'botocore', 'boto3', 'chalice', 'httpx2', 'jsonschema'}))"
    )
    path = os.pathsep.join([str(installed), *(one for one in sys.path if one)])
    for words in (["--help"], ["aws", "--help"], ["aws", "smoke", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert done.stdout.splitlines()[-1] == "", words
    first = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert re.search(r"aws +Deploy to AWS", first.stdout)


@pytest.mark.parametrize("missing", ["botocore", "jsonschema"])
def test_without_the_extra_it_says_how_to_get_it(
    run: Run, deployed: str, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Where a package of the extra is missing, one line names the extra."""
    # None in place of a module makes Python say that there is no such module.
    for name in [missing, *(name for name in sys.modules if name.startswith(f"{missing}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    assert run("smoke").failed(
        f"{missing} is not installed; get it with: pip install 'reflekt-journal[aws]'"
    )


def test_a_deployment_is_shown_before_it_is_made(run: Run, account: AWS) -> None:
    """Without --yes, and nobody to ask, the changes are shown and nothing is done."""
    package(Path("package"), template(STACK))
    done = run(*DEPLOY)
    assert done.failed("add --yes")
    assert re.search(r"Add +EntriesTable +AWS::DynamoDB::Table", done.out)
    assert account.ssm.describe_parameters()["Parameters"] == []
    assert run("outputs").failed("there is no stack reflekt-journal-dev in eu-west-1")


def test_a_dry_run_shows_and_leaves_all_as_it_is(run: Run, account: AWS) -> None:
    """--dry-run and --no-execute show the change set alone, and that is no failure."""
    package(Path("package"), template(STACK))
    for option in ("--dry-run", "--no-execute"):
        done = run(*DEPLOY, option)
        assert done.code == 0
        assert "nothing was changed" in done.err
    assert account.dynamodb.list_tables()["TableNames"] == []


def test_a_service_that_never_gets_up_is_told(run: Run, account: AWS) -> None:
    """What is deployed but does not answer is a failure, with where to look."""
    package(Path("package"), template(STACK))
    assert run(*DEPLOY, "--yes").failed("it is deployed, but not up", "'settings'")


def test_what_endangers_data_stands_out(run: Run, account: AWS) -> None:
    """The first row of the changes is the table that would be lost, and nothing is done."""
    made = template(STACK)
    package(Path("package"), made)
    run(*DEPLOY, "--yes")
    del made["Resources"]["EntriesTable"]
    made["Resources"]["Another"] = {"Type": "AWS::SNS::Topic"}
    package(Path("package"), made)
    done = run(*DEPLOY, "--yes")
    assert done.failed("lose sight of the data in EntriesTable")
    assert re.match(r"Remove +EntriesTable .*!! ITS DATA", done.out.splitlines()[1])


def test_a_failed_deployment_names_its_cause(run: Run, account: AWS) -> None:
    """The first failure is shown in a block before the last line, which says what to do."""
    made = template(STACK)
    made["Resources"]["Odd"] = {"Type": BROKEN}
    package(Path("package"), made)
    done = run(*DEPLOY, "--yes")
    assert done.failed("was not deployed (ROLLBACK_COMPLETE)", "deploy again")
    assert "What failed first:\n  Odd (AWS::Fake::Broken)\n" in done.err
    (log,) = Path("logs/build").glob("deploy-*.log")
    assert "it is broken" in log.read_text()
    del made["Resources"]["Odd"]
    package(Path("package"), made)
    assert run(*DEPLOY, "--yes").failed("not up")
    assert account.stacks.stacks[STACK].status == "CREATE_COMPLETE"


def test_every_option_of_a_deployment_arrives(run: Run, account: AWS) -> None:
    """What options say is what the stack is deployed with."""
    boto3.client("s3", region_name="eu-north-1").create_bucket(
        Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-north-1"}
    )
    package(Path("package"), template("diary-prod"))
    run(
        *DEPLOY,
        *("--yes", "-n", "diary", "-s", "prod", "-r", "eu-north-1", "-b", "mine"),
        *("-j", "/my/jwt", "--cursor-secret-parameter", "/my/cursor", "--cors-origins", "*"),
        *("--ai-provider", "openai,anthropic,local", "--openai-api-key-parameter", "/my/o"),
        *("--anthropic-api-key-parameter", "/my/a", "--alarm-email", "ops@example.org"),
        *("--kms-key-arn", "arn:aws:kms:eu-north-1:123456789012:key/k1", "--waf"),
        *("--log-level", "ERROR", "-p", "ValidateBodies=true", "-p", "AiDailySpendAlarmUsd=5"),
        *("--jwt-issuer", "me", "--jwt-audience", "us", "-p", "JwtRoleClaim=cognito:groups"),
    )
    parameters = account.stacks.stacks["diary-prod"].parameters
    assert parameters | {"BaseCodeKey": "", "AiCodeKey": ""} == {
        "Stage": "prod",
        "LogLevel": "ERROR",
        "CodeBucket": "mine",
        "BaseCodeKey": "",
        "AiCodeKey": "",
        "JwtSecretParameter": "/my/jwt",
        "JwtSecretPreviousParameter": "",
        "JwtJwksUrl": "",
        "JwtIssuer": "me",
        "JwtAudience": "us",
        "JwtRoleClaim": "cognito:groups",
        "JwtScopeClaim": "scope",
        "CursorSecretParameter": "/my/cursor",
        "CorsOrigins": "*",
        "AiProvider": "openai,anthropic,local",
        "OpenAiApiKeyParameter": "/my/o",
        "AnthropicApiKeyParameter": "/my/a",
        "AiDailySpendAlarmUsd": "5",
        "KmsKeyArn": "arn:aws:kms:eu-north-1:123456789012:key/k1",
        "AlarmEmail": "ops@example.org",
        "EnableWaf": "true",
        "ValidateBodies": "true",
        "ReserveConcurrency": "auto",
        "ManageApiGatewayAccount": "true",
    }
    there = boto3.client("ssm", region_name="eu-north-1")
    kept = there.describe_parameters()["Parameters"]
    assert {one["Name"] for one in kept} == {"/my/jwt", "/my/cursor"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-p", "LogLevel"), "must be NAME=VALUE"),
        (("-p", "LogLevel=INFO", "--log-level", "INFO"), "LogLevel is given already"),
        (("-p", "Stage=prod"), "Stage is given already"),
        (("-s", "production"), "'production' is not one of"),
        (("--package", "nowhere"), "does not exist"),
    ],
)
def test_a_wrong_option_is_one_line(
    run: Run, account: AWS, words: tuple[str, ...], said: str
) -> None:
    """What cannot be understood ends with 2, and one line says why."""
    Path("package").mkdir()
    done = run(*DEPLOY, *words)
    assert done.code == 2
    assert said in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-n", "1st"), "stack's name must be a letter"),
        (("--cors-origins", "no"), "CorsOrigins must be empty"),
        (("-j", "canary of a secret"), "the name of a parameter"),
        (("--jwks-url", "https://x/k"), "--jwt-issuer"),
    ],
)
def test_a_wrong_value_is_one_line(
    run: Run, account: AWS, words: tuple[str, ...], said: str
) -> None:
    """What the template would refuse is refused here, without repeating it."""
    package(Path("package"), template(STACK))
    done = run(*DEPLOY, *words)
    assert done.failed(said)
    assert "canary" not in done.err


def test_a_package_that_is_not_ours_is_refused(run: Run, account: AWS) -> None:
    """Zips that are not what is installed here are not deployed, and an empty folder says what to do."""
    package(Path("package"), template(STACK))
    words = ("deploy", "--package", "package")
    assert run(*words).failed("the package in package is not what is installed here")
    Path("package/ai.zip").unlink()
    assert run(*words).failed("package/ai.zip is missing", "reflekt aws package --out package")
    Path("package/template.json").write_text("{")
    assert run(*words).failed("not JSON")
    assert account.s3.list_buckets()["Buckets"] == []


def test_a_zip_is_verified(run: Run, tmp_path: Path) -> None:
    """--verify says what is wrong with a zip, and fails."""
    Path("x.zip").write_bytes(b"no zip")
    done = run("package", "--verify", "x.zip")
    assert done.failed("must not be deployed")
    assert "no zip" in done.out


def test_missing_credentials_are_one_line(
    run: Run, account: AWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials every command that needs them says how to get some."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    package(Path("package"), template(STACK))
    for words in (DEPLOY, ("init",), ("outputs",), ("env",), ("smoke",), ("delete",), ("redrive",)):
        done = run(*words)
        assert done.failed("there are no AWS credentials", "aws configure"), words


def test_from_nothing_to_a_service_that_was_tried(
    run: Run, account: AWS, service: str, tmp_path: Path
) -> None:
    """`init` deploys, writes its files without a secret, makes tokens that work, and smokes."""
    account.ssm.put_parameter(Name=f"/{STACK}/jwt-secret", Value=SECRET, Type="SecureString")
    package(Path("package"), template(STACK, service))
    Path(".env").write_text("# mine\nMY_KEY=1\nSTAGE=old\n")
    Path("web").mkdir()
    done = run("init", *DEPLOY[1:], "--yes", "--patience", "30", "--front-end", "web")
    assert done.code == 0, done.err
    assert "all 36 operations are as they should be" in done.err
    assert Path(".env").read_text() == (
        f"# mine\nMY_KEY=1\nSTAGE=dev\nAPI_URL={service}\nAWS_REGION={REGION}\n"
        f"REFLEKT_STORE=dynamodb://{STACK}?region={REGION}\n"
    )
    local = Path("web/.env.local")
    assert local.read_text() == f"NEXT_PUBLIC_API_URL={service}\nVITE_API_URL={service}\n"
    kept = Path(f"reflekt-data/tokens-{STACK}.json")
    for path in (Path(".env"), local, kept):
        assert path.stat().st_mode & 0o777 == 0o600
    tokens = json.loads(kept.read_text())
    assert set(tokens) == {"test-user", "test-reader", "test-admin"}
    with connection.Connection(service) as asked:
        for user, status in (("test-user", 201), ("test-reader", 403)):
            sent = {"Authorization": f"Bearer {tokens[user]}", "Content-Type": "application/json"}
            reply = asked.send("POST", "/entries", headers=sent, body=b'{"content": "x"}')
            assert reply.status == status
    everything = done.out + done.err
    for path in Path("logs").rglob("*"):
        everything += path.read_text() if path.is_file() else ""
    for secret in (SECRET, "canary-of-a-secret-key", *tokens.values()):
        assert secret not in everything
    before = [path.read_text() for path in (Path(".env"), local)]
    assert run("init", *DEPLOY[1:], "--yes", "--front-end", "web", "--no-smoke").code == 0
    assert [path.read_text() for path in (Path(".env"), local)] == before


def test_smoke_and_load_find_the_deployment_by_themselves(run: Run, deployed: str) -> None:
    """Address and secret come from the stack; the commands take both as they are there."""
    done = run("smoke", "-e", "prompts", "-v")
    assert done.code == 0, done.err
    assert re.search(r"prompts.daily +200", done.err)
    assert re.search(r"ok +prompts +prompts.daily", done.out)
    for words in (("load", "-c", "2", "-n", "20"), ("smoke", "-l", "-c", "2", "-n", "20")):
        done = run(*words)
        assert done.code == 0, done.err
        assert "20 requests, 2 at once" in done.out
        assert Path("logs/load/latency.svg").read_text().startswith("<?xml")
        assert json.loads(Path("logs/load/figures.json").read_text())["requests"] == 20


def test_an_address_and_a_token_need_no_aws(
    run: Run, deployed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --url and --token-file nobody at AWS is asked."""
    run("init", *DEPLOY[1:], "--yes", "--no-smoke", "--tokens", "t.json")
    Path("token").write_text(json.loads(Path("t.json").read_text())["test-admin"])
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    done = run("smoke", "--url", deployed, "--token-file", "token")
    assert done.code == 0, done.err
    assert run("smoke", "--url", deployed, "--token", "x").failed("is not a JWT")
    assert run("load", "--url", "http://127.0.0.1:1", "--token-file", "token").failed("not answer")
    assert run("smoke", "--url", "nowhere", "--token-file", "token").failed("must begin with")
    assert run("smoke", "--token-file", "gone").failed("gone: No such file")
    assert run("smoke", "--token", "x", "--token-file", "token").failed("not both")


def test_who_tries_a_deployment_may_do_what_its_own_claims_grant(
    run: Run, account: AWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the groups and scope of an identity provider, as the stack or the environment says."""
    package(Path("package"), template(STACK))
    run(*DEPLOY, "--yes", "-p", "JwtRoleClaim=cognito:groups", "-p", "JwtScopeClaim=may")

    def permissions(url: str | None, **scope: str) -> frozenset[Permission]:
        claims = {"sub": "ana", "role": "reader", "cognito:groups": ["cooks", "user", "admin"]}
        payload = base64.urlsafe_b64encode(json.dumps(claims | scope).encode()).decode()
        who = {"token": f"x.{payload.rstrip('=')}.x", "token_file": None, "throwaway": False}
        target = Target("reflekt-journal", "dev")
        return trial_of("smoke", target, None, url=url, say=print, **who).permissions

    here = "http://127.0.0.1:1"
    assert permissions(None, scope="openid") == PERMISSIONS[Role.ADMIN]
    assert permissions(None, may="entries:read") == {Permission.ENTRIES_READ}
    assert permissions(here, may="entries:read") == PERMISSIONS[Role.READER]
    monkeypatch.setenv("JWT_ROLE_CLAIM", "cognito:groups")
    monkeypatch.setenv("JWT_SCOPE_CLAIM", "may")
    assert permissions(here, scope="openid") == PERMISSIONS[Role.ADMIN]
    assert permissions(here, may="entries:read") == {Permission.ENTRIES_READ}


def test_a_failing_smoke_test_is_a_failure(run: Run, deployed: str) -> None:
    """Exit code 1, a table with what failed, and where to read more."""
    run("init", *DEPLOY[1:], "--yes", "--no-smoke", "--tokens", "t.json")
    Path("token").write_text(json.loads(Path("t.json").read_text())["test-reader"])
    done = run("smoke", "--token-file", "token", "-e", "entries")
    assert done.failed("operations failed", "logs/smoke")
    assert re.search(r"FAILED +entries +categories.create +403", done.out)


def test_debug_tells_calls_and_nothing_of_what_is_said(
    run: Run, deployed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--debug, or DEBUG=true, names each call; no secret, body or token is in what it prints."""
    told = run("smoke", "-e", "prompts", "--debug")
    monkeypatch.setenv("DEBUG", "true")
    again = run("smoke", "-e", "prompts")
    for done in (told, again):
        assert "ssm GetParameter: 200" in done.err
        assert "prompts.daily" in done.err
        assert SECRET not in done.err
        assert "Bearer" not in done.err
    monkeypatch.setenv("DEBUG", "false")
    assert "GetParameter" not in run("smoke", "-e", "prompts").err


def test_outputs_and_exports(run: Run, deployed: str) -> None:
    """Outputs come as a table or JSON; exports are what a shell reads."""
    assert re.search(rf"ApiUrl +{deployed}\n", run("outputs").out)
    assert json.loads(run("outputs", "--json").out)["TablePrefix"] == STACK
    done = subprocess.run(
        ["bash", "-c", f"{run('env').out} echo $API_URL $STAGE $AWS_REGION $REFLEKT_STORE"],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    store = f"dynamodb://{STACK}?region={REGION}"
    assert done.stdout.split() == [deployed, "dev", REGION, store]


def test_deleting_asks_twice_before_data_go(run: Run, account: AWS, deployed: str) -> None:
    """The stack goes after one confirmation, the data only after a second; both can be run again."""
    assert run("delete").failed(f"add --confirm {STACK}")
    assert run("delete", "--confirm", "other").failed(f"that is not {STACK}")
    done = run("delete", "--confirm", STACK)
    assert done.code == 0
    assert f"table {STACK}-entries" in done.err
    assert "'reflekt aws delete --data -n reflekt-journal -s dev'" in done.err
    assert len(account.dynamodb.list_tables()["TableNames"]) == 6
    assert run("delete", "--data", "--confirm", STACK).failed(f"add --confirm-data {STACK}")
    assert len(account.dynamodb.list_tables()["TableNames"]) == 6
    words = ("delete", "--data", "--confirm", STACK, "--confirm-data", STACK)
    assert run(*words).code == 0
    assert account.dynamodb.list_tables()["TableNames"] == []
    assert account.ssm.describe_parameters()["Parameters"] == []
    assert run(*words).code == 0


def test_dead_letters_are_sent_again(run: Run, account: AWS) -> None:
    """Each function's queue is looked at; with a name, that one alone."""
    queues = boto3.client("sqs", region_name=REGION)
    made = template(STACK)
    for name in queued_functions():
        url = queues.create_queue(QueueName=name)["QueueUrl"]
        made["Outputs"][queue_output(name)] = {"Value": url}
    package(Path("package"), made)
    run(*DEPLOY, "--yes")
    url = made["Outputs"][queue_output("ai")]["Value"]
    queues.send_message(QueueUrl=url, MessageBody="not understood")
    done = run("redrive", "--dry-run")
    assert done.code == 0, done.err
    assert "ai: 0 would be sent again; kept: 1 not_understood\n" in done.out
    assert len(done.out.splitlines()) == len(queued_functions())
    assert json.loads(run("redrive", "ai", "--json").out) == {
        "dry_run": False,
        "functions": {"ai": {"sent": 0, "kept": {"not_understood": 1}}},
    }
    wrong = run("redrive", "entries")
    assert wrong.code == 2
    assert "must be one of: ai" in wrong.err


def test_a_file_keeps_what_is_somebodys(tmp_path: Path) -> None:
    """Only the keys that are set change: comments, order and other lines stay."""
    path = tmp_path / ".env"
    path.write_text("# a\nexport A=1\n\nB = 2\nA=3\nC='4'\n")
    written(path, {"A": "x y", "D": "5"})
    assert path.read_text() == "# a\nexport A=\"x y\"\n\nB = 2\nC='4'\nD=5\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [".env"]
    path.write_bytes(b"\xff")
    with pytest.raises(DeploymentError, match="not UTF-8"):
        written(path, {"A": "1"})
    with pytest.raises(DeploymentError, match="No such file"):
        written(tmp_path / "gone" / ".env", {"A": "1"})


def test_tokens_are_for_their_owner_alone(tmp_path: Path) -> None:
    """A file that others could read before cannot be read by them afterwards."""
    path = tmp_path / "tokens.json"
    path.write_text("old")
    path.chmod(0o644)
    keep(path, {"me": "token"})
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {"me": "token"}


def test_exports_quote_what_a_shell_would_read() -> None:
    """A value arrives in a shell as it is."""
    assert exports({"A": "it's $HOME"}) == "export A='it'\"'\"'s $HOME'\n"
    found = environment.variables("dev", "eu-west-1", {"TablePrefix": "p"}, "https://x")
    assert found["REFLEKT_STORE"] == "dynamodb://p?region=eu-west-1"
