"""Values of AWS Secrets Manager, by botocore, with whatever credentials its chain finds: a container's role, usually.

A reference is ``ARN``, or ``ARN:JSON-KEY:VERSION-STAGE:VERSION-ID`` of which each may be empty, as Amazon ECS writes it
(Developer Guide, secrets-envvar-secrets-manager). The region is the ARN's. ``AWS_ENDPOINT_URL_SECRETS_MANAGER``,
``AWS_CA_BUNDLE`` and proxies are botocore's own affair.
"""

from __future__ import annotations

import json
import logging
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .vault import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Reference", "parse", "read"]

ATTEMPTS, CONNECTING, ANSWERING = 6, 5, 10
"""How often one value is asked for, with back-off, and seconds of each time: many servers may start at once."""
ACTION = "secretsmanager:GetSecretValue"
_REFERENCE = re.compile(
    r"(?P<arn>arn:[a-z0-9-]+:secretsmanager:(?P<region>[a-z0-9-]+):\d{12}:secret:[^:\s]+)"
    r"(:(?P<key>[^:]*):(?P<stage>[^:\s]*):(?P<version>[^:\s]*))?"
)
_DENIED = re.compile(r"not authorized to perform:? (?P<action>[a-z0-9-]+:[A-Za-z]+)")
_LOUD = ("botocore", "urllib3")


@dataclass(frozen=True)
class Reference:
    """Where a value is.

    Attributes:
        arn: Of the secret.
        region: Where it is asked for.
        key: Of the JSON object that the secret is; "" for the whole.
        stage: A label of its version; "" for AWS's own, the current one.
        version: The version's id; "" for whichever has the label.
    """

    arn: str
    region: str
    key: str = ""
    stage: str = ""
    version: str = ""

    @property
    def request(self) -> dict[str, str]:
        """What GetSecretValue is asked."""
        asked = {"SecretId": self.arn, "VersionStage": self.stage, "VersionId": self.version}
        return {name: value for name, value in asked.items() if value}


def parse(text: str) -> Reference | None:
    """The parts of a reference; None for what is none."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        return None
    parts = {name: value or "" for name, value in found.groupdict().items()}
    return Reference(**parts)


def read(references: Mapping[str, str]) -> dict[str, str]:
    """Ask for each value, one secret's version once.

    Args:
        references: Variable -> reference.

    Raises:
        SecretUnavailable: One cannot be had.
    """
    wanted = {}
    for name, text in references.items():
        found = parse(text)
        if found is None:
            raise SecretUnavailable(f"{name} is not read: {text!r} is no reference ARN[:JSON-KEY:STAGE:VERSION]")
        wanted[name] = found
    with _unheard():
        return _asked(wanted)


def _asked(wanted: Mapping[str, Reference]) -> dict[str, str]:
    clients: dict[str, Any] = {}
    answers: dict[tuple[tuple[str, str], ...], str] = {}
    values = {}
    for name, reference in wanted.items():
        about, why = tuple(reference.request.items()), ""
        if about not in answers:
            try:
                if reference.region not in clients:
                    clients[reference.region] = _client(reference.region)
                answers[about] = _text(clients[reference.region].get_secret_value(**reference.request))
            except Exception as error:
                why = _why(error, reference)
        if why:  # said outside, so that the SDK's own error and its lines are no part of what is told
            raise SecretUnavailable(f"{name} is not read: {why}")
        values[name] = _of_key(answers[about], name, reference)
    return values


def _client(region: str) -> Any:
    session = import_module("botocore.session").get_session()
    config = import_module("botocore.config").Config(
        connect_timeout=CONNECTING,
        read_timeout=ANSWERING,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    return session.create_client("secretsmanager", region_name=region, config=config)


@contextmanager
def _unheard() -> Iterator[None]:
    """Without the SDK's own debugging, which would write answers into the log before their values are known to it."""
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in _LOUD]
    for logger, _ in before:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


def _text(answer: Mapping[str, Any]) -> str:
    return str(answer["SecretString"]) if "SecretString" in answer else os.fsdecode(answer["SecretBinary"])


def _of_key(text: str, name: str, reference: Reference) -> str:
    """The whole, or what a key has: a text as it is, all else as JSON."""
    if not reference.key:
        return text
    try:
        held = json.loads(text)
    except ValueError:
        held = None
    if not isinstance(held, dict):
        raise SecretUnavailable(f"{name} is not read: the secret {reference.arn} is no JSON object")
    if reference.key not in held:
        raise SecretUnavailable(f"{name} is not read: the secret {reference.arn} has no key {reference.key!r}")
    value = held[reference.key]
    return value if isinstance(value, str) else json.dumps(value)


def _why(error: Exception, reference: Reference) -> str:
    """An error of the SDK in a few words, which name the action that was refused."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed here, which asks Secrets Manager for {reference.arn}"
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    told: Mapping[str, Any] = response.get("Error") or {}
    code, said = str(told.get("Code", "")), " ".join(str(told.get("Message", "")).split())
    if code in ("AccessDeniedException", "AccessDenied", "DecryptionFailure"):
        return _denied(code, said, reference)
    if code == "ResourceNotFoundException":
        return f"there is no secret {reference.arn}, or no such version of it: {said}"
    if code:
        return f"{ACTION} of {reference.arn} was answered with {code}: {said}"
    kind = type(error).__name__
    if kind in ("NoCredentialsError", "CredentialRetrievalError", "PartialCredentialsError", "MetadataRetrievalError"):
        return f"there are no AWS credentials here to ask for {reference.arn} with: {error}"
    return f"Secrets Manager in {reference.region} was not reached for {reference.arn}: {kind}: {error}"


def _denied(code: str, said: str, reference: Reference) -> str:
    """AWS names the action, except that it says of a key alone that "Access to KMS is not allowed"."""
    found = _DENIED.search(said)
    if found is not None:
        action = found["action"]
    else:
        action = "kms:Decrypt" if code == "DecryptionFailure" or "KMS" in said else ACTION
    place = f"on resource: {reference.arn}" if action == ACTION else f"for {reference.arn}"
    return f"not authorized to perform: {action} {place} ({said or code})"
