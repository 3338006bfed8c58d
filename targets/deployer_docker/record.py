"""The Record of an endpoint, as labels of a volume, so that an engine alone is enough to compare and swap.

Making a volume is atomic by its name, and one that is there already is answered with its own labels. So a version of a
Record is a volume ``NAME--record.LIFE.N`` whose token tells who made it: whoever finds another's token there has lost.
``LIFE`` is told by the volume ``NAME--record``: it changes when an endpoint is removed and made again, so that what a
writer of the one before still writes is never read. The highest number counts; the writer of a version removes those
before it, from the lowest up. docs/adr/0010 tells why this holds, and what was measured.
"""

from __future__ import annotations

import base64
import re
import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from deployer.endpoint import Record
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer_docker.client import is_missing, told
from deployer_docker.marks import PREFIX, Marks, Role, filters, object_name, read_marks

__all__ = ["Lost", "Records", "Stored", "Version", "pack", "unpack"]

LOOKS = 8
SPARE = 16
ANCESTORS = 48
_NUMBER = re.compile(r"--record\.(?P<life>[0-9a-f]{12})\.(?P<number>\d{1,12})")


class Lost(Exception):
    """A Record's text cannot be read any more."""


def pack(record: Record) -> str:
    """A Record as the value of a label."""
    return "1:" + base64.b85encode(zlib.compress(record.model_dump_json().encode(), 6)).decode()


def unpack(text: str) -> Record:
    """The other way.

    Raises:
        Lost: It is damaged.
        ValidationError: Another version of deployer wrote it.
    """
    if not text.startswith("1:"):
        raise Lost
    try:
        plain = zlib.decompress(base64.b85decode(text[2:]))
    except (ValueError, zlib.error):
        raise Lost from None
    return Record.model_validate_json(plain)


@dataclass(frozen=True)
class Version:
    """One volume that holds a version of a Record."""

    volume: str
    life: str
    number: int
    token: str
    ancestors: tuple[str, ...]
    text: str

    @property
    def name(self) -> str:
        """As `deployer.target.Target.read_record` tells it."""
        return f"{self.life}.{self.number}.{self.token}"


@dataclass(frozen=True)
class Stored:
    """What is stored of one endpoint. Pure: made of the engine's list of volumes.

    Attributes:
        life: Which endpoint of that name it is; None before the first write.
        versions: Those of this life, from the lowest up.
        stale: Names of volumes that another life left.
    """

    life: str | None = None
    versions: tuple[Version, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def current(self) -> Version | None:
        """The one that counts."""
        return self.versions[-1] if self.versions else None


def stored_of(volumes: Iterable[Mapping[str, Any]], endpoint: str) -> Stored:
    """What volumes hold of an endpoint's Record."""
    life, found = None, list[Version]()
    for volume in volumes:
        labels = volume.get("Labels") or {}
        marks = read_marks(labels)
        if marks is None or marks.endpoint != endpoint:
            continue
        if marks.role is Role.BIRTH and volume["Name"] == object_name(endpoint, "record"):
            life = labels.get(f"{PREFIX}life")
        match = _NUMBER.search(volume["Name"])
        if marks.role is Role.RECORD and match:
            ancestors = tuple(labels.get(f"{PREFIX}ancestors", "").split())
            token, text = labels.get(f"{PREFIX}token", ""), labels.get(f"{PREFIX}record", "")
            found.append(Version(volume["Name"], match["life"], int(match["number"]), token, ancestors, text))
    found.sort(key=lambda each: each.number)
    return Stored(
        life,
        tuple(each for each in found if each.life == life),
        tuple(each.volume for each in found if each.life != life),
    )


class Records:
    """The Records on one engine.

    Args:
        api: docker-py's low-level client.
    """

    def __init__(self, api: Any) -> None:
        self._api = api

    def read(self, endpoint: str) -> tuple[Record, str] | None:
        """The Record and its version's name, or None when there is none, or none that can be read.

        Raises:
            TargetUnavailable: The engine does not answer, or another version of deployer wrote it.
        """
        current = self.look(endpoint).current
        record = read_version(current) if current is not None else None
        return (record, current.name) if record is not None and current is not None else None

    def look(self, endpoint: str) -> Stored:
        """What is stored, as it was at one moment of this call.

        While a list is made, a volume may have been removed before its labels were read, and an older one not yet.
        Since those are removed from the lowest up, the list was whole if the highest that it names is still there.
        """
        for _ in range(LOOKS):
            stored = stored_of(self._volumes(endpoint), endpoint)
            if stored.life is None or self._is_there(stored.current, endpoint):
                return stored
        raise TargetUnavailable(f"the record of {endpoint} changes faster than it can be read", transient=True)

    def _volumes(self, endpoint: str) -> list[dict[str, Any]]:
        with told("read the record", endpoint):
            found: list[dict[str, Any]] = self._api.volumes(filters=filters(endpoint))["Volumes"] or []
        return found

    def _is_there(self, version: Version | None, endpoint: str) -> bool:
        """Whether the version is; without one, whether a second look finds none either."""
        if version is None:
            return stored_of(self._volumes(endpoint), endpoint).current is None
        with told("read the record", endpoint):
            try:
                labels = self._api.inspect_volume(version.volume).get("Labels") or {}
            except Exception as error:
                if is_missing(error):
                    return False
                raise
        return bool(labels.get(f"{PREFIX}token") == version.token)

    def write(self, record: Record, expected: str | None) -> str:
        """Compare and swap, as `deployer.target.Target.write_record`, but for the look at what is foreign."""
        endpoint = record.endpoint
        stored = self.look(endpoint)
        current = stored.current
        if (current.name if current is not None and read_version(current) is not None else None) != expected:
            raise self._overtaken(stored, endpoint)
        life = stored.life or self._be_born(record)
        token = uuid.uuid4().hex[:12]
        before = (current.token, *current.ancestors) if current is not None else ()
        marks = Marks(record.owner, endpoint, Role.RECORD)
        labels = marks.labels(token=token, ancestors=" ".join(before[:ANCESTORS]), record=pack(record))
        number = self._claim_number(endpoint, life, (current.number if current else 0) + 1, labels)
        if number is None:
            raise self._overtaken(self.look(endpoint), endpoint)
        after = self.look(endpoint)
        newest = after.current
        if after.life != life or newest is None or token not in (newest.token, *newest.ancestors):
            self._remove(_volume(endpoint, life, number))
            raise self._overtaken(after, endpoint)
        for name in (*after.stale, *(each.volume for each in after.versions if each.number < number)):
            self._remove(name)
        return f"{life}.{number}.{token}"

    def _be_born(self, record: Record) -> str:
        endpoint, name = record.endpoint, object_name(record.endpoint, "record")
        labels = Marks(record.owner, endpoint, Role.BIRTH).labels(life=uuid.uuid4().hex[:12])
        with told("write the record", endpoint):
            made = self._api.create_volume(name, driver="local", labels=labels).get("Labels") or {}
        marks = read_marks(made)
        if marks is None or marks.endpoint != endpoint:
            raise Conflict(
                f"the engine has a volume {name} that deployer did not make", where=name,
                hint="take another name, or remove that volume",
            )  # fmt: skip
        return str(made[f"{PREFIX}life"])

    def _claim_number(self, endpoint: str, life: str, first: int, labels: Mapping[str, str]) -> int | None:
        """Make the next version; None when another writer did.

        A volume without labels is what an engine leaves that was killed while it made one: nobody ever has its number.
        """
        for number in range(first, first + SPARE):
            with told("write the record", endpoint):
                made = self._api.create_volume(_volume(endpoint, life, number), driver="local", labels=dict(labels))
            found = made.get("Labels") or {}
            if found:
                return number if found.get(f"{PREFIX}token") == labels[f"{PREFIX}token"] else None
        raise TargetUnavailable(f"the engine has lost what it knew of the volumes of {endpoint}", where=endpoint)

    def forget(self, endpoint: str) -> None:
        """Remove the Record: it is gone at once, with what tells its life; then the volumes."""
        stored = stored_of(self._volumes(endpoint), endpoint)
        self._remove(object_name(endpoint, "record"))
        for name in (*stored.stale, *(each.volume for each in stored.versions)):
            self._remove(name)

    def _remove(self, volume: str) -> None:
        with told("remove a version of the record", volume):
            try:
                self._api.remove_volume(volume)
            except Exception as error:
                if not is_missing(error):
                    raise

    def _overtaken(self, stored: Stored, endpoint: str) -> ClaimLost:
        record = read_version(stored.current) if stored.current is not None else None
        by = record.claim.holder.by if record is not None and record.claim is not None else None
        return ClaimLost(
            f"the record of {endpoint} was changed meanwhile" + (f" by {by}" if by else ""),
            hint=f"deployer status {endpoint}",
        )


def read_version(version: Version) -> Record | None:
    """Its Record; None when its text is damaged, so that it is rebuilt.

    Raises:
        TargetUnavailable: Another version of deployer wrote it.
    """
    try:
        return unpack(version.text)
    except Lost:
        return None
    except ValidationError:
        raise TargetUnavailable(
            f"the record in {version.volume} was written by another version of deployer, which this one cannot read",
            where=version.volume, hint="upgrade: pip install --upgrade mlflow-deployer",
        ) from None  # fmt: skip


def _volume(endpoint: str, life: str, number: int) -> str:
    return object_name(endpoint, f"record.{life}.{number}")
