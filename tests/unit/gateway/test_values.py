"""Nothing but validated values reaches the configuration, the map or the admin socket."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deployer.errors import SpecError
from deployer.gateway import GatewaySettings, Member, Mirror, Pool, Routing, files

OLD, NEW = "r1111111", "r2222222"
HOSTILE = st.text(
    alphabet=st.sampled_from(list(";{}()[]<>\"'$`\\#%&|*?!~^=+@:,./ \t\r\n\0\x1b\u2028\u00e9") + list("ar09"))
)
ANYTHING = HOSTILE | st.text() | st.none() | st.booleans() | st.floats() | st.binary() | st.lists(st.text(max_size=3))

SAFE = {
    "config": re.compile(r"[\x20-\x7e\n]*"),
    "map": re.compile(r"([a-z0-9.]+ [a-z0-9:|,/._~A-Z-]+\n)*"),
}


def _accepted(make: Any, value: Any) -> bool:
    try:
        make(value)
    except SpecError:
        return False
    return True


@given(ANYTHING)
@example("r1111111\n")
@example("r1111111;")
@example("r111111\uff11")
def test_a_revision_is_seven_digits(value: Any) -> None:
    fine = isinstance(value, str) and re.fullmatch("r[0-9a-f]{7}", value) is not None
    assert _accepted(Pool, value) is fine
    assert _accepted(lambda each: Mirror(each, 5), value) is fine


@given(ANYTHING)
@example("fe80::1%eth0")
@example("127.0.0.1\n")
@example("127.1")
@example("::ffff:1.2.3.4%;")
@example(" 127.0.0.1")
@example("10.0.0.1;show stat")
def test_an_address_is_an_address(value: Any) -> None:
    try:
        member = Member(value, 80)
    except SpecError:
        return
    assert re.fullmatch(r"[0-9a-f:.]+", member.address)


@given(ANYTHING | st.integers())
@example(True)
@example(80.0)
@example("80")
def test_a_port_is_a_number(value: Any) -> None:
    fine = type(value) is int and 1 <= value <= 65535
    assert _accepted(lambda each: Member("10.0.0.1", each), value) is fine
    assert _accepted(lambda each: GatewaySettings(port=each), value) is fine


@given(HOSTILE)
@example("/ready\nuse_backend")
@example("//x/%[env(HOME)]")
@example('/a"b')
@example("/a{b}")
@example("/a$b")
def test_a_health_path_is_a_path(value: str) -> None:
    fine = re.fullmatch(r"(/[A-Za-z0-9._~-]*)+", value) is not None
    assert _accepted(lambda each: Pool(OLD, ready=each), value) is fine


FIELDS = [field.name for field in dataclasses.fields(GatewaySettings)]
LONGER = {"leave", "max_body", "members", "probe", "revisions", "services"}
"""Settings that add lines or take some away."""


@pytest.mark.parametrize("name", FIELDS)
@given(value=ANYTHING | st.integers() | st.integers(0, 100))
@example(value="/etc/haproxy;")
@example(value="/etc/../root")
@example(value="etc")
@example(value="/etc haproxy")
@example(value="/a/$HOME")
@example(value="/a\nuser root")
@example(value="a b")
@example(value='%[env("HOME")]')
@example(value=float("nan"))
@example(value=True)
@example(value=1)
def test_whatever_is_given_as_a_setting_the_files_keep_their_form(name: str, value: Any) -> None:
    """What is accepted adds no line, and no character that HAProxy would read as anything but a value."""
    plain = GatewaySettings(port=8080)
    try:
        settings = dataclasses.replace(plain, **{name: value})
    except SpecError:
        return
    routing = Routing((Pool(OLD, (Member("10.0.0.1", 80),)),), {OLD: 100})
    made = {path: text.decode() for path, text in files(settings, routing).items()}
    assert SAFE["config"].fullmatch(made[settings.config_path])
    assert SAFE["map"].fullmatch(made[settings.map_path])
    if name not in LONGER:
        wanted = files(plain, routing)[plain.config_path].decode()
        for sign in "\n;{}\"'$\\#`":
            assert made[settings.config_path].count(sign) == wanted.count(sign)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Routing((Pool(OLD),), {OLD: 99}), "add up to 99"),
        (lambda: Routing((Pool(OLD),), {NEW: 100}), "has no pool"),
        (lambda: Routing((Pool(OLD),), {OLD: 100, NEW: 0}), "from 1 to 100"),
        (lambda: Routing((Pool(OLD),), {OLD: True}), "from 1 to 100"),
        (lambda: Routing((Pool(OLD), Pool(OLD))), "two pools"),
        (lambda: Routing((Pool(OLD),), mirror=Mirror(NEW, 5)), "has no pool"),
        (lambda: Mirror(OLD, 0), "from 1 to 100"),
        (lambda: Pool(OLD, (Member("::1", 80), Member("0:0:0:0:0:0:0:1", 80))), "twice"),
        (
            lambda: Routing((Pool(OLD, (Member("10.0.0.1", 80),)), Pool(NEW, (Member("10.0.0.1", 80),)))),
            "two revisions have the same member",
        ),
        (lambda: GatewaySettings(port=80, admin="/" + "a" * 100), "at most 90"),
        (lambda: GatewaySettings(port=80, admin="0.0.0.0:80"), "an absolute path"),
        (lambda: GatewaySettings(port=80, admin="127.0.0.1:99999"), "from 1 to 65535"),
        (lambda: GatewaySettings(port=80, probe=0), "from 1 to 65535"),
        (lambda: GatewaySettings(port=80, services=1), "true or false"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


def test_order_means_nothing() -> None:
    one, two = Member("10.0.0.1", 80), Member("10.0.0.2", 80)
    assert Routing((Pool(OLD, (one,)), Pool(NEW, ())), {OLD: 60, NEW: 40}) == Routing(
        (Pool(NEW), Pool(OLD, (one,))),
        {NEW: 40, OLD: 60},
    )
    assert Pool(OLD, (one, two)) == Pool(OLD, (two, one))
    assert str(Member("0:0::1", 80)) == "[::1]:80"
