"""Secrets by reference: Secrets Manager ARNs that the server resolves with its execution role. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployer.spec import DeploymentSpec

__all__ = ["NEEDS", "VARIABLE", "references", "refused_secrets", "runtime_needs", "secret_of"]

NEEDS = ("botocore>=1.21,<2",)
"""What the server asks Secrets Manager with, and finds the container's credentials by; 1.21 to 1.44 were tried."""
VARIABLE = "DEPLOYER_SERVING_VAULT_"
"""What the server is told begins so, with the secret's variable behind: where its value is. No value is in it."""
_ARN = re.compile(
    r"(?P<secret>arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,512})"
    r"(:(?P<key>[^:]*):(?P<stage>[^:\s]*):(?P<version>[^:\s]*))?"
)
"""As Amazon ECS writes it, too: ``ARN``, or ``ARN:JSON-KEY:VERSION-STAGE:VERSION-ID``, where each may be empty."""


def secret_of(reference: str) -> str | None:
    """The ARN of the secret itself in a reference, for its execution role's policy; None for what is none."""
    found = _ARN.fullmatch(reference)
    return found["secret"] if found is not None else None


def refused_secrets(spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
    """References that cannot be resolved here, each as (dotted field, sentence)."""
    if spec.secrets and spec.image.use:
        yield "secrets", "our own server resolves them, and a ready image has another; leave it out"
    for name, secret in spec.secrets.items():
        if secret.env is not None:
            make = "aws secretsmanager create-secret --name ... --secret-string ..."
            yield f"secrets.{name}", f"sagemaker keeps no values; store it ({make}), and give {{ref: ARN}}"
        elif secret.ref is not None and secret_of(secret.ref) is None:
            yield f"secrets.{name}", f"{secret.ref} is no ARN of Secrets Manager, such as arn:aws:secretsmanager:..."


def runtime_needs(spec: DeploymentSpec) -> tuple[str, ...]:
    """What an image holds for secrets; nothing where none is wished."""
    return NEEDS if references(spec) else ()


def references(spec: DeploymentSpec) -> dict[str, str]:
    """What the server's environment has of them: one variable each, since AWS takes 1024 characters in one."""
    found = {name: secret.ref for name, secret in sorted(spec.secrets.items()) if secret.ref is not None}
    return {f"{VARIABLE}{name}": reference for name, reference in found.items()}
