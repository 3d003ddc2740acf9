"""
Which modules does a function load until its first request is answered?

``python -m reflekt_chalice.deployment.bundle.probe entries`` prints their names as JSON. The request
is a real one, but every request of the function's own is refused at once by a server on this machine.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from secrets import token_hex
from typing import Any

__all__ = ["main"]

_REFUSED = {"__type": "ValidationException"}
_METHOD = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/dev/GET/"


class _Refusal(BaseHTTPRequestHandler):
    """Answers what DynamoDB and its like answer to a request that they will never do; tells a secret."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = self.headers.get("X-Amz-Target") == "AmazonSSM.GetParameter"
        answer = {"Parameter": {"Value": token_hex(32)}} if told else _REFUSED
        body = json.dumps(answer).encode()
        self.send_response(200 if told else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def _refusing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def main(name: str, *sdks: str) -> None:
    """Print the modules that the function called *name* loads, and with it those of *sdks*."""
    before = set(sys.modules)
    with _refusing() as endpoint:
        os.environ.update(_environment(name, endpoint))
        handler = getattr(import_module("reflekt_chalice.handlers"), name)
        for sdk in sdks:
            import_module(f"reflekt_core.providers.{sdk}")
            import_module(sdk)
        with suppress(Exception):  # it was refused; what it loaded for that counts
            handler(_event(name), None)
    sys.stdout = sys.__stdout__
    print(json.dumps(sorted(set(sys.modules) - before)))  # noqa: T201 - for who started this


def _environment(name: str, endpoint: str) -> dict[str, str]:
    from reflekt_chalice.functions import FUNCTIONS  # noqa: PLC0415 - loaded by every function

    return {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "JWT_SECRET_PARAMETER": "/probe/jwt-secret",
        "LOG_LEVEL": "CRITICAL",
        "REFLEKT_EVENT_BUS": "probe",
        "REFLEKT_STORE": (
            f"dynamodb://probe?region=eu-west-1&account={FUNCTIONS[name].home}&endpoint={endpoint}"
        ),
    }


def _event(name: str) -> dict[str, Any]:
    from reflekt_chalice.functions import FUNCTIONS, operations_of  # noqa: PLC0415 - the same

    function = FUNCTIONS[name]
    if function.operations:
        path = next(o.path for o in operations_of([name]) if o.method == "GET")
        return _request(path)
    if function.streams:
        return {"Records": [{"dynamodb": {"SequenceNumber": "1", "NewImage": _image()}}]}
    if function.events:
        return {"source": "reflekt", "detail-type": function.events[0].value, "detail": _DETAIL}
    return {"type": "TOKEN", "authorizationToken": "Bearer a.b.c", "methodArn": _METHOD}


_ID = "00000000-0000-4000-8000-000000000000"
_AT = "2026-01-01T00:00:00+00:00"
_DETAIL = {"user_id": "probe", "subject_id": _ID, "version": 1, "occurred_at": _AT}


def _image() -> dict[str, Any]:
    told = json.dumps(["EntryCreated", _ID, 1, 0])
    return {"u": {"S": "probe"}, "k": {"S": f"e#{_ID}"}, "v": {"N": "1"}, "ev": {"S": told}}


def _request(path: str) -> dict[str, Any]:
    context = {
        "authorizer": {
            "user_id": "probe",
            "role": "user",
            "scope": "",
            "iat": "0",
            "exp": "4102444800",
        },
        "httpMethod": "GET",
        "path": f"/dev{path}",
        "requestId": _ID,
        "resourcePath": path,
    }
    return {
        "resource": path,
        "path": path,
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"id": _ID} if "{id}" in path else None,
        "stageVariables": None,
        "requestContext": context,
        "body": None,
        "isBase64Encoded": False,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
