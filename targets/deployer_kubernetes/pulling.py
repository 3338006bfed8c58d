"""The login that the nodes pull an endpoint's images with, as a Secret: the one that they were pushed with."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from deployer.endpoint import Record, Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.value import JSON
from deployer_kubernetes.marks import Marks, Role, marks_of
from deployer_kubernetes.requests import config_of, pull_name
from deployer_kubernetes.writing import Hand

__all__ = ["Find", "logins_for", "pull_secret", "settle_login"]

Find = Callable[[str], tuple[str, Mapping[str, str]]]
"""An image's reference -> its registry, and the entry of ``auths``, empty for none."""
Auths = dict[str, Mapping[str, str]]

_TYPE, _KEY = "kubernetes.io/dockerconfigjson", ".dockerconfigjson"


def pull_secret(endpoint: str, owner: str, auths: Mapping[str, Mapping[str, str]]) -> dict[str, JSON]:
    """The Secret (https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets)."""
    text = json.dumps({"auths": {server: dict(entry) for server, entry in sorted(auths.items())}})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": _TYPE,
        "metadata": {"name": pull_name(endpoint), "labels": Marks(owner, endpoint, Role.PULL).labels()},
        "data": {_KEY: base64.b64encode(text.encode()).decode()},
    }


def _stored(thing: Mapping[str, Any] | None) -> Auths:
    if thing is None or marks_of(thing) is None:
        return {}
    try:
        found: Any = json.loads(base64.b64decode((thing.get("data") or {}).get(_KEY, "")))
        return dict(found["auths"])
    except (ValueError, KeyError, TypeError):
        return {}


def logins_for(image: str, others: Iterable[str], stored: Mapping[str, Mapping[str, str]], find: Find) -> Auths:
    """What the Secret is to have: of the registries of these images alone, the newest that is known of each.

    Args:
        image: What is about to be pulled.
        others: Images of the endpoint's other revisions.
        stored: What it has.
        find: Tells a login.

    Raises:
        SpecError: There is none for the image's registry, here or there.
    """
    wished: Auths = {}
    for reference in (image, *others):
        server, entry = find(reference)
        known = entry or stored.get(server)
        if known:
            wished[server] = known
        elif reference == image:
            raise SpecError(
                f"Docker's configuration here has no login for {server}, and none is stored", where="config.pull_login",
                hint=f"docker login {server}, or leave config.pull_login out",
            )  # fmt: skip
    return wished


def settle_login(hand: Hand, spec: DeploymentSpec, record: Record, release: Release | None, find: Find | None) -> None:
    """Have the Secret be there and right before somebody pulls with it, or not be there at all.

    Args:
        hand: Writes the endpoint's objects.
        spec: The wish.
        record: The Record; names the other revisions.
        release: What is about to be staged; None when nothing is.
        find: Tells a login.

    Raises:
        SpecError: There is no login for the image's registry.
    """
    name = pull_name(spec.name)
    if config_of(spec).pull_login == "none":
        if release is None:
            hand.remove("Secret", name)
        return
    if release is None or release.image is None:
        return
    found = hand.find("Secret", name)
    others = [each.image.reference for each in record.releases.values() if each.image is not None]
    stored = _stored(found)
    wished = logins_for(release.image.reference, others, stored, find or (lambda image: (image.partition("/")[0], {})))
    if found is None or wished != stored:
        hand.ensure(pull_secret(spec.name, record.owner, wished), found)
