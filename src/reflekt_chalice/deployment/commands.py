"""`reflekt aws`: from the installed package to a running service on AWS, and looking after it."""

import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from reflekt_chalice.deployment import environment
from reflekt_chalice.deployment.account import Account, connected
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.logs import logged
from reflekt_chalice.deployment.options import (
    about_load,
    deploying,
    given_parameters,
    on_stack,
    on_trial,
    talking,
    target_of,
)
from reflekt_chalice.deployment.stack import Say, Stack
from reflekt_chalice.deployment.target import Target
from reflekt_core.cli.options import Command

__all__ = ["aws"]

_PARTS: Final = ("entries", "settings", "analytics", "ai", "prompts")
_TOKEN_LIFETIME: Final = timedelta(days=7)


@click.group(no_args_is_help=False)
def aws() -> None:
    """Deploy to AWS, try what is deployed, and look after it."""


@aws.command(
    cls=Command,
    examples=(
        "reflekt aws package",
        "reflekt aws package --out build/aws --clean",
        "reflekt aws package --verify build/aws/base.zip",
    ),
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("reflekt-aws"),
    metavar="DIR",
    show_default=True,
    help="Where to put the zips and the templates.",
)
@click.option("--clean", is_flag=True, help="Fetch everything again, and begin with an empty DIR.")
@click.option(
    "--verify",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="ZIP",
    help="Only say whether ZIP is what it should be.",
)
@talking
def package(out: Path, verify: Path | None, logs: Path, *, clean: bool, debug: bool) -> None:
    """
    Build what is deployed: base.zip, ai.zip, template.json and artifacts.json.

    The same package, locks and Python give the same bytes. Prints how large everything is, for each
    function.
    """
    with logged(logs / "build", "package", debug=debug) as say:
        if verify:
            _verify(verify)
            return
        from reflekt_chalice.deployment.preparing import built, emptied  # noqa: PLC0415 - heavy

        if clean:
            emptied(out)
        _, bundle = built(out, clean=clean, say=say)
    for line in bundle.report.lines():
        click.echo(line)
    click.echo(f"\n{out}: base.zip, ai.zip, template.json, artifacts.json")


def _verify(path: Path) -> None:
    from reflekt_chalice.deployment.bundle import verify  # noqa: PLC0415 - heavy

    problems = verify(path)
    for problem in problems:
        click.echo(problem)
    if problems:
        raise DeploymentError(f"{path} must not be deployed: {len(problems)} problems")
    click.echo(f"{path}: as it should be")


@aws.command(cls=Command, examples=('eval "$(reflekt aws env)"', "reflekt aws env -s prod"))
@on_stack
def env(**said: Any) -> None:
    """
    Print exports for a shell: where the deployment is. Nothing in them is secret.

    With them, commands such as `reflekt list` work on the deployed tables.
    """
    account, stack = _stack_of(said)
    click.echo(environment.exports(_variables(account, said["stage"], stack.outputs())), nl=False)


def _variables(
    account: Account, stage: str, outputs: Mapping[str, str], url: str | None = None
) -> dict[str, str]:
    return environment.variables(stage, account.region, outputs, url or outputs["ApiUrl"])


def _stack_of(said: Mapping[str, Any]) -> tuple[Account, Stack]:
    target = target_of(said)
    account = connected(said["region"])
    return account, Stack(account, target.stack, lambda line: click.echo(line, err=True))


@aws.command(
    cls=Command,
    examples=(
        "reflekt aws deploy",
        "reflekt aws deploy --stage prod --region eu-west-1 --alarm-email ops@example.org",
        "reflekt aws deploy --dry-run",
    ),
)
@deploying
@talking
def deploy(logs: Path, *, debug: bool, **said: Any) -> None:
    """
    Deploy the service, or bring it up to date.

    Options that are left out stay as they were deployed before. Shows what would change and asks.
    Secrets are made where there are none, and kept in the Parameter Store.
    """
    with logged(logs / "build", "deploy", debug=debug) as say:
        account = _account(said, say)
        if _deployed(account, said, say):
            _healthy(account, said, say)


def _account(said: Mapping[str, Any], say: Say) -> Account:
    target_of(said)  # before anybody is asked: its name may be wrong
    account = connected(said["region"])
    say(f"account {account.id}, region {account.region}, as {account.caller.rpartition(':')[2]}")
    return account


def _deployed(account: Account, said: Mapping[str, Any], say: Say) -> bool:
    """Deploy, and tell whether that was wanted after all."""
    from reflekt_chalice.deployment.deploying import Order, deploy  # noqa: PLC0415 - heavy
    from reflekt_chalice.deployment.preparing import opened  # noqa: PLC0415 - heavy

    given = given_parameters(said)
    folder, clean, check = said["package"], said["clean"], said["verify"]
    with opened(folder, clean=clean, check=check, say=say) as found:
        order = Order(
            target=target_of(said),
            package=found,
            bucket=said["bucket"],
            given=given,
            replace_data=said["replace_data"],
            execute=not said["dry_run"],
        )
        done = deploy(account, order, say=say, confirmed=_asking(said))
    if not done and not said["dry_run"]:
        raise click.Abort
    return done and not said["dry_run"]


def _asking(said: Mapping[str, Any]) -> Any:
    from reflekt_chalice.deployment import display  # noqa: PLC0415 - heavy
    from reflekt_chalice.deployment.changes import ChangeSet  # noqa: PLC0415 - heavy

    def confirmed(proposed: ChangeSet) -> bool:
        display.changes(proposed)
        if said["dry_run"] or said["yes"]:
            return True
        if not sys.stdin.isatty():
            raise DeploymentError("nobody can be asked here: add --yes to deploy, or --dry-run")
        return click.confirm("Deploy this?")

    return confirmed


def _healthy(account: Account, said: Mapping[str, Any], say: Say) -> str:
    """Wait until the service is up, and return its address."""
    from reflekt_chalice.deployment.connection import wait_until_healthy  # noqa: PLC0415 - heavy

    url: str = said["url"] or Stack(account, target_of(said).stack, say).outputs()["ApiUrl"]
    waited = wait_until_healthy(url, patience_seconds=said["patience"])
    say(f"{url} is up (after {waited:.1f} s)")
    return url


@aws.command(cls=Command, examples=("reflekt aws init", "reflekt aws init -s staging --yes"))
@deploying
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(".env"),
    show_default=True,
    metavar="FILE",
    help="Where to write where the deployment is.",
)
@click.option(
    "--front-end",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Folder of a front end, for its .env.local.  [default: the working directory]",
)
@click.option(
    "--tokens",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write tokens of test users.  [default: reflekt-data/tokens-<stack>.json; none in prod]",
)
@click.option("--smoke/--no-smoke", "smoked", default=True, show_default=True, help="Try it, too.")
@talking
def init(  # noqa: PLR0913 - what can be said
    env_file: Path,
    front_end: Path,
    tokens: Path | None,
    logs: Path,
    *,
    smoked: bool,
    debug: bool,
    **said: Any,
) -> None:
    """
    Do everything from nothing to a service that was tried.

    Checks what is needed here, deploys (see `reflekt aws deploy`), writes .env and a front end's
    .env.local, makes tokens for test users, and runs the smoke test. In these files only its own
    lines are changed; none holds a secret but that of the tokens, which only you may read.
    """
    target = target_of(said)
    with logged(logs / "init", "init", debug=debug) as say:
        account = _account(said, say)
        if not said["package"]:
            from reflekt_chalice.deployment.bundle.bytecode import find_python  # noqa: PLC0415

            say(f"Python for the functions: {find_python()}")
        if not _deployed(account, said, say):
            return
        url = _healthy(account, said, say)
        outputs = Stack(account, target.stack, say).outputs()
        environment.written(env_file, _variables(account, target.stage, outputs, url))
        say(f"wrote {env_file}")
        local = front_end / ".env.local"
        environment.written(local, dict.fromkeys(environment.FRONT_END_KEYS, url))
        say(f"wrote {local}")
        _make_tokens(account, target, tokens, say)
    if smoked:
        _smoke(target, said["region"], logs, url=url, debug=debug)


def _make_tokens(account: Account, target: Target, path: Path | None, say: Say) -> None:
    from reflekt_chalice.deployment import tokens  # noqa: PLC0415 - heavy

    parameters = Stack(account, target.stack, say).parameters()
    if not parameters.get("JwtSecretParameter"):
        say("your identity provider makes the tokens")
    elif path or target.stage != "prod":
        place = path or Path("reflekt-data") / f"tokens-{target.stack}.json"
        issuer = tokens.issuer_of(account, parameters)
        tokens.keep(place, tokens.tokens_for(issuer, tokens.TEST_USERS, _TOKEN_LIFETIME))
        users = ", ".join(tokens.TEST_USERS)
        say(f"wrote tokens for {users} to {place}, good for {_TOKEN_LIFETIME.days} days")


@aws.command(
    cls=Command,
    examples=(
        "reflekt aws smoke",
        "reflekt aws smoke -e entries -e ai -v",
        "reflekt aws smoke --url http://127.0.0.1:8000 --token-file token",
    ),
)
@click.option(
    "-e",
    "--only",
    "parts",
    type=click.Choice(_PARTS),
    multiple=True,
    help="Only this part; may be repeated.",
)
@click.option("-v", "--verbose", is_flag=True, help="Print each request.")
@click.option(
    "--patience",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for what follows from a write.",
)
@click.option("-l", "--load", "loaded", is_flag=True, help="Run the load test instead.")
@about_load
@on_trial
@talking
def smoke(logs: Path, *, loaded: bool, debug: bool, **said: Any) -> None:
    """
    Ask a service that runs for every operation, and check each answer.

    As a user who does not exist, and is erased in the end; with --token as its user, of whom only
    what was written here is deleted. Each request and answer is in logs/smoke, without texts,
    tokens and secrets.
    """
    if loaded:
        _load(logs, debug=debug, **said)
        return
    _smoke(logs=logs, debug=debug, **_without_load(said))


def _without_load(said: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: one for name, one in said.items() if name not in ("concurrency", "requests")}
    target = Target(found.pop("stack_name"), found.pop("stage"))
    return found | {"target": target}


def _smoke(  # noqa: PLR0913 - what can be said
    target: Target,
    region: str | None,
    logs: Path,
    *,
    debug: bool,
    url: str | None = None,
    token: str | None = None,
    token_file: Path | None = None,
    throwaway: bool = False,
    parts: tuple[str, ...] = (),
    patience: int = 60,
    verbose: bool = False,
) -> None:
    from reflekt_chalice.deployment import display, histogram, smoke, trials  # noqa: PLC0415 - heavy

    with logged(logs / "smoke", "smoke", debug=debug) as say:
        trial = trials.trial_of(
            "smoke",
            target,
            region,
            url=url,
            token=token,
            token_file=token_file,
            throwaway=throwaway,
            say=say,
        )
        say(f"asking {trial.url}")
        plan = smoke.Plan(
            url=trial.url,
            token=trial.token,
            user=trial.user,
            permissions=trial.permissions,
            throwaway=trial.throwaway,
            folder=logs / "smoke",
            sections=parts,
            patience_seconds=patience,
        )

        def tell(one: smoke.Exchange) -> None:
            if verbose or debug:
                took = histogram.seconds(one.seconds)
                say(f"{one.operation:<22} {one.status}  {took:>8}  {one.problem}".rstrip())

        found = smoke.smoke(plan, tell=tell)
        display.outcomes(found)
        failed = [one for one in found if not one.ok]
        if failed:
            raise DeploymentError(
                f"{len(failed)} of {len(found)} operations failed; what was asked and answered is "
                f"in {logs / 'smoke'}"
            )
        say(f"all {len(found)} operations are as they should be")


@aws.command(cls=Command, examples=("reflekt aws load -c 20 -n 2000",))
@about_load
@click.option(
    "--max-failed",
    type=click.FloatRange(0, 100),
    default=1,
    show_default=True,
    metavar="PERCENT",
    help="More failed requests than that end with exit code 1.",
)
@on_trial
@talking
def load(logs: Path, *, debug: bool, **said: Any) -> None:
    """
    Send many requests at once, reads and writes mixed, and print how long answers took.

    As a user who does not exist, and is erased in the end. A picture of it is drawn in
    logs/load/latency.svg, the figures are in logs/load/figures.json.
    """
    _load(logs, debug=debug, **said)


def _load(logs: Path, *, debug: bool, max_failed: float = 1, **said: Any) -> None:
    from reflekt_chalice.deployment import display, histogram, trials  # noqa: PLC0415 - heavy
    from reflekt_chalice.deployment.load import Load, figures, load  # noqa: PLC0415 - heavy

    folder = logs / "load"
    with logged(folder, "load", debug=debug) as say:
        trial = trials.trial_of(
            "load",
            target_of(said),
            said["region"],
            url=said["url"],
            token=said["token"],
            token_file=said["token_file"],
            throwaway=said["throwaway"],
            say=say,
        )
        plan = Load(
            url=trial.url,
            token=trial.token,
            user=trial.user,
            throwaway=trial.throwaway,
            requests=said["requests"],
            concurrency=said["concurrency"],
        )
        say(f"sending {plan.requests} requests to {plan.url}, {plan.concurrency} at once")
        with display.progress(plan) as tell:
            result = load(plan, tell=tell)
        (folder / "latency.svg").write_bytes(histogram.picture(result, "Reflekt under load"))
        (folder / "figures.json").write_text(json.dumps(figures(result), indent=1) + "\n")
        display.result(result)
        say(f"drew {folder / 'latency.svg'}")
        if result.failed_share * 100 > max_failed:
            raise DeploymentError(f"{result.failed_share:.1%} of the requests failed")


@aws.command(cls=Command, examples=("reflekt aws outputs", "reflekt aws outputs --json"))
@on_stack
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def outputs(*, as_json: bool, **said: Any) -> None:
    """Print what a deployment tells of itself: addresses and names."""
    found = _stack_of(said)[1].outputs()
    if as_json:
        click.echo(json.dumps(found, indent=1, sort_keys=True))
        return
    from reflekt_chalice.deployment import display  # noqa: PLC0415 - heavy

    display.named_values(found)


@aws.command(cls=Command, examples=("reflekt aws delete", "reflekt aws delete --data -s dev"))
@on_stack
@click.option("--data", is_flag=True, help="Delete tables, buckets and secrets, too, for good.")
@click.option("--confirm", metavar="NAME", help="The stack's whole name, in place of the question.")
@click.option("--confirm-data", metavar="NAME", help="The same, for the second question of --data.")
@talking
def delete(
    confirm: str | None,
    confirm_data: str | None,
    logs: Path,
    *,
    data: bool,
    debug: bool,
    **said: Any,
) -> None:
    """
    Delete a deployment. Its data stay, unless --data is given and confirmed once more.

    Can be run again: it goes on with what is left.
    """
    from reflekt_chalice.deployment import removing  # noqa: PLC0415 - heavy

    target = target_of(said)
    with logged(logs / "build", "delete", debug=debug) as say:
        account = _account(said, say)
        stack = Stack(account, target.stack, say)
        _confirm(target.stack, confirm, "This deletes the service.", "--confirm")
        left = removing.left_behind(account, target, stack)
        if data and left:
            _list_left(left, say)
            question = "This deletes all that people wrote, for good."
            _confirm(target.stack, confirm_data, question, "--confirm-data")
        if stack.status is None:
            say(f"there is no stack {stack.name} in {account.region}")
        else:
            stack.delete()
            say(f"{stack.name} is deleted")
        if data:
            removing.delete_data(account, target, left, say)
        elif left:
            say("These stay, with all that is in them, and cost what they hold:")
            _list_left(left, say)
            say(f"'reflekt aws delete --data -n {target.name} -s {target.stage}' deletes them")


def _list_left(left: Any, say: Say) -> None:
    for kind, names in (("table", left.tables), ("bucket", left.buckets), ("secret", left.secrets)):
        for name in names:
            say(f"  {kind} {name}")


def _confirm(name: str, given: str | None, question: str, option: str) -> None:
    if given is None:
        if not sys.stdin.isatty():
            raise DeploymentError(f"nobody can be asked here: add {option} {name}")
        given = click.prompt(f"{question} Type the stack's name ({name}) to go on")
    if given != name:
        raise DeploymentError(f"that is not {name}: nothing was deleted")


@aws.command(cls=Command, examples=("reflekt aws redrive --dry-run", "reflekt aws redrive ai"))
@click.argument("function", required=False)
@click.option("--dry-run", is_flag=True, help="Only count.")
@on_stack
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def redrive(function: str | None, *, dry_run: bool, as_json: bool, **said: Any) -> None:
    """
    Send again what was set aside after failing: the dead letters of FUNCTION, or of all.

    What cannot be sent again stays, and is counted by reason.
    """
    from reflekt_chalice.redrive import Clients, queued_functions, redrive  # noqa: PLC0415 - heavy

    if function is not None and function not in queued_functions():
        raise click.BadParameter(
            f"must be one of: {', '.join(queued_functions())}", param_hint="FUNCTION"
        )
    account, stack = _stack_of(said)
    outputs = stack.outputs()
    clients = Clients.of(account.session)
    found = {
        name: redrive(clients, outputs, name, dry_run=dry_run)
        for name in ([function] if function else queued_functions())
    }
    if as_json:
        rows = {name: {"sent": one.sent, "kept": dict(one.kept)} for name, one in found.items()}
        click.echo(json.dumps({"dry_run": dry_run, "functions": rows}, indent=1))
        return
    for name, one in found.items():
        kept = ", ".join(f"{n} {reason}" for reason, n in sorted(one.kept.items()))
        sent = f"{one.sent} {'would be sent' if dry_run else 'sent'} again"
        click.echo(f"{name}: {sent}" + (f"; kept: {kept}" if kept else ""))
