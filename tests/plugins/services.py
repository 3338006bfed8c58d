"""The way from a test to a cloud's own service, where whoever runs it says that it may go there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.plugins.isolation import NO_PROXY, PROXIES

if TYPE_CHECKING:
    import pytest

__all__ = ["kept", "reach"]

_WAY = (*PROXIES, *NO_PROXY, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE", "HOME", "PATH")
"""What a way there may need beside credentials."""


def kept(environment: Mapping[str, str], prefix: str) -> dict[str, str]:
    """What a client of a service needs of the environment that the tests were started in."""
    return {name: value for name, value in environment.items() if name.startswith(prefix) or name in _WAY}


def reach(patch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Have these variables, and no other way than they say: the dead proxy of `tests.plugins.isolation` goes.

    Sockets are let out by the marker ``enable_socket``.
    """
    for name in (*PROXIES, *NO_PROXY):
        patch.delenv(name, raising=False)
    for name, value in variables.items():
        patch.setenv(name, value)
