"""Whom a client of a double trusts that also asks a package index: the machine's authorities, and the double's."""

from __future__ import annotations

import os
from pathlib import Path

import certifi

__all__ = ["trusting"]

_VARIABLES = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def trusting(authority: str, folder: Path) -> dict[str, str]:
    """Variables that name a bundle of both.

    Args:
        authority: The double's, a file in PEM.
        folder: Where the bundle is written.
    """
    machines = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()
    bundle = folder / "authorities.pem"
    bundle.write_bytes(Path(machines).read_bytes() + b"\n" + Path(authority).read_bytes())
    return dict.fromkeys(_VARIABLES, str(bundle))
