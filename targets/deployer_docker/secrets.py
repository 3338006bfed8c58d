"""Secret values, as files in volumes: all of an endpoint's in one that nothing mounts, a revision's in its own."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from deployer.errors import BuildError
from deployer_docker.client import is_missing, told
from deployer_docker.courier import Courier
from deployer_docker.marks import Marks, Role, object_name
from deployer_docker.requests import given_volume

__all__ = ["Secrets"]

STORE, GIVEN = "/store", "/given"


class Secrets:
    """The secrets of one endpoint.

    Args:
        api: docker-py's low-level client.
        endpoint: Which.
        owner: Whose it is.
        image: Any that the engine has; nothing of it is run.
    """

    def __init__(self, api: Any, endpoint: str, owner: str, image: str) -> None:
        self._api = api
        self._endpoint = endpoint
        self._owner = owner
        self._courier = Courier(api, endpoint, owner, image)

    @property
    def _store(self) -> str:
        return object_name(self._endpoint, "secrets")

    def holds(self, name: str, number: int, value: str) -> bool:
        """Whether the stored value is this one, compared in constant time."""
        with told("look for the secrets", self._store):
            try:
                self._api.inspect_volume(self._store)
            except Exception as error:
                if is_missing(error):
                    return False
                raise
        with self._courier.open({STORE: self._store}) as way:
            stored = way.read(f"{STORE}/{name}.{number}")
        return stored is not None and hmac.compare_digest(stored, value.encode())

    def keep(self, values: Mapping[tuple[str, int], str]) -> None:
        """Store values."""
        self._courier.have_volume(self._store, Marks(self._owner, self._endpoint, Role.SECRETS))
        with self._courier.open({STORE: self._store}) as way:
            way.put(STORE, {f"{name}.{number}": value.encode() for (name, number), value in values.items()})

    def give(self, revision: str, numbers: Mapping[str, int]) -> None:
        """Make the volume that a revision's replicas read: ``NAME`` for each secret.

        Raises:
            BuildError: A value is not stored.
        """
        given = given_volume(self._endpoint, revision)
        self._courier.have_volume(given, Marks(self._owner, self._endpoint, Role.GIVEN, revision))
        self._courier.have_volume(self._store, Marks(self._owner, self._endpoint, Role.SECRETS))
        with self._courier.open({STORE: self._store, GIVEN: given}) as way:
            found = {}
            for name, number in numbers.items():
                value = way.read(f"{STORE}/{name}.{number}")
                if value is None:
                    raise BuildError(
                        f"the value of the secret {name} (number {number}) is not stored", where=self._endpoint,
                        hint=f"set its variable and run the command again: {name} is read from the environment",
                    )  # fmt: skip
                found[name] = value
            way.put(GIVEN, found)
