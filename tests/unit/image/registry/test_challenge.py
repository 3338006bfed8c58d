"""The header that a registry asks for a login with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.image.registry.challenge import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", ()),
        ("Basic", (Challenge("basic", {}),)),
        ('Basic realm="a, b"', (Challenge("basic", {"realm": "a, b"}),)),
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
            (
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull,push",
                    },
                ),
            ),
        ),
        (
            'Negotiate, Basic realm="x\\"y" , BEARER Realm=https://h/t, error="insufficient_scope"',
            (
                Challenge("negotiate", {}),
                Challenge("basic", {"realm": 'x"y'}),
                Challenge("bearer", {"realm": "https://h/t", "error": "insufficient_scope"}),
            ),
        ),
    ],
)
def test_challenges(header: str, found: tuple[Challenge, ...]) -> None:
    assert parse_challenges(header) == found


@given(st.text(alphabet='aB =,"\\-', max_size=40))
def test_any_header_is_read_to_an_end(header: str) -> None:
    assert isinstance(parse_challenges(header), tuple)
