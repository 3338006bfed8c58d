"""The client of a registry, thin over requests.

refusals     what went wrong, for a person      challenge, credentials, tokens    who we are
transport    HTTP: TLS, retries, redirects      client, blobs, upload             the registry's API
"""

from __future__ import annotations

from deployer.image.registry.client import MANIFESTS, Manifest, RegistryClient
from deployer.image.registry.transport import Transport

__all__ = ["MANIFESTS", "Manifest", "RegistryClient", "Transport"]
