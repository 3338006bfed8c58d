"""Secrets that lie in a vault: read once, when the server starts, with the rights that its place gives it.

``DEPLOYER_SERVING_VAULT_NAME`` says where the value of the environment variable ``NAME`` is. There is one kind of vault
as yet, AWS Secrets Manager, in :mod:`secretsmanager`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .credentials import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SecretUnavailable", "resolve"]

_AWS = re.compile(r"arn:[a-z0-9-]+:secretsmanager:")


class SecretUnavailable(Exception):
    """A secret cannot be had. The text is one sentence with the variable, the reference and why; never a value."""


def resolve(references: Mapping[str, str]) -> dict[str, str]:
    """Read the values: variable -> value, exactly as each lies in its vault.

    Args:
        references: Variable -> where its value is.

    Raises:
        SecretUnavailable: One cannot be had; none is returned then.
    """
    for name, reference in references.items():
        if not NAME.fullmatch(name):
            raise SecretUnavailable(f"{name!r} cannot be the name of an environment variable")
        if not _AWS.match(reference):
            raise SecretUnavailable(f"{name} is not read: {reference!r} leads to no vault that is known here")
    from .secretsmanager import read  # the SDK behind it is in images with such secrets alone

    values = read(references)
    for name, value in values.items():
        if "\0" in value:
            raise SecretUnavailable(f"{name} is not usable: its value holds a NUL, which no environment variable can")
    return values
