from __future__ import annotations

import pytest

from deployer.serving.hosts import host_name, origin_name, refusal

TRUSTED = ("localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:80", "localhost"),
        ("localhost.:8080", "localhost"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[::1]:8080", "::1"),
        ("[::1", ""),
        ("[::1]x", ""),
        ("localhost:x", ""),
        ("localhost:80:80", ""),
        ("localhost@evil.example", "localhost@evil.example"),
        ("", ""),
    ],
)
def test_host_name(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("http://localhost:3000", "localhost"),
        ("HTTPS://Evil.Example", "evil.example"),
        ("http://[::1]:8", "::1"),
        ("null", ""),
        ("file://localhost", ""),
        ("localhost", ""),
        ("", ""),
    ],
)
def test_origin_name(origin: str, name: str) -> None:
    assert origin_name(origin) == name


@pytest.mark.parametrize(
    ("hosts", "origins", "status"),
    [
        (["localhost:1"], [], None),
        (["localhost"], ["http://127.0.0.1"], None),
        ([], [], 400),
        (["evil.example"], [], 421),
        (["localhost", "evil.example"], [], 421),
        (["localhost"], ["http://evil.example"], 403),
        (["localhost"], ["http://localhost", "null"], 403),
        (["evil.example"], ["http://evil.example"], 421),
    ],
)
def test_refusal(hosts: list[str], origins: list[str], status: int | None) -> None:
    found = refusal(hosts, origins, TRUSTED)
    assert (found[0] if found else None) == status
