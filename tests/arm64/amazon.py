"""The Parameter Store and the bus on this machine, and an identity provider: as little as is asked of them."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import attrs
from runtime_api import Server


@attrs.frozen
class Amazon:
    """`url` answers for both services; `put` are the events that were put on the bus."""

    url: str
    put: list[dict[str, str]]


@contextmanager
def amazon(parameters: Mapping[str, str], key_set: Mapping[str, Any]) -> Iterator[Amazon]:
    """Serve *parameters* as Systems Manager does, a bus as EventBridge does, and a key set."""
    put: list[dict[str, str]] = []

    def answered(target: str, asked: Mapping[str, Any]) -> tuple[int, Any]:
        if target == "AmazonSSM.GetParameter":
            if asked["Name"] not in parameters or not asked.get("WithDecryption"):
                return 400, {"__type": "ParameterNotFound"}
            return 200, {"Parameter": {"Name": asked["Name"], "Value": parameters[asked["Name"]]}}
        if target == "AWSEvents.PutEvents":
            put.extend(asked["Entries"])
            told = [{"EventId": f"{len(put)}-{n}"} for n, _ in enumerate(asked["Entries"])]
            return 200, {"FailedEntryCount": 0, "Entries": told}
        return 400, {"__type": "UnknownOperationException"}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, key_set)

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 ")
            target = self.headers.get("X-Amz-Target", "")
            self._send(*answered(target, asked) if signed else (400, {"__type": "Unsigned"}))

        def _send(self, status: int, answer: Any) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Amazon(f"http://127.0.0.1:{server.server_port}", put)
    finally:
        server.shutdown()
        server.server_close()
