"""The Record on a real engine: of writers in processes of their own, one wins each version."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from deployer.endpoint import Record
from deployer.errors import ClaimLost
from deployer.target import Site
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.marks import PREFIX, Marks, Role
from deployer_docker.record import Records
from deployer_docker.target import DockerTarget
from tests.plugins.docker import Scope

WRITERS, SECONDS = 4, 3.0


def _api(host: str) -> Any:
    return connect(engine_address(DockerOptions(host=host)))


def _record(name: str, generation: int) -> Record:
    return Record(endpoint=name, owner="default", generation=generation, created=1.0, spec={})


WRITER = """
import json, sys, time
from deployer.endpoint import Record
from deployer.errors import ClaimLost
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.record import Records

host, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
records, won, end = Records(connect(engine_address(DockerOptions(host=host)))), [], time.monotonic() + seconds
while time.monotonic() < end:
    found = records.read(name)
    generation = found[0].generation + 1 if found else 1
    record = Record(endpoint=name, owner="default", generation=generation, created=1.0, spec={})
    try:
        records.write(record, found[1] if found else None)
    except ClaimLost:
        continue
    won.append(generation)
print(json.dumps(won))
"""


def test_each_version_is_won_once(docker_host: str, docker_scope: Scope) -> None:
    name = docker_scope.name
    command = [sys.executable, "-c", WRITER, docker_host, name, str(SECONDS)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(WRITERS)]
    won = sorted(generation for each in writers for generation in json.loads(each.communicate(timeout=60)[0]))
    api = _api(docker_host)
    stored = Records(api).read(name)
    assert won == list(range(1, len(won) + 1))
    assert stored is not None
    assert stored[0].generation == len(won)
    left = [each["Name"] for each in api.volumes(filters={"name": [name]})["Volumes"]]
    assert len(left) == 2
    Records(api).forget(name)
    assert Records(api).read(name) is None
    assert not api.volumes(filters={"name": [name]})["Volumes"]


def test_a_straggler_of_a_number_that_was_used_loses_and_leaves_nothing(docker_host: str, docker_scope: Scope) -> None:
    api, name = _api(docker_host), docker_scope.name
    records = Records(api)
    versions = [records.write(_record(name, 1), None)]
    stale = records.look(name)
    for generation in (2, 3, 4):
        versions.append(records.write(_record(name, generation), versions[-1]))
    straggler = Records(api)
    looks = [stale]
    real = straggler.look
    straggler.look = lambda endpoint: looks.pop() if looks else real(endpoint)  # type: ignore[method-assign]
    with pytest.raises(ClaimLost):
        straggler.write(_record(name, 2), versions[0])
    found = records.read(name)
    assert found is not None
    assert (found[0].generation, found[1]) == (4, versions[-1])
    assert len(api.volumes(filters={"name": [name]})["Volumes"]) == 2
    records.forget(name)


def test_a_straggler_of_a_life_that_is_over_makes_no_record(docker_host: str, docker_scope: Scope) -> None:
    api, name = _api(docker_host), docker_scope.name
    records = Records(api)
    version = records.write(_record(name, 1), None)
    stale = records.look(name)
    records.forget(name)
    again = records.write(_record(name, 1), None)
    straggler = Records(api)
    looks = [stale]
    real = straggler.look
    straggler.look = lambda endpoint: looks.pop() if looks else real(endpoint)  # type: ignore[method-assign]
    with pytest.raises(ClaimLost):
        straggler.write(_record(name, 2), version)
    found = records.read(name)
    assert found is not None
    assert found[1] == again
    records.forget(name)


def test_a_volume_without_labels_is_passed_over(docker_host: str, docker_scope: Scope) -> None:
    api, name = _api(docker_host), docker_scope.name
    records = Records(api)
    version = records.write(_record(name, 1), None)
    life = version.split(".")[0]
    api.create_volume(f"{name}--record.{life}.2")
    second = records.write(_record(name, 2), version)
    assert second.split(".")[1] == "3"
    assert records.read(name) is not None
    seen = DockerTarget(DockerOptions(host=docker_host), Site("docker", "default")).observe(name)
    assert seen is not None
    assert seen.managed  # what has no labels is nobody else's
    records.forget(name)


def test_the_first_writer_may_be_killed_after_the_life_was_named(docker_host: str, docker_scope: Scope) -> None:
    api, name = _api(docker_host), docker_scope.name
    labels = Marks("default", name, Role.BIRTH).labels(life="a" * 12)
    api.create_volume(f"{name}--record", labels=labels)
    records = Records(api)
    assert records.read(name) is None
    assert records.write(_record(name, 1), None).startswith(f"{'a' * 12}.1.")
    assert api.inspect_volume(f"{name}--record")["Labels"][f"{PREFIX}life"] == "a" * 12
    records.forget(name)
