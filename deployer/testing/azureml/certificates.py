"""An authority of the double's own, made at its start, and a certificate of it for loopback and for Azure's names."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.errors import SpecError
from deployer.testing.azureml.wire import ACR, BLOB, INFERENCE, LOGIN, MANAGEMENT, TRACKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["Pair", "make"]

_DAYS = 7


class Pair:
    """Files of the authority and of the certificate that it signed.

    Args:
        folder: Where they are.

    Attributes:
        ca: The authority's certificate, PEM, for ``REQUESTS_CA_BUNDLE``.
        chain: The server's certificate, PEM.
        key: Its key, PEM.
    """

    def __init__(self, folder: Path) -> None:
        self.ca, self.chain, self.key = folder / "ca.pem", folder / "server.pem", folder / "server.key"


def make(folder: Path, location: str, host: str) -> Pair:
    """Make both; good for a week.

    Args:
        folder: An empty one.
        location: The region, for the names of endpoints.
        host: The address that is listened at.

    Raises:
        SpecError: cryptography is not installed.
    """
    _need()
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pair = Pair(folder)
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _signed("Azure ML double's authority", root, "Azure ML double's authority", root, None)
    names: list[x509.GeneralName] = [
        x509.DNSName(each)
        for each in ("localhost", MANAGEMENT, LOGIN, f"*{BLOB}", f"*{ACR}", f"*.{location}{INFERENCE}", f"*{TRACKING}")
    ]
    names += [x509.IPAddress(ipaddress.ip_address(each)) for each in sorted({"127.0.0.1", _address(host)})]
    server = _signed("localhost", key, "Azure ML double's authority", root, names)
    pair.ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    pair.chain.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    pair.key.touch(0o600)
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pair


def _address(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "127.0.0.1"


def _signed(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName] | None,
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC)
    made: Any = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_usage(authority=names is None), critical=True)
    )
    if names is not None:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        made = made.add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    signed: x509.Certificate = made.sign(signer, hashes.SHA256())
    return signed


def _usage(*, authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _need() -> None:
    try:
        import_module("cryptography.x509")
    except ImportError as error:
        raise SpecError(
            f"the Azure ML double needs cryptography for its certificates: {error}",
            where="deployer.testing.azureml",
            hint="pip install 'mlflow-deployer[rehearse]'",
        ) from error
