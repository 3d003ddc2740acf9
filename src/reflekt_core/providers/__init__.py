"""AI providers: the table of their names, and how one is opened. A new provider is one row."""

from importlib import import_module

from reflekt_core.errors import ConfigurationError
from reflekt_core.ports import Assistant

__all__ = ["PROVIDERS", "open_assistant"]

PROVIDERS: dict[str, str] = {
    "local": "reflekt_core.providers.local:LocalAssistant",
    "rustbert": "reflekt_core.providers.local:LocalAssistant",  # the name its users know; no Rust
}
"""Name of a provider -> "module:Class"."""


def open_assistant(name: str) -> Assistant:
    """
    Return the assistant called *name*.

    Raises:
        ConfigurationError: There is none of that name; the message lists those there are.
    """
    if name not in PROVIDERS:
        raise ConfigurationError(
            f"there is no AI provider of that name; there are: {', '.join(sorted(PROVIDERS))}"
        )
    module, _, attribute = PROVIDERS[name].partition(":")
    assistant = getattr(import_module(module), attribute)()
    if not isinstance(assistant, Assistant):
        raise ConfigurationError(f"the AI provider {name!r} is not an Assistant")
    return assistant
