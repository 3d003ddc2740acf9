"""HTTPS before a server on this machine that speaks HTTP, so that all sides pay for it as on AWS."""

import socket
import ssl
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from botocore.httpsession import DEFAULT_CA_BUNDLE
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from reflekt_core.amazon import _ROOTS

__all__ = ["encrypted"]

HOST = "127.0.0.1"


def encrypted(folder: Path, port: int) -> str:
    """
    Return the address at which the server on *port* is reached with HTTPS, until the program ends.

    Files in *folder* name who is trusted, beside this one: ``authorities.pem`` all those that
    botocore trusts, ``amazon.pem`` those that we do.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    server = socket.create_server((HOST, 0), backlog=32)
    threading.Thread(target=_serve, args=(server, context, port), daemon=True).start()
    return f"https://{HOST}:{server.getsockname()[1]}"


def _certificate(folder: Path) -> Path:
    """Return a file with a key and its certificate, and add that to what is trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for name, known in (("authorities", DEFAULT_CA_BUNDLE), ("amazon", _ROOTS)):
        trusted = Path(known).read_bytes() + b"\n" + public
        (folder / f"{name}.pem").write_bytes(trusted)
    (folder / "server.pem").write_bytes(private + public)
    return folder / "server.pem"


def _serve(server: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        client, _ = server.accept()
        threading.Thread(target=_carry, args=(client, context, port), daemon=True).start()


def _carry(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """Carry requests one way and answers the other: one at a time, as HTTP/1.1 has them."""
    with suppress(OSError), closing(client), socket.create_connection((HOST, port)) as upstream:
        for one in (client, upstream):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(client, server_side=True) as inside:
            back = threading.Thread(target=_copy, args=(upstream, inside), daemon=True)
            back.start()
            _copy(inside, upstream)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
