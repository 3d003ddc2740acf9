"""Options that several of the commands share."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from reflekt_chalice.deployment.target import DEFAULT_NAME, STAGES, Target

__all__ = [
    "about_load",
    "deploying",
    "given_parameters",
    "on_stack",
    "on_trial",
    "talking",
    "target_of",
]

F = TypeVar("F", bound=Callable[..., Any])

_SSM: Final = "Name of the SSM parameter (SecureString)"


def _all(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


talking: Final = _all(
    click.option(
        "--logs",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("logs"),
        metavar="DIR",
        help="Folder for logs.",
        show_default=True,
    ),
    click.option(
        "--debug",
        is_flag=True,
        envvar="DEBUG",
        show_envvar=True,
        help="Say each call that is made; never what was said in it.",
    ),
)
"""Adds the options that say where logs go, and how much is said."""


def _named(*names: str) -> Callable[[F], F]:
    return click.option(
        *names,
        default=DEFAULT_NAME,
        metavar="NAME",
        show_default=True,
        help="The stack's name, without the stage.",
    )


_stage: Final = click.option(
    "-s",
    "--stage",
    type=click.Choice(STAGES),
    default=STAGES[0],
    show_default=True,
    help="Which deployment.",
)
_region: Final = click.option(
    "-r", "--region", metavar="REGION", help="  [default: AWS_REGION, or the profile's]"
)

on_stack: Final = _all(_named("-n", "--stack-name"), _stage, _region)
"""Adds the options that say which deployment is meant."""

on_trial: Final = _all(
    # Without -n, which here counts requests.
    _named("--stack-name"),
    _stage,
    _region,
    click.option("--url", metavar="URL", help="Where the API is, if not where the stack says."),
    click.option(
        "--token",
        metavar="JWT",
        help="Ask as its user. Better in a file: others may see what is typed here.",
    ),
    click.option(
        "--token-file",
        type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
        metavar="FILE",
        help="The same, from a file.",
    ),
    click.option(
        "--throwaway",
        is_flag=True,
        help="The token's user is nobody: the account may be erased. Otherwise what was written is.",
    ),
)
"""Adds the options that say where a test goes, and as whom."""

about_load: Final = _all(
    click.option(
        "-c",
        "--concurrency",
        type=click.IntRange(1, 500),
        default=10,
        show_default=True,
        help="Requests at once.",
    ),
    click.option(
        "-n",
        "--requests",
        type=click.IntRange(1, 1_000_000),
        default=500,
        show_default=True,
        help="Requests in all.",
    ),
)
"""Adds the options that say how heavy a load is."""

_NAMED: Final[Mapping[str, tuple[str, str, str]]] = {
    # option: parameter of the template, metavar, help
    "--jwt-secret-parameter": (
        "JwtSecretParameter",
        "NAME",
        f"{_SSM} that signs tokens; made if there is none.  [default: /<stack>/jwt-secret]",
    ),
    "--cursor-secret-parameter": (
        "CursorSecretParameter",
        "NAME",
        f"{_SSM} that signs cursors; made if there is none.  [default: /<stack>/cursor-secret]",
    ),
    "--jwks-url": (
        "JwtJwksUrl",
        "URL",
        "Keys of your identity provider, in place of a secret; needs --jwt-issuer and --jwt-audience.",
    ),
    "--jwt-issuer": ("JwtIssuer", "TEXT", "What `iss` of a token must be."),
    "--jwt-audience": ("JwtAudience", "TEXT", "What `aud` of a token must name."),
    "--cors-origins": (
        "CorsOrigins",
        "ORIGINS",
        "Whose pages may call, with commas between; or *.",
    ),
    "--ai-provider": ("AiProvider", "ORDER", "Who answers for AI, such as openai,local."),
    "--openai-api-key-parameter": (
        "OpenAiApiKeyParameter",
        "NAME",
        f"{_SSM} with OpenAI's key.",
    ),
    "--anthropic-api-key-parameter": (
        "AnthropicApiKeyParameter",
        "NAME",
        f"{_SSM} with Anthropic's key.",
    ),
    "--kms-key-arn": ("KmsKeyArn", "ARN", "A key of your own for everything that is stored."),
    "--alarm-email": ("AlarmEmail", "ADDRESS", "Who is told of alarms."),
    "--log-level": ("LogLevel", "LEVEL", "From which level on the functions log."),
}
_SHORT: Final = {"--jwt-secret-parameter": "-j"}


def _variable(option: str) -> str:
    return option[2:].replace("-", "_")


deploying: Final = _all(
    on_stack,
    click.option(
        "-b", "--bucket", metavar="NAME", help="Bucket for the code; one is made if left out."
    ),
    *(
        click.option(*filter(None, (_SHORT.get(name), name)), metavar=metavar, help=told)
        for name, (_, metavar, told) in _NAMED.items()
    ),
    click.option("--waf/--no-waf", default=None, help="Put AWS WAF before the API, or not."),
    click.option(
        "-p",
        "--parameter",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any parameter of the template; may be repeated.",
    ),
    click.option(
        "--package",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        metavar="DIR",
        help="Deploy what `reflekt aws package --out DIR` made; otherwise it is made now.",
    ),
    click.option("--clean", is_flag=True, help="Fetch everything that is packaged again."),
    click.option(
        "--verify/--no-verify",
        default=True,
        show_default=True,
        help="Hold the zips of --package against what is installed here.",
    ),
    click.option("-y", "--yes", is_flag=True, help="Do not ask before anything is changed."),
    click.option(
        "--dry-run",
        "--no-execute",
        is_flag=True,
        help="Show what would change, and change nothing (but make the bucket for code).",
    ),
    click.option(
        "--replace-data", is_flag=True, help="Go on even if tables are replaced or removed."
    ),
    click.option(
        "--url", metavar="URL", help="Where the API will be, if not where the stack says."
    ),
    click.option(
        "--patience",
        type=click.IntRange(0),
        default=120,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait until the service is up.",
    ),
)
"""Adds the options of a deployment."""


def given_parameters(said: Mapping[str, Any]) -> dict[str, str]:
    """
    Return the parameters of the template that the options of `deploying` name.

    Raises:
        click.BadParameter: One of ``--parameter`` is not NAME=VALUE, or is given twice.
    """
    found = {
        parameter: said[_variable(option)]
        for option, (parameter, _, _) in _NAMED.items()
        if said[_variable(option)] is not None
    }
    if said["waf"] is not None:
        found["EnableWaf"] = str(said["waf"]).lower()
    for pair in said["parameters"]:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter("must be NAME=VALUE", param_hint="'--parameter'")
        if name in found or name == "Stage":
            raise click.BadParameter(f"{name} is given already", param_hint="'--parameter'")
        found[name] = value
    return found


def target_of(said: Mapping[str, Any]) -> Target:
    """Return the deployment that the options of `on_stack` name."""
    return Target(said["stack_name"], said["stage"])
