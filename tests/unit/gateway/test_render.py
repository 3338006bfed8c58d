"""The files, as HAProxy gets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import SpecError
from deployer.gateway import GatewaySettings, Member, Mirror, Pool, Routing, check_command, files, render, run_command

HERE = Path(__file__).parent
SETTINGS = GatewaySettings(port=8443, certificate="/etc/tls/tls.pem", max_body=1_000_000, revisions=3, members=3)
ROUTING = Routing(
    (
        Pool("r1111111", (Member("10.0.0.1", 8080), Member("10.0.0.2", 8080))),
        Pool("r2222222", (Member("fd00::7", 8080),), ready="/v2/health/ready"),
    ),
    {"r1111111": 90, "r2222222": 10},
    Mirror("r2222222", 25),
)


def test_the_configuration_is_as_it_was() -> None:
    """When a change is meant, let the file follow: ``python -m tests.unit.gateway.test_render``."""
    assert render(SETTINGS, ROUTING) == (HERE / "expected.cfg").read_text(encoding="utf-8")


def test_the_files_are_complete() -> None:
    made = files(SETTINGS, ROUTING)
    assert sorted(made) == [f"/etc/haproxy/{name}" for name in ("haproxy.cfg", "mirror.lua", "routes.map")]
    assert b"{{" not in b"".join(made.values())
    lines = made["/etc/haproxy/routes.map"].decode().splitlines()
    assert lines[0] == "0 s0:r1111111|s1:r2222222"
    assert lines[99] == "99 s1:r2222222|s0:r1111111"
    assert lines[100:] == [
        "r1111111 s0:r1111111",
        "s0 r1111111:/ready",
        "r2222222 s1:r2222222",
        "s1 r2222222:/v2/health/ready",
        "mirror s1:r2222222:25",
    ]


def test_the_commands_name_the_file() -> None:
    assert run_command(SETTINGS)[-1] == check_command(SETTINGS)[-1] == "/etc/haproxy/haproxy.cfg"


def test_before_services_each_request_has_a_connection_of_its_own() -> None:
    made = render(GatewaySettings(port=80, services=True), ROUTING)
    assert "option http-server-close" in made
    assert "http-reuse" not in made
    assert "    retries 6\n" in made
    assert "rise 1 fall 10 " in made


def test_who_is_told_to_end_asks_its_clients_to_come_anew() -> None:
    made = render(GatewaySettings(port=80, address="::", leave=7, probe=81), ROUTING)
    assert "    grace 7s\n" in made
    assert "    http-after-response set-header Connection close if { stopping }\n" in made
    assert "frontend probe\n    bind [::]:81 v4v6\n    http-request return status 200 unless { stopping }\n" in made


def test_run_time_commands_can_come_by_the_loopback() -> None:
    made = render(GatewaySettings(port=80, admin="127.0.0.1:8404"), ROUTING)
    assert "    stats socket ipv4@127.0.0.1:8404 level admin\n" in made


@pytest.mark.parametrize(
    ("routing", "message"),
    [
        (Routing(tuple(Pool(f"r{n:07x}") for n in range(4))), "room for 3 revisions, not for 4"),
        (Routing((Pool("r1111111", tuple(Member("10.0.0.1", 80 + n) for n in range(4))),)), "room for 3 replicas"),
    ],
)
def test_what_has_no_slot_is_refused(routing: Routing, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        render(SETTINGS, routing)


if __name__ == "__main__":
    (HERE / "expected.cfg").write_text(render(SETTINGS, ROUTING), encoding="utf-8")
