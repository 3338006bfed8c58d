"""What stands between people and their packages: an authority that no system trusts, and a proxy with a password."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import socket
import socketserver
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority of one's own, and a certificate of it for loopback.

    Args:
        folder: Where ``ca.pem`` and the server's files are written.
    """

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "ca.pem"
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of our own")])
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
        ca = self._builder(ca_name, ca_name, ca_key).add_extension(x509.BasicConstraints(True, None), critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        signed = ca.add_extension(usage, critical=True).sign(ca_key, hashes.SHA256())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        leaf = self._builder(name, ca_name, key).add_extension(names, critical=False).sign(ca_key, hashes.SHA256())
        self.bundle.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        (folder / "server.pem").write_bytes(
            leaf.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.pem")

    @staticmethod
    def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )


class Proxy:
    """A forward proxy (plain requests and CONNECT) on loopback.

    Args:
        password: What the user ``me`` must give; None lets everybody through.
    """

    def __init__(self, password: str | None = None) -> None:
        self.password = password
        self.asked: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        login = f"me:{self.password}@" if self.password else ""
        return f"http://{login}127.0.0.1:{self.port}"


@contextmanager
def proxying(proxy: Proxy) -> Generator[Proxy, None, None]:
    """The proxy, passing on."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode()
            if not line.strip():
                return
            headers: list[str] = []
            while (header := self.rfile.readline().decode()).strip():
                headers.append(header)
            method, target, _ = line.split()
            proxy.asked.append(f"{method} {target}")
            wanted = base64.b64encode(f"me:{proxy.password}".encode()).decode()
            given = [one.split(":", 1)[1].strip() for one in headers if one.lower().startswith("proxy-authorization:")]
            if proxy.password and given != [f"Basic {wanted}"]:
                self.wfile.write(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n"
                    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
                )
                return
            if method == "CONNECT":
                host, port = target.rsplit(":", 1)
                with socket.create_connection((host, int(port))) as there:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    _both_ways(self.connection, there)
                return
            parts = urlsplit(target)
            kept = [one for one in headers if not one.lower().startswith(("proxy-", "connection:"))]
            with socket.create_connection((parts.hostname or "", parts.port or 80)) as there:
                asked = f"{method} {parts.path}{f'?{parts.query}' if parts.query else ''} HTTP/1.0\r\n"
                there.sendall((asked + "".join(kept) + "Connection: close\r\n\r\n").encode())
                while piece := there.recv(65536):
                    self.wfile.write(piece)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _both_ways(one: socket.socket, other: socket.socket) -> None:
    def carry(source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    back = threading.Thread(target=carry, args=(other, one), daemon=True)
    back.start()
    carry(one, other)
    back.join()
