"""The endpoint's certificate: read where the person is, and carried into the gateway's volume."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec

__all__ = ["Certificate", "read_certificate"]

_SHOWN = 16


@dataclass(frozen=True, repr=False)
class Certificate:
    """Certificate chain and key, as one PEM text; what tells it from another is no secret."""

    pem: bytes

    @property
    def mark(self) -> str:
        """What it is told by."""
        return hashlib.sha256(self.pem).hexdigest()[:_SHOWN]


def read_certificate(spec: DeploymentSpec) -> Certificate | None:
    """The wished certificate; None when its files are not on this host, or none is wished.

    Raises:
        SpecError: The files are there and are no certificate with its key.
    """
    tls = spec.network.tls
    if tls is None:
        return None
    try:
        pem = b"\n".join(Path(path).expanduser().read_bytes().strip() for path in (tls.cert, tls.key)) + b"\n"
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpecError(f"cannot be read: {error.strerror or error}", where="network.tls") from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            Path(tls.cert).expanduser(), Path(tls.key).expanduser(), password=lambda: ""
        )
    except (ssl.SSLError, ValueError) as error:
        raise SpecError(
            f"is no certificate with its key: {error}", where="network.tls",
            hint="give PEM files; the key must not have a passphrase",
        ) from error  # fmt: skip
    return Certificate(pem)
