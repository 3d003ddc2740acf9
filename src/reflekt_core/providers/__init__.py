"""AI providers: the table of their names, and how they are opened. A new provider is one row."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reflekt_core.errors import ConfigurationError, ProviderMisconfigured
from reflekt_core.model.settings import Vendor
from reflekt_core.ports import Assistant, Completion, ExternalAssistant

if TYPE_CHECKING:  # opening a journal looks at names alone
    from reflekt_core.model.assistance import Access, Answer, Consented, Task, WorstCase
    from reflekt_core.model.prices import Price

__all__ = [
    "PROVIDERS",
    "AnyAssistant",
    "check_names",
    "local_assistant",
    "open_assistant",
    "open_assistants",
]

AnyAssistant = Assistant | ExternalAssistant

PROVIDERS: dict[str, str] = {
    "local": "reflekt_core.providers.local:LocalAssistant",
    "rustbert": "reflekt_core.providers.local:LocalAssistant",  # the name its users know; no Rust
    "openai": "reflekt_core.providers.openai:OpenAICompletion",
    "anthropic": "reflekt_core.providers.anthropic:AnthropicCompletion",
}
"""Name of a provider -> "module:Class", of an `Assistant`, an `ExternalAssistant` or a `Completion`."""


def open_assistants(
    names: Sequence[str],
    access: "Mapping[str, Access] | None" = None,
    prices: "Mapping[str, Price] | None" = None,
) -> tuple[AnyAssistant, ...]:
    """
    Return the assistants called *names*, in the order in which they are to be asked.

    One that cannot be used as it is set up says so when it is asked, and leaves the others alone.

    Raises:
        ConfigurationError: `check_names` says why.
    """
    check_names(names)
    return tuple(_opened(name, (access or {}).get(name), prices) for name in names)


def _opened(
    name: str, access: "Access | None", prices: "Mapping[str, Price] | None"
) -> AnyAssistant:
    try:
        return open_assistant(name, access, prices)
    except ProviderMisconfigured as error:
        return _Misconfigured(name, error.message)


class _Misconfigured(ExternalAssistant):
    """In place of the provider *name*, which cannot be used: *problem* says why."""

    def __init__(self, name: str, problem: str) -> None:
        self.provider = name
        # What is a vendor's is not taken for this machine, though nothing is ever sent.
        self.vendor = Vendor(name) if name in set(Vendor) else None
        self.model = ""
        self._problem = problem

    def prompt_version(self, task: "Task") -> str:  # noqa: ARG002 - whatever the task
        """Return nothing: no task is taken."""
        return ""

    def worst_case(self, task: "Task") -> "WorstCase":  # noqa: ARG002 - whatever the task
        """Raise `ProviderMisconfigured`."""
        raise ProviderMisconfigured(self._problem, provider=self.provider)

    def answer(self, request: "Consented[Any]") -> "Answer[Any]":  # noqa: ARG002 - whatever it is
        """Raise `ProviderMisconfigured`."""
        raise ProviderMisconfigured(self._problem, provider=self.provider)


def check_names(names: Sequence[str]) -> None:
    """
    Let pass the names of providers in an order that makes sense.

    Raises:
        ConfigurationError: A name is not known, or one comes after the offline provider, which
            always answers: what it was given is never then sent elsewhere.
    """
    for name in names:
        if name not in PROVIDERS:
            raise ConfigurationError(
                f"there is no AI provider {name!r}; known: {', '.join(sorted(PROVIDERS))}"
            )
    for name in names[:-1]:
        if PROVIDERS[name] == PROVIDERS["local"]:
            raise ConfigurationError(f"no AI provider may come after {name}, which always answers")


def open_assistant(
    name: str, access: "Access | None" = None, prices: "Mapping[str, Price] | None" = None
) -> AnyAssistant:
    """
    Return the assistant called *name*.

    Of a vendor's, *access* says how its model is reached, and *prices* what models cost: by default
    those known to Reflekt.

    Raises:
        ConfigurationError: There is none of that name; the message lists those there are.
        ProviderMisconfigured: Its row in `PROVIDERS` names no such class.
    """
    check_names([name])
    kind = _kind(name)
    if issubclass(kind, Completion):
        # Loaded only for who asks a language model.
        from reflekt_core.model.assistance import Access  # noqa: PLC0415
        from reflekt_core.model.prices import PRICES  # noqa: PLC0415
        from reflekt_core.providers.language_model import LanguageModelAssistant  # noqa: PLC0415

        known = PRICES if prices is None else prices
        return LanguageModelAssistant(kind(access or Access()), prices=known)
    assistant: AnyAssistant = kind()
    return assistant


def _kind(name: str) -> Any:
    """Return the class in the provider's row, which may have been written by others."""
    row = PROVIDERS[name]
    module, _, attribute = row.partition(":")
    try:
        kind = getattr(import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else module
        if not f"{module}.".startswith(f"{missing}."):
            raise ProviderMisconfigured(
                f"the AI provider {name!r} needs {missing}, which is not installed", provider=name
            ) from None
        kind = None
    if not isinstance(kind, type) or not issubclass(kind, AnyAssistant | Completion):
        raise ProviderMisconfigured(
            f"the row of the AI provider {name!r} is {row!r}: it must be module:Class, of an "
            "Assistant, an ExternalAssistant or a Completion",
            provider=name,
        )
    return kind


def local_assistant() -> Assistant:
    """Return the offline assistant."""
    assistant = open_assistant("local")
    if not isinstance(assistant, Assistant):
        raise ConfigurationError("the AI provider 'local' must answer on this machine")
    return assistant
