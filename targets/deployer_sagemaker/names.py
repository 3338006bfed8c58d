"""What things are called at SageMaker: from the endpoint, the revision, and what the thing is made of. Pure.

All names are at most 63 characters of ``[a-zA-Z0-9](-*[a-zA-Z0-9])*`` (botocore's service model), and the same every
time, so that a call that is sent twice finds what the first one made. An endpoint's own name has no two dashes in a
row, so none of these is another endpoint's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from deployer.spec.model import NAME_PATTERN
from deployer.value import JSON, digest

__all__ = [
    "CANDIDATE",
    "LONGEST",
    "PRIMARY",
    "config_name",
    "config_prefix",
    "model_name",
    "revisions_of",
    "shape_of",
    "usable_name",
    "verify_name",
]

LONGEST = 63
PRIMARY = "primary"
"""The variant that serves. It never changes: AWS's guardrails need equal names in the old and the new configuration
(Developer Guide, deployment-guardrails-exclusions)."""
CANDIDATE = "candidate"
"""The second variant, of ``config.verify: variant`` alone."""
_DIGITS = 8
_OURS = re.compile(
    rf"(?P<endpoint>{NAME_PATTERN.pattern})--(?P<revisions>r[0-9a-f]{{7}}(-r[0-9a-f]{{7}})?)--[a-z0-9-]+"
)


def usable_name(name: str) -> bool:
    """Whether an endpoint of ours can have this name."""
    return bool(NAME_PATTERN.fullmatch(name)) and 3 <= len(name) <= 32


def verify_name(endpoint: str) -> str:
    """The endpoint of one instance on which a revision is asked before it has traffic."""
    return f"{endpoint}--verify"


def config_prefix(endpoint: str) -> str:
    """What names of its models and configurations begin with; to be asked for by ``NameContains``."""
    return f"{endpoint}--"


def shape_of(body: Mapping[str, JSON]) -> str:
    """The last part of a name: a digest of what the thing is made of, so that an equal name is an equal thing."""
    return digest(body)[:_DIGITS]


def model_name(endpoint: str, revision: str, body: Mapping[str, JSON]) -> str:
    """The model of a revision.

    Args:
        endpoint: Its endpoint's name.
        revision: Its id.
        body: The request of CreateModel, without name and tags.
    """
    return f"{endpoint}--{revision}--{shape_of(body)}"


def config_name(endpoint: str, revisions: Sequence[str], body: Mapping[str, JSON], *, verify: bool = False) -> str:
    """An endpoint configuration.

    Args:
        endpoint: Its endpoint's name.
        revisions: The one that it runs, or two: the one that serves first.
        body: The request of CreateEndpointConfig, without name and tags.
        verify: Whether it is for `verify_name`.
    """
    return f"{endpoint}--{'-'.join(revisions)}--{'verify-' if verify else ''}{shape_of(body)}"


def revisions_of(name: str, endpoint: str) -> tuple[str, ...]:
    """The revisions that a configuration or model of such a name runs, the one that serves first; () for others.

    A name proves nothing: whose a thing is, its tags tell.
    """
    found = _OURS.fullmatch(name)
    if found is None or found["endpoint"] != endpoint:
        return ()
    return tuple(found["revisions"].split("-"))
