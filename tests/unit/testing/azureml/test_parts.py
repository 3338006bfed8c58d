"""The parts that are pure, the proxy, and the double as a process."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from deployer.testing import azureml
from deployer.testing.azureml import Double, DoubleCredential, Options, Spawned
from deployer.testing.azureml.periods import seconds
from deployer.testing.azureml.sizes import SIZES, reserved
from deployer.testing.azureml.tokens import Tokens, claims_of
from deployer.testing.azureml.wire import Call
from tests.unit.testing.azureml.conftest import Place


@pytest.mark.parametrize(
    ("text", "long"), [("PT5S", 5), ("PT0.5S", 0.5), ("PT1M30S", 90), ("PT3H", 10800), ("P1DT1S", 86401)]
)
def test_periods(text: str, long: float) -> None:
    assert seconds(text) == long


@pytest.mark.parametrize("text", ["", "P", "PT", "5", "5000", "PT5X", "PT-5S"])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        seconds(text)


def test_a_fifth_more_is_rounded_up() -> None:
    size = SIZES["standard_ds3_v2"]
    assert [reserved(size, count) for count in (1, 2, 5, 6)] == [8, 12, 24, 32]


def test_tokens() -> None:
    tokens = Tokens()
    made = tokens.mint("https://a", 10.9, oid="me")
    assert tokens.read(made) == claims_of(made)
    assert (tokens.read(made) or {})["exp"] == 10
    assert tokens.read(made + "x") is None
    assert Tokens().read(made) is None
    assert claims_of("a.b.c") is None
    assert claims_of("none") is None


@pytest.mark.parametrize(
    ("host", "path", "service", "seen"),
    [
        ("management.azure.com", "/subscriptions/s", "arm", "/subscriptions/s"),
        ("login.microsoftonline.com", "/t/oauth2/v2.0/token", "identity", "/t/oauth2/v2.0/token"),
        ("acct.blob.core.windows.net", "/c/b", "blob", "/c/b"),
        ("reg.azurecr.io", "/v2/", "registry", "/v2/"),
        ("fraud.eastus2.inference.ml.azure.com", "/invocations", "scoring", "/scoring/fraud/invocations"),
        ("eastus2.api.azureml.ms", "/mlflow/v1.0", "arm", "/mlflow/v1.0"),
        ("127.0.0.1:1", "/acct/c/b", "blob", "/c/b"),
        ("127.0.0.1:1", "/oauth2/exchange", "registry", "/oauth2/exchange"),
        ("127.0.0.1:1", "/t/oauth2/v2.0/token", "identity", "/t/oauth2/v2.0/token"),
        ("127.0.0.1:1", "/scoring/fraud/score", "scoring", "/scoring/fraud/score"),
        ("127.0.0.1:1", "/subscriptions/s", "arm", "/subscriptions/s"),
        ("127.0.0.1:1", "/_double/calls", "admin", "/_double/calls"),
    ],
)
def test_whom_a_call_is_for(host: str, path: str, service: str, seen: str) -> None:
    assert Call("GET", host, path, {}).service("acct") == (service, seen)


def test_names_of_azure_come_by_the_proxy(new_place: Callable[..., Place]) -> None:
    place = new_place(proxy=True)
    proxy = urlsplit(place.double.proxied["HTTPS_PROXY"])
    context = ssl.create_default_context(cafile=place.double.ca)

    def connect(host: str) -> bytes:
        with socket.create_connection((str(proxy.hostname), int(proxy.port or 0)), timeout=10) as plain:
            plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
            said = plain.recv(1000)
            if not said.startswith(b"HTTP/1.1 200"):
                return said
            with context.wrap_socket(plain, server_hostname=host) as secure:
                secure.sendall(
                    f"GET /metadata/endpoints HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
                )
                return b"".join(iter(lambda: secure.recv(65536), b""))

    assert b'"resourceManager": "https://management.azure.com/"' in connect("management.azure.com")
    assert connect("example.org").startswith(b"HTTP/1.1 403")
    assert place.double.hosts == ["management.azure.com:443", "example.org:443"]


def test_links_are_real_for_whoever_comes_by_real_names(new_place: Callable[..., Place]) -> None:
    place = new_place()
    place.serving()
    token = {"Authorization": f"Bearer {place.token()}"}
    where = f"{place.double.workspace}/onlineEndpoints/fraud?api-version=2024-10-01"
    said = place.send("GET", where, headers=token, host="management.azure.com").json["properties"]
    assert said["scoringUri"] == "https://fraud.eastus2.inference.ml.azure.com/invocations"
    made = place.send("DELETE", where, headers=token, host="management.azure.com")
    assert made.headers["Azure-AsyncOperation"].startswith("https://management.azure.com/subscriptions/")
    place.settled()


def test_outside_of_a_with_block() -> None:
    double = Double()
    for name in ("world", "ca", "proxied"):
        with pytest.raises(RuntimeError):
            getattr(double, name)
    with pytest.raises(ValueError, match="no guessed behaviour"), Double(Options(guesses={"x": True})):
        pass
    with pytest.raises(AttributeError):
        _ = azureml.nothing
    assert all(getattr(azureml, name) is not None for name in azureml.__all__)


def test_a_process_of_its_own() -> None:
    with Spawned(["--scale", "0.01", "--proxy", "--quota", "standardDSv2Family=6", "--workspace", "mine"]) as double:
        assert double.workspace.endswith("/workspaces/mine")
        assert double.proxied["HTTPS_PROXY"].startswith("http://127.0.0.1:")
        assert DoubleCredential(double.environment).get_token("https://ml.azure.com/.default").token
        double.fault("GetEndpoint", error="TooManyRequests", status=429)
        assert double.tell("GET", "faults")[0]["status"] == 429
        process = double.process
    assert process.returncode == 0
