"""What the engine's answers mean."""

from __future__ import annotations

import io
import tarfile

import pytest

from deployer_docker.archives import archive
from deployer_docker.executing import split_streams
from deployer_docker.logs import split_line
from deployer_docker.marks import Marks, Role
from deployer_docker.survey import Holdings, container_fact, when
from tests.unit.docker.values import REVISION, container, gateway


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-28T11:21:37Z", 1795864897.0),
        ("2026-11-28T11:21:37.908079951Z", 1795864897.908079),
        ("2026-11-28T12:21:37.5+01:00", 1795864897.5),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
        ("yesterday", None),
    ],
)
def test_time_stamps(text: str | None, moment: float | None) -> None:
    assert when(text) == (pytest.approx(moment, abs=1e-6) if moment is not None else None)


def test_a_container_as_the_engine_tells_it() -> None:
    labels = Marks("team", "iris", Role.REPLICA, REVISION).labels(number="2", address="10.213.3.11")
    found = container_fact(
        {
            "Id": "c" * 64, "Name": f"/iris--{REVISION}-2", "Created": "2026-11-28T11:21:37Z", "RestartCount": 3,
            "Image": "sha256:1", "Config": {"Labels": labels}, "HostConfig": {"RestartPolicy": {"Name": "no"}},
            "State": {"Status": "exited", "ExitCode": 137, "OOMKilled": True, "Pid": 0, "Error": ""},
        }
    )  # fmt: skip
    assert (found.name, found.revision, found.number, found.address) == (
        f"iris--{REVISION}-2",
        REVISION,
        2,
        "10.213.3.11",
    )
    assert (found.condemned, found.oom, found.exit_code, found.restarts, found.owner) == (True, True, 137, 3, "team")
    assert not found.running
    assert found.failing


@pytest.mark.parametrize(
    ("networks", "placed"),
    [
        ({}, False),
        ({"edge": {"IPAddress": "172.17.0.2", "IPAMConfig": None}}, False),
        ({"net": {"IPAddress": "", "IPAMConfig": {"IPv4Address": "10.213.3.11"}}}, True),
        ({"edge": {"IPAddress": "172.17.0.2"}, "net": {"IPAddress": "10.213.3.11", "IPAMConfig": None}}, True),
    ],
)
def test_a_container_whose_address_was_forgotten_is_told(networks: dict[str, object], placed: bool) -> None:
    labels = Marks("team", "iris", Role.REPLICA, REVISION).labels(number="2", address="10.213.3.11")
    found = container_fact(
        {
            "Id": "c" * 64, "Name": f"/iris--{REVISION}-2", "Config": {"Labels": labels}, "HostConfig": {},
            "State": {"Status": "created"}, "NetworkSettings": {"Networks": networks},
        }
    )  # fmt: skip
    assert found.placed is placed


def test_the_oldest_gateway_counts_and_marks_tell_the_owner() -> None:
    old, new = gateway(id="a" * 64, created=1.0, owner="team"), gateway(created=2.0)
    held = Holdings(gateways=(new, old))
    assert held.gateway is old
    assert Holdings().any is False
    volume = {"Name": "iris--record", "Labels": Marks("other", "iris", Role.BIRTH).labels()}
    assert Holdings(volumes=(volume,)).owner() == "other"


def test_a_line_of_a_log_has_the_engine_s_time() -> None:
    line = split_line('2026-11-28T11:21:37.5Z {"event": "ready"}\r', container(number=2))
    assert (line.text, line.revision, line.replica, line.at) == ('{"event": "ready"}', REVISION, "2", 1795864897.5)
    bare = split_line("no time here", container())
    assert (bare.text, bare.at) == ("no time here", None)


def test_private_files_are_the_server_s_alone() -> None:
    data = archive({"a": b"1"}, {"l": "a"}, private=True)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        file, link = tar.getmembers()
    assert (file.mode, file.uid, file.gid) == (0o400, 65532, 65532)
    assert (link.issym(), link.linkname) == (True, "a")


def test_streams_are_told_apart() -> None:
    def frame(stream: int, data: bytes) -> bytes:
        return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data

    whole = frame(1, b"one ") + frame(2, b"bad") + frame(1, b"two\n") + frame(1, b"")
    assert split_streams(whole) == (b"one two\n", b"bad")
    assert split_streams(b"") == (b"", b"")
    assert split_streams(whole[:-9]) == (b"one two", b"bad")  # the engine ended amid a frame
