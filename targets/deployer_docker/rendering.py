"""What the verbs would send to an engine, as documents. Pure: where the engine decides, the first choice is shown."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import Release, Traffic
from deployer.gateway import Routing, files, with_traffic
from deployer.spec import DeploymentSpec
from deployer.target.container import asked_of
from deployer.target.reading import secret_numbers
from deployer.value import JSON
from deployer_docker.addresses import FIRST_PORT, edge_subnets, free_address, inner_subnets
from deployer_docker.config import DockerOptions
from deployer_docker.marks import Marks, Role, image_tag, object_name
from deployer_docker.requests import (
    GatewayPlace,
    NetworkWish,
    Place,
    config_of,
    count_of,
    gateway_body,
    gateway_image,
    given_volume,
    network_body,
    published_host,
    replica_body,
    settings_for,
)
from deployer_docker.wish import STATE, with_pool, write_wish

__all__ = ["documents"]


def documents(spec: DeploymentSpec, release: Release, options: DockerOptions, owner: str) -> Iterator[dict[str, JSON]]:
    """One document for each request of `configure`, `stage` and `route`, and one for the gateway's files."""
    name, port = spec.name, config_of(spec).port or FIRST_PORT
    inner, edge = object_name(name, "net"), object_name(name, "edge")
    subnet = next(inner_subnets(options.subnets, name, ()))
    wishes = (
        NetworkWish(inner, Role.NETWORK, subnet),
        NetworkWish(edge, Role.EDGE, next(edge_subnets(options.subnets, name, ()))),
    )
    for wish in wishes:
        yield _request("/networks/create", network_body(wish, Marks(owner, name, wish.role).labels()))
    yield _volume(object_name(name, "gateway"), Marks(owner, name, Role.GATEWAY))
    if spec.auth.api_keys:
        yield _volume(object_name(name, "keys"), Marks(owner, name, Role.KEYS))
    place = GatewayPlace(edge, published_host(spec), port)
    mark = "mark-of-the-certificate" if spec.network.tls is not None else None
    gateway = gateway_body(spec, owner, place, gateway_image(spec, options), mark)
    yield _request(f"/containers/create?name={object_name(name, 'gateway')}", gateway)
    yield _request("/images/tag", {"image": release.image.reference if release.image else None,
                                   "tag": ":".join(image_tag(name, release.revision))})  # fmt: skip
    if secret_numbers(release):
        yield _volume(given_volume(name, release.revision), Marks(owner, name, Role.GIVEN, release.revision))
    addresses: list[str] = []
    for number in range(1, count_of(spec) + 1):
        addresses.append(free_address(subnet, addresses))
        way_out = edge if spec.network.egress == "internet" else None
        replica = Place(object_name(name, f"{release.revision}-{number}"), number, inner, addresses[-1], way_out)
        yield _request(f"/containers/create?name={replica.name}", replica_body(spec, release, owner, replica))
    asked = asked_of(spec, config_of(spec))
    wished = with_traffic(with_pool(Routing(), release.revision, addresses, asked), Traffic.all_to(release.revision))
    settings = settings_for(config_of(spec).timeout, gateway["Labels"]["io.deployer.tls"] or None)
    texts = {path: data.decode() for path, data in files(settings, wished).items()}
    yield {"files": {**texts, f"{settings.folder}/{STATE}": write_wish(wished).decode()}}


def _request(path: str, body: JSON) -> dict[str, JSON]:
    return {"request": f"POST {path}", "body": body}


def _volume(name: str, marks: Marks) -> dict[str, JSON]:
    return _request("/volumes/create", {"Name": name, "Driver": "local", "Labels": marks.labels()})
