"""How a vendor's model is reached: its name, address and key, and whether it may be at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

import attrs

from reflekt_core.errors import ProviderMisconfigured
from reflekt_core.model.assistance import Access
from reflekt_core.model.settings import Vendor

__all__ = [
    "Address",
    "Service",
    "address_of",
    "check_calls_allowed",
    "forbid_real_calls",
    "is_loopback",
    "is_passed_on",
    "key_of",
    "model_of",
]

_FORBID: Final = "REFLEKT_FORBID_AI_CALLS"
_NO: Final = frozenset({"", "0", "false", "no", "off"})
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*")
_PATH: Final = re.compile(r"[A-Za-z0-9._~%/-]*")
_KEY: Final = re.compile(r"[\x21-\x7e]+")  # what a header may hold, without blanks

_bans: Final[set[object]] = set()


@attrs.frozen
class Service:
    """What a vendor offers: `name` is also that of the provider, the package and the extra."""

    name: str
    vendor: Vendor
    base_url: str
    default_model: str

    def variable(self, what: str) -> str:
        """Return the environment variable for *what*, such as ``OPENAI_API_KEY``."""
        return f"{self.name.upper()}_{what}"

    def misconfigured(self, message: str) -> ProviderMisconfigured:
        """Return the error that says *message*."""
        return ProviderMisconfigured(message, provider=self.name)


@attrs.frozen
class Address:
    """
    Where requests go.

    `is_loopback`: to this very machine. `is_own`: to the vendor's own servers.
    """

    base_url: str
    is_loopback: bool = False
    is_own: bool = True


def model_of(service: Service, access: Access) -> str:
    """Return the name of the model, whatever it is: the vendor knows which there are."""
    return access.model or _from_environment(service, "MODEL") or service.default_model


def address_of(service: Service, access: Access) -> Address:
    """
    Return where the model is.

    Raises:
        ProviderMisconfigured: It is no address, or the text would travel in the clear.
    """
    given = access.base_url or _from_environment(service, "BASE_URL")
    if not given:
        return Address(service.base_url)
    parts = _parts(given)
    if parts is None:
        raise service.misconfigured(
            f"{service.variable('BASE_URL')} is not an address such as http://127.0.0.1:11434/v1"
        )
    host = parts.hostname or ""
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise service.misconfigured(
            f"{service.variable('BASE_URL')} must begin with https://, as anybody on the way could"
            " read the text; http:// is for this machine alone"
        )
    # Put together anew, so that nobody who reads it later can find another host in it.
    shown = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port else ""
    return Address(
        f"{parts.scheme}://{shown}{port}{parts.path.rstrip('/')}",
        is_loopback=loopback,
        is_own=_is_own(host, service),
    )


def key_of(service: Service, access: Access, address: Address) -> str | None:
    """
    Return the key; None if a server that is not the vendor's own is to be asked without one.

    Raises:
        ProviderMisconfigured: There is none, or it cannot be one. The message does not show it.
    """
    given = access.api_key
    if callable(given):
        given = _fetched(service, given)
    key = (given or _from_environment(service, "API_KEY")).strip()
    if not key and address.is_own:
        raise service.misconfigured(
            f"{service.variable('API_KEY')} is not set; it must be your key for {service.name}"
        )
    if key and not _KEY.fullmatch(key):
        raise service.misconfigured(
            f"{service.variable('API_KEY')} has characters that no key has; copy it anew"
        )
    return key or None


def is_passed_on(model: str) -> bool:
    """Return whether a server on this machine hands on what it is asked of *model*: Ollama's cloud."""
    return model.lower().endswith("cloud")


def is_loopback(host: str) -> bool:
    """Whether *host* is this very machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def forbid_real_calls() -> Iterator[None]:
    """
    Let no vendor's model be called, by any thread, except with an HTTP client that was passed in.

    For tests; the environment variable ``REFLEKT_FORBID_AI_CALLS=1`` does it for a whole process.
    A server on this machine counts as real: a test that needs one says so by passing a client.
    """
    ban = object()
    _bans.add(ban)
    try:
        yield
    finally:
        _bans.discard(ban)


def check_calls_allowed(service: Service) -> None:
    """
    Let real calls pass unless they are forbidden.

    Raises:
        ProviderMisconfigured: They are.
    """
    by_environment = os.environ.get(_FORBID, "").strip().lower() not in _NO
    if _bans or by_environment:
        why = f"{_FORBID} is set" if by_environment else "forbid_real_calls() is in force"
        raise service.misconfigured(f"{service.name} may not be called: {why}")


def _from_environment(service: Service, what: str) -> str:
    return os.environ.get(service.variable(what), "").strip()


def _fetched(service: Service, fetch: object) -> str:
    """Return the key that *fetch* gives; what it may say when it fails is not passed on."""
    try:
        key = fetch()  # type: ignore[operator]  # callable, says the caller
    except Exception:  # noqa: BLE001 - whatever it is, there is no key
        key = None
    if not isinstance(key, str):
        raise service.misconfigured(f"the function that gives the key for {service.name} failed")
    return key


def _parts(address: str) -> SplitResult | None:
    """Return the parts of *address*, or None if it is none, or has parts that it must not have."""
    try:
        parts = urlsplit(address.strip())
        _ = parts.port
    except ValueError:
        return None
    plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    named = _HOST.fullmatch(parts.hostname or "") and _PATH.fullmatch(parts.path)
    return parts if plain and named and parts.scheme in {"http", "https"} else None


def _is_own(host: str, service: Service) -> bool:
    """Whether *host* is the vendor's, or one of its regional ones."""
    own = urlsplit(service.base_url).hostname or ""
    return host == own or host.endswith(f".{own}")
