"""The double's parts that need no server."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import SpecError, TargetUnavailable
from deployer.testing.cloud.clock import Clock
from deployer.testing.cloud.images import split
from deployer.testing.sagemaker import BEHAVIOURS, Double, Options, Registry, Spawned, cbor
from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.autoscaling import wished
from deployer.testing.sagemaker.behaviours import guesses
from deployer.testing.sagemaker.instance import platform
from deployer.testing.sagemaker.journal import Ledger
from deployer.testing.sagemaker.pushing import operation_of
from deployer.testing.sagemaker.tokens import Tokens
from deployer.testing.sagemaker.validation import _compiled, validate

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_cbor_is_read_as_it_was_written(value: Any) -> None:
    assert cbor.decode(cbor.encode(value)) == value


def test_cbor_of_other_writers() -> None:
    assert cbor.decode(bytes.fromhex("bf6346756ef563416d7421ff")) == {"Fun": True, "Amt": -2}  # RFC 8949, appendix A
    assert cbor.decode(bytes.fromhex("7f657374726561646d696e67ff")) == "streaming"
    assert cbor.decode(bytes.fromhex("c11a514b67b0")) == datetime(2013, 3, 21, 20, 4, tzinfo=UTC)
    with pytest.raises(ValueError, match="not CBOR"):
        cbor.decode(b"\x65ab"[:1])


def test_javas_patterns_are_read() -> None:
    for pattern, good, bad in (
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe 1:x", "a$"),
        (r"\p{ASCII}*", "plain", "ä"),
        (r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a--b", "-a"),
    ):
        compiled = _compiled(pattern)
        assert compiled is not None
        assert compiled.fullmatch(good)
        assert not compiled.fullmatch(bad)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "Value null at 'endpointName' failed to satisfy constraint: Member must not be null"),
        (
            {"EndpointName": "e", "EndpointConfigName": "c", "Tags": [{"Key": "", "Value": "v"}]},
            "greater than or equal",
        ),
        ({"EndpointName": "e", "EndpointConfigName": "c", "Other": 1}, "Value at 'Other' .* no such member"),
    ],
)
def test_requests_are_validated(asked: Any, why: str) -> None:
    with pytest.raises(Refusal, match=why):
        validate("CreateEndpoint", asked, unknown=True)


def test_a_value_of_another_type_cannot_be_read() -> None:
    with pytest.raises(Refusal, match="SerializationException"):
        validate("CreateEndpoint", {"EndpointName": 1, "EndpointConfigName": "c"}, unknown=True)


def test_every_behaviour_has_a_source_and_only_guesses_a_switch() -> None:
    assert {each.source for each in BEHAVIOURS} == {"documented", "recorded", "guessed"}
    assert len({each.name for each in BEHAVIOURS}) == len(BEHAVIOURS)
    assert all(each.where for each in BEHAVIOURS)
    with pytest.raises(ValueError, match="no guessed behaviour: silent-rollback"):
        guesses({"silent-rollback": False})


def test_every_guess_is_asked_for_somewhere() -> None:
    source = "".join(each.read_text() for each in Path(cbor.__file__).parent.glob("*.py"))
    asked = set(re.findall(r'guesses\["([a-z-]+)"\]', source))
    assert asked == set(guesses({}).all())


def test_the_clock_is_scaled_and_moved() -> None:
    clock = Clock(scale=1000.0)
    signal = clock.signal()
    began = clock.monotonic()
    clock.advance(50)
    assert clock.monotonic() - began >= 50
    assert not clock.wait(0)
    signal.set()
    assert clock.wait(10_000, signal)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="above 0"):
        Clock(0)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("localhost:5000/a/b:1", ("localhost:5000", "a/b", "1")),
        ("localhost:5000/a/b@sha256:ab", ("localhost:5000", "a/b", "sha256:ab")),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x",
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "x", "latest"),
        ),
        ("library/x:2", ("", "library/x", "2")),
    ],
)
def test_an_images_name_is_split(image: str, parts: tuple[str, str, str]) -> None:
    assert split(image) == parts


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("ml.m7g.large", "arm64"), ("ml.c6gn.xlarge", "arm64"), ("ml.g5.xlarge", "amd64"), ("", "amd64")],
)
def test_the_platform_follows_the_instance_type(kind: str, wanted: str) -> None:
    assert platform(kind) == f"linux/{wanted}"


@pytest.mark.parametrize(
    ("count", "value", "scale_in", "wanted"),
    [(2, 20.0, True, 4), (4, 1.0, True, 1), (4, 1.0, False, 4), (2, 900.0, True, 8)],
)
def test_target_tracking(count: int, value: float, scale_in: bool, wanted: int) -> None:
    assert wished(count, value, 10.0, 1, 8, scale_in=scale_in) == wanted


def test_the_ledger_knows_the_peak() -> None:
    ledger = Ledger()
    ledger.add("a", "ml.m5.large", 2)
    ledger.add("b", "ml.m5.large", 3)
    ledger.add("a", "ml.m5.large", -2)
    assert (ledger.count("ml.m5.large"), ledger.peak(), ledger.peak("a"), ledger.peak(instance_type="ml.m5.large")) == (
        3,
        5,
        2,
        5,
    )
    ledger.restart()
    assert (ledger.peak(), ledger.peak("a")) == (3, 0)


def test_a_process_has_one_double_at_a_time() -> None:
    with Double(Options()) as first, pytest.raises(SpecError, match="already"), Double(Options()):
        pass
    with Double(Options()) as second:
        assert second.url != ""
    assert first.url.startswith("http://127.0.0.1:")


def test_a_registrys_address() -> None:
    assert Registry(address="localhost:5000").url == "http://localhost:5000"
    assert Registry(address="localhost:5001", ca="ca.pem").url == "https://localhost:5001"


def test_it_runs_as_a_process_of_its_own() -> None:
    with Spawned(["--in-process", "echo", "--quota", "ml.m5.large=0", "--guess", "delete-deregisters=yes"]) as double:
        assert double.environment["AWS_ENDPOINT_URL"] == double.url
        told = {each["name"]: each["holds"] for each in double.tell("GET", "behaviours")}
        assert told["delete-deregisters"]
        with pytest.raises(SpecError, match="no such route"):
            double.tell("GET", "nothing")
    assert double.url != ""


@pytest.mark.parametrize("wrong", [["--guess", "nothing=yes"], ["--host", "192.0.2.1"]])
def test_a_process_that_cannot_start_says_why(wrong: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TargetUnavailable, match="does not start"), Spawned([*wrong, "--in-process", "echo"]):
        pass
    said = capfd.readouterr().err
    assert said
    assert "Traceback" not in said


def test_every_guess_is_turned_in_a_test() -> None:
    tests = Path("tests")
    folders = (tests / "unit/testing/sagemaker", tests / "integration/sagemaker")
    text = "".join(each.read_text() for folder in folders for each in folder.glob("test_*.py"))
    assert [name for name in guesses({}).all() if name not in text] == []


def test_a_token_is_good_for_twelve_hours() -> None:
    tokens = Tokens()
    password, until = tokens.make("123456789012", "eu-west-1", "arn:aws:iam::123456789012:user/ci", 0.0)

    def header(user: str, word: str) -> str:
        return "Basic " + base64.b64encode(f"{user}:{word}".encode()).decode()

    assert tokens.find(header("AWS", password), until - 1) == (
        "123456789012",
        "eu-west-1",
        "arn:aws:iam::123456789012:user/ci",
    )
    for wrong, now in ((header("AWS", password), until), (header("me", password), 0.0), (header("AWS", "x"), 0.0)):
        assert tokens.find(wrong, now) is None
    assert tokens.find("Basic ###", 0.0) is None


def test_the_steps_of_a_push_have_ecrs_names() -> None:
    assert operation_of("PUT", "manifests") == "PutImage"
    assert operation_of("HEAD", "blobs") == "BatchCheckLayerAvailability"
    assert operation_of("DELETE", "blobs") == ""
