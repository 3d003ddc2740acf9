"""The way out to vendors: time, size, proxies, silence, and whose connections are closed."""

import gc
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Thread
from time import monotonic

import httpcore2
import httpx2
import pytest

from reflekt_core.errors import AnswerTimeout, ProviderMisconfigured, ProviderUnavailable
from reflekt_core.model.assistance import Access
from reflekt_core.providers.anthropic import AnthropicCompletion
from reflekt_core.providers.language_model.network import Wire, ends_at
from reflekt_core.providers.language_model.transport import MOST_BYTES, open_client
from reflekt_core.providers.language_model.vendors import VendorCompletion
from reflekt_core.providers.openai import OpenAICompletion
from reflekt_core.silence import silence
from reflekt_core.testing import forbid_real_calls
from reflekt_core.testing.completions import ANSWER, KEY, TEXT, ask, failure
from reflekt_core.testing.vendor_server import FakeVendor, answering, dribbling, hanging
from reflekt_core.testing.wires import ChatWire, ResponsesWire


@pytest.fixture
def server() -> Iterator[FakeVendor]:
    """A vendor on this machine."""
    with FakeVendor() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_an_injected_client_may_be_used_where_real_calls_are_forbidden(server: FakeVendor) -> None:
    """Who passes a client knows where it leads."""
    server.will(ResponsesWire().writes(ANSWER))
    with forbid_real_calls():
        assert ask(OpenAICompletion(Access(KEY), http_client=server.client())).text == ANSWER


@pytest.mark.parametrize("kind", [OpenAICompletion, AnthropicCompletion])
def test_what_nobody_thought_of_is_no_reason_to_try_again(kind: type[VendorCompletion]) -> None:
    """Whatever else is raised on the way is one error without its words."""

    def fail(_: httpx2.Request) -> httpx2.Response:
        raise ZeroDivisionError(TEXT)

    client = httpx2.Client(transport=httpx2.MockTransport(fail))
    error = failure(kind(Access(KEY), http_client=client))
    assert type(error) is ProviderUnavailable
    assert not error.retryable
    assert not error.surely_unbilled
    assert TEXT not in f"{error!r} {error.__context__!r} {error.__cause__!r}"


def test_a_client_of_somebody_else_is_left_open(server: FakeVendor) -> None:
    """Only connections of its own are closed when a completion is no more."""
    server.will(ResponsesWire().writes(ANSWER))
    client = server.client()
    ask(OpenAICompletion(Access(KEY), http_client=client))
    gc.collect()
    assert not client.is_closed


def test_a_client_that_would_follow_redirects_does_not(server: FakeVendor) -> None:
    """How somebody's client is set up does not send the text to where nobody agreed to."""
    with FakeVendor() as other, httpx2.Client(follow_redirects=True, trust_env=False) as given:
        server.will(answering(307, b"", {"location": other.url}))
        with open_client(server.url, None, given) as client:
            assert client.post(server.url, content=b"text", timeout=5).status_code == 307
        assert other.received == []


def test_its_own_connections_are_closed(server: FakeVendor) -> None:
    """No socket is left behind when a completion is no more (which would be warned of)."""
    server.will(ChatWire().answers(ChatWire().body(ANSWER), connection="keep-alive"))
    ask(OpenAICompletion(Access(KEY, "gemma-4", f"{server.url}/v1")))
    gc.collect()


@pytest.mark.parametrize("surplus", [0, 1])
def test_answers_may_have_so_many_bytes(server: FakeVendor, surplus: int) -> None:
    """The last byte that is allowed is read, the next is not."""
    server.will(answering(200, b"x" * (MOST_BYTES + surplus)))
    with open_client(server.url, None, None) as client:
        if surplus:
            with pytest.raises(httpx2.RemoteProtocolError):
                client.post(server.url, timeout=30)
        else:
            assert len(client.post(server.url, timeout=30).content) == MOST_BYTES


def test_a_slow_body_is_cut_off_from_any_client(server: FakeVendor) -> None:
    """The time is kept between the pieces of an answer, whoever reads them."""
    server.will(dribbling(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"))
    with httpx2.Client(trust_env=False) as given, open_client("", None, given) as client:
        started = monotonic()
        with pytest.raises(httpx2.ReadTimeout):
            client.post(server.url, timeout=0.2)
        assert monotonic() - started < 1.5


def test_a_server_that_reads_nothing_is_left(server: FakeVendor) -> None:
    """Sending keeps to the time as well as reading."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts, and never reads
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with open_client(url, None, None) as client, pytest.raises(httpx2.TimeoutException):
            client.post(url, content=b"x" * 30_000_000, timeout=0.2)


def test_a_server_that_reads_slowly_is_left() -> None:
    """Sending in many small steps has no more time than sending in one."""
    done = Event()

    def sip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            while connection.recv(65_536) and not done.wait(0.01):
                pass

    with socket.create_server(("127.0.0.1", 0)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        url = f"http://127.0.0.1:{slow.getsockname()[1]}"
        thread = Thread(target=sip, args=(slow,))
        thread.start()
        started = monotonic()
        with open_client(url, None, None) as client, pytest.raises(httpx2.TimeoutException):
            client.post(url, content=b"x" * 30_000_000, timeout=0.2)
        assert monotonic() - started < 1.5
        done.set()
        thread.join()


def test_fetching_the_key_takes_time_like_everything_else(server: FakeVendor) -> None:
    """When the key comes too late, nothing is sent any more."""

    def fetch() -> str:
        Event().wait(0.05)
        return KEY

    error = failure(OpenAICompletion(Access(fetch), http_client=server.client()), 0.04)
    assert type(error) is AnswerTimeout
    assert error.surely_unbilled
    assert server.received == []


def test_the_key_is_fetched_once(server: FakeVendor) -> None:
    """Threads that all call for the first time wait for the one that fetches."""
    fetched = []

    def fetch() -> str:
        fetched.append(1)
        Event().wait(0.05)
        return KEY

    server.will(ResponsesWire().writes(ANSWER))
    completion = OpenAICompletion(Access(fetch), http_client=server.client())
    with ThreadPoolExecutor(4) as pool:
        assert {r.text for r in pool.map(lambda _: ask(completion), range(4))} == {ANSWER}
    assert fetched == [1]


def test_every_address_of_a_host_is_tried(
    server: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one address does not answer, the next is asked, in the time that is left."""
    port = httpx2.URL(server.url).port
    resolve = socket.getaddrinfo
    found = [
        (family, socket.SOCK_STREAM, 6, "", (host, port))
        for family, host in ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"))
    ]

    def getaddrinfo(host: str, *arguments: object, **named: object) -> object:
        return found if host == "two.example" else resolve(host, *arguments, **named)  # type: ignore[arg-type, call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    server.will(answering(200, {}))
    url = f"http://two.example:{port}"
    with open_client(url, None, None) as client:
        assert client.post(url, timeout=5).status_code == 200


def test_an_address_that_hangs_leaves_time_for_the_next(
    server: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two addresses the first gets half of the time, the last all that is left."""
    given: list[float] = []

    def hang(*arguments: float) -> None:
        given.append(arguments[3])
        raise httpcore2.ConnectTimeout

    found = [(socket.AF_INET, 1, 6, "", (f"127.0.0.{number}", 9)) for number in (1, 2)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", hang)
    with open_client(server.url, None, None) as client, pytest.raises(httpx2.ConnectTimeout):
        client.post("http://two.example", timeout=8)
    assert 3 < given[0] <= 4 < given[1] <= 8


def test_https_goes_through_the_proxy_that_the_environment_names(
    server: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is told the host alone, by CONNECT: never the text, which it could not read."""
    monkeypatch.setenv("HTTPS_PROXY", server.url.replace("//", "//me:word@"))
    server.will(answering(403))
    url = "https://api.openai.com/v1"
    with open_client(url, KEY, None) as client, pytest.raises(httpx2.ProxyError):
        client.post(url, content=b"text", timeout=5)
    (received,) = server.received
    assert received.line == "CONNECT api.openai.com:443 HTTP/1.1"
    assert received.headers["proxy-authorization"].startswith("Basic ")
    assert "authorization" not in received.headers
    assert received.body == b""


def test_encrypted_or_not_it_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS to this machine goes through no proxy either."""
    with FakeVendor() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"https://127.0.0.1:{closed.getsockname()[1]}"
        with open_client(url, None, None) as client, pytest.raises(httpx2.ConnectError):
            client.post(url, timeout=5)
        assert proxy.received == []


def test_what_is_for_this_machine_goes_through_no_proxy(
    server: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would see a text that nobody agreed to send away."""
    with FakeVendor() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name.lower(), proxy.url)
        server.will(answering(200, {}))
        with open_client(server.url, None, None) as client:
            assert client.post(server.url, timeout=5).status_code == 200
        assert proxy.received == []


def test_hosts_may_be_left_out_of_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY is heeded: the request goes to the host itself."""
    with FakeVendor() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "vendor.example")
        resolve = socket.getaddrinfo

        def getaddrinfo(host: str, *arguments: object, **named: object) -> object:
            if host == "vendor.example":
                raise socket.gaierror("no such host")
            return resolve(host, *arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        url = "https://vendor.example"
        with open_client(url, None, None) as client, pytest.raises(httpx2.ConnectError):
            client.post(url, timeout=5)
        assert proxy.received == []


def test_a_proxy_that_cannot_be_used_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of an unknown kind is told as such, and its password is not."""
    monkeypatch.setenv("HTTPS_PROXY", "gopher://me:geheim@proxy.example")
    with pytest.raises(ProviderMisconfigured, match="proxy") as caught:
        ask(OpenAICompletion(Access(KEY)))
    assert "geheim" not in f"{caught.value} {caught.value.__context__!r}"


def test_only_calls_are_silent(caplog: pytest.LogCaptureFixture) -> None:
    """What others do with the same SDKs is logged as ever, and so is everything else."""
    sdk, other = logging.getLogger("openai._base_client"), logging.getLogger("elsewhere")
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "openai._base_client"):
        with silence():
            sdk.debug("within")
            other.debug("meanwhile")
        sdk.debug("afterwards")
    assert caplog.messages == ["meanwhile", "afterwards"]


def test_connections_are_kept_and_keep_to_new_times(server: FakeVendor) -> None:
    """A second request on the same connection has a time of its own."""
    wire = Wire(server.url)
    server.will(answering(200, {}, {"connection": "keep-alive"}), hanging)
    outcomes = []
    for seconds in (5.0, 0.2):
        token = ends_at.set(monotonic() + seconds)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        request = httpx2.Request("GET", server.url, extensions={"timeout": timeouts})
        started = monotonic()
        try:
            outcomes.append(wire.send(request).read())
        except httpx2.ReadTimeout:
            outcomes.append(None)
        finally:
            ends_at.reset(token)
        assert monotonic() - started < 1.5
    wire.close()
    assert outcomes == [b"{}", None]
    assert server.connections == 1
