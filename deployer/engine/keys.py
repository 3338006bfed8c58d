"""The API key that deployer's own requests carry: one of those that the spec refers to, as far as it is set here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deployer.spec.model import SecretRef

__all__ = ["KEY_HEADER", "key_headers"]

KEY_HEADER = "X-API-Key"


def key_headers(keys: Sequence[SecretRef], environ: Mapping[str, str]) -> dict[str, str]:
    """The header, or nothing where the endpoint asks for no key or none of them is set.

    Args:
        keys: The spec's ``auth.api_keys``.
        environ: The client's environment.
    """
    value = next((environ[each.env] for each in keys if each.env and environ.get(each.env)), None)
    return {KEY_HEADER: value} if value else {}
