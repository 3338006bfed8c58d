"""What carries our marks and nothing refers to any more: ended containers, couriers, secrets, and tags of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from deployer.endpoint import Record, Release
from deployer.errors import DeployerError
from deployer.target import Orphan
from deployer.target.images import PART
from deployer_docker.artifacts import let_go_of_image, remove_volume, tagged_at, tags_of
from deployer_docker.client import is_missing, told
from deployer_docker.facts import ContainerFact
from deployer_docker.marks import Role, object_name, read_marks
from deployer_docker.record import Records
from deployer_docker.removing import remove_container
from deployer_docker.survey import container_fact, when
from deployer_docker.weights import kept_weights, model_of

__all__ = ["find", "remove"]


@dataclass(frozen=True)
class _Found:
    kind: str
    endpoint: str
    thing: str
    what: str
    since: float
    size: int | None = None

    @property
    def identity(self) -> str:
        return f"{self.kind}|{self.endpoint}|{self.thing}"


def find(api: Any, records: Records, *, now: float, older_than: float) -> Iterator[Orphan]:
    """What may be removed, older than so many seconds."""
    for each in (*_candidates(api, records, now), *_nobodys(api, records, now)):
        if now - each.since >= older_than:
            yield Orphan(each.identity, each.what, each.size, each.since, each.endpoint or None)


def remove(api: Any, records: Records, orphan: Orphan, *, now: float, older_than: float) -> bool:
    """Look again, and remove it if it is what was found."""
    known = _nobodys(api, records, now) if orphan.endpoint is None else _candidates(api, records, now, orphan.endpoint)
    for each in known:
        if each.identity == orphan.identity and now - each.since >= older_than:
            return _remove(api, each)
    return False


def _remove(api: Any, found: _Found) -> bool:
    if found.kind == "container":
        remove_container(api, found.thing)
        return True
    if found.kind in ("volume", "weights"):
        remove_volume(api, found.thing.partition("@")[0])
        return True
    if found.kind == "part":
        return _remove_part(api, found.thing)
    revision = found.thing.partition("@")[0]
    return let_go_of_image(api, found.endpoint, revision)


def _candidates(api: Any, records: Records, now: float, endpoint: str | None = None) -> Iterator[_Found]:
    tags = tags_of(api, endpoint)
    with told("look for what is left", endpoint):
        listed = api.containers(all=True)
        volumes = api.volumes()["Volumes"] or []
    containers: dict[str, list[ContainerFact]] = {}
    for each in listed:
        marks = read_marks(each.get("Labels"))
        if marks is not None and endpoint in (None, marks.endpoint):
            fact = _inspected(api, each["Id"])
            if fact is not None:
                containers.setdefault(marks.endpoint, []).append(fact)
    owned = {marks.endpoint for each in volumes if (marks := read_marks(each.get("Labels"))) is not None}
    for name in sorted({*containers, *owned, *(key[0] for key in tags)}):
        if endpoint in (None, name):
            record, claimed = _record(records, name, now)
            if not claimed:
                yield from _of_endpoint(name, record, containers.get(name, []), volumes)
                yield from _images(api, name, record, containers.get(name, []), tags)


def _nobodys(api: Any, records: Records, now: float) -> Iterator[_Found]:
    """What belongs to no endpoint."""
    yield from _weights(api, records, now)
    yield from _parts(api)


def _parts(api: Any) -> Iterator[_Found]:
    """Lower layers that were loaded ahead, by somebody who was killed before the whole image was there."""
    with told("look for parts of images"):
        images = api.images(filters={"dangling": True, "label": [PART]})
    for image in images:
        what = f"part of an image that was not finished, {image['Id'].removeprefix('sha256:')[:12]}"
        yield _Found("part", "", image["Id"], what, float(image["Created"]), image.get("Size"))


def _remove_part(api: Any, image: str) -> bool:
    with told("remove a part of an image", image):
        try:
            api.remove_image(image)  # not by force: one that has got a name, or a container, is somebody's
        except Exception as error:
            if (
                is_missing(error)
                or getattr(getattr(error, "response", None), "status_code", None) == HTTPStatus.CONFLICT
            ):
                return False
            raise
    return True


def _weights(api: Any, records: Records, now: float) -> Iterator[_Found]:
    """Models in volumes that no revision has; what a claim is for stands in its Record before anything is delivered."""
    volumes = kept_weights(api)
    if not volumes:
        return
    with told("look at what may need weights"):
        owned = {marks.endpoint for each in api.volumes()["Volumes"] or [] if (marks := read_marks(each.get("Labels")))}
    needed = set()
    for name in owned:
        record, claimed = _record(records, name, now)
        if record is None and claimed:
            return  # it is not understood, and may need any of them
        needed |= {each.model.digest for each in record.releases.values() if _mounts(each)} if record else set()
    for volume in volumes:
        model = model_of(volume)
        with told("look at who mounts weights", volume["Name"]):
            mounted = api.containers(all=True, filters={"volume": [volume["Name"]]})
        if model is not None and model not in needed and not mounted:
            identity = f"{volume['Name']}@{volume.get('CreatedAt')}"
            yield _Found("weights", "", identity, f"weights {model[:12]}", when(volume.get("CreatedAt")) or 0.0)


def _mounts(release: Release) -> bool:
    image = release.fields.get("image")
    return isinstance(image, Mapping) and image.get("weights") == "mount"


def _inspected(api: Any, container: str) -> ContainerFact | None:
    with told("look at a container", container[:12]):
        try:
            return container_fact(api.inspect_container(container))
        except Exception as error:
            if is_missing(error):
                return None
            raise


def _record(records: Records, endpoint: str, now: float) -> tuple[Record | None, bool]:
    """Its Record, and whether all of it is to be let alone: claimed, or not understood."""
    try:
        found = records.read(endpoint)
    except DeployerError:
        return None, True
    record = found[0] if found is not None else None
    return record, record is not None and record.claim is not None and record.claim.expires > now


def _of_endpoint(
    name: str, record: Record | None, containers: list[ContainerFact], volumes: list[Any]
) -> Iterator[_Found]:
    known = set(record.releases) if record is not None else set()
    runs = _running(containers)
    for each in containers:
        if _is_over(each):
            what = f"container {each.name}, which has ended"
            yield _Found("container", name, each.id, what, each.finished or each.created)
    for volume in volumes:
        marks = read_marks(volume.get("Labels"))
        if marks is None or marks.endpoint != name:
            continue
        made = when(volume.get("CreatedAt")) or 0.0
        identity = f"{volume['Name']}@{volume.get('CreatedAt')}"
        if marks.role is Role.GIVEN and marks.revision not in known | runs:
            yield _Found("volume", name, identity, f"secrets of {marks.revision} of {name}", made)
        elif record is None and not containers and marks.role is not Role.BIRTH:
            yield _Found("volume", name, identity, f"volume {volume['Name']} of a removed endpoint", made)
        elif (
            marks.role is Role.BIRTH
            and record is None
            and not containers
            and volume["Name"] == object_name(name, "record")
        ):
            yield _Found("volume", name, identity, f"beginning of an endpoint {name} that was not made", made)


def _is_over(container: ContainerFact) -> bool:
    """Whether it has done what it was for."""
    courier = container.labels.get("role") == Role.COURIER.value
    return courier or (container.condemned and not container.running)


def _running(containers: list[ContainerFact]) -> set[str]:
    return {each.revision for each in containers if each.revision and not _is_over(each)}


def _images(
    api: Any, name: str, record: Record | None, containers: list[ContainerFact], tags: dict[tuple[str, str], Any]
) -> Iterator[_Found]:
    known = {*(record.releases if record is not None else ()), *_running(containers)}
    for (endpoint, revision), image in tags.items():
        if endpoint == name and revision not in known:
            since = tagged_at(api, name, revision)
            if since is not None:
                what = f"image of {revision} of {name}"
                yield _Found("image", name, f"{revision}@{image['Id']}", what, since, image.get("Size"))
