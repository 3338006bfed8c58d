"""The connection, on the double."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from deployer.errors import Conflict, DeployerError, SpecError, TargetUnavailable
from deployer_azureml import client
from deployer_azureml.client import REQUEST, SENT, Azure, told
from deployer_azureml.errors import Refused
from tests.conformance.azureml_bench import options_of

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

Fail = Callable[..., None]
_HEARD: list[tuple[int, str, str]] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event in (REQUEST, SENT):
        _HEARD.append((threading.get_ident(), event, str(arguments[0])))


sys.addaudithook(_hear)


@pytest.fixture
def azure(on_double: Double) -> Azure:
    return Azure(options_of(on_double))


@pytest.fixture
def asked(on_double: Double) -> Callable[[], list[str]]:
    """The operations that were asked for since the last time."""

    def since() -> list[str]:
        found = [each.operation for each in on_double.world.journal.all()]
        on_double.world.journal.clear()
        return [each for each in found if each not in ("OpenId", "Token")]

    since()
    return since


def _endpoint(azure: Azure) -> dict[str, Any]:
    return {"location": "eastus2", "properties": {"authMode": "Key", "traffic": {}}, "tags": {}}


def test_documents_both_ways(azure: Azure) -> None:
    assert azure.get("onlineEndpoints/nothing") is None
    assert [*azure.all("onlineEndpoints/nothing/deployments")] == []
    azure.ask("PUT", "environments/e/versions/1", {"properties": {"image": "x"}})
    assert azure.get(f"{azure.workspace}/environments/e/versions/1")["properties"]["image"] == "x"
    assert azure.ask("DELETE", "environments/e/versions/1") is None
    assert abs(azure.now() - time.time()) < 5


def test_a_listing_is_read_to_its_end(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    following = f"{azure.cloud.manager}{azure.workspace}/things?$skip=1&api-version=2"
    pages = {"things?a=b": {"value": [1], "nextLink": following}, following: {"value": [2]}}
    monkeypatch.setattr(azure, "get", lambda path, **_: pages[path])
    assert [*azure.all("things", {"a": "b"})] == [1, 2]


def test_a_question_is_asked_again_for_a_moment(
    azure: Azure, faults: Fail, asked: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "AGAIN", (0.0, 0.0))
    for more in ({"error": "InternalServerError", "status": 500}, {"lost": True}):
        faults("GetWorkspace", times=2, **more)
        assert azure.get(azure.workspace) is not None
        assert asked() == ["GetWorkspace"] * 3
    faults("GetWorkspace", error="TooManyRequests", status=429, retry=60)
    with pytest.raises(Refused) as caught:  # a minute is for whoever waits
        azure.get(azure.workspace)
    assert caught.value.throttled
    assert asked() == ["GetWorkspace"]


def test_a_change_is_sent_once_and_announced(
    azure: Azure, faults: Fail, asked: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "AGAIN", (0.0, 0.0))
    me, before = threading.get_ident(), len(_HEARD)
    faults("PutEndpoint", error="InternalServerError", status=500)
    with pytest.raises(Refused):
        azure.ask("PUT", "onlineEndpoints/once", _endpoint(azure))
    assert asked() == ["PutEndpoint"]
    azure.ask("PUT", "onlineEndpoints/once", _endpoint(azure))
    heard = [each[1:] for each in _HEARD[before:] if each[0] == me]
    assert heard == [(REQUEST, "PUT onlineEndpoints/once"), (SENT, "PUT onlineEndpoints/once")] * 2
    assert azure.ask("POST", "onlineEndpoints/once/listKeys")["primaryKey"]
    assert len([each for each in _HEARD[before:] if each[0] == me]) == 4


def test_a_token_that_is_refused_is_fetched_anew_once(
    azure: Azure, faults: Fail, asked: Callable[[], list[str]]
) -> None:
    faults("PutAsset", error="ExpiredAuthenticationToken", status=401)
    azure.ask("PUT", "environments/t/versions/1", {"properties": {"image": "x"}})
    assert asked() == ["PutAsset", "PutAsset"]
    faults("GetAsset", error="InvalidAuthenticationToken", status=401, times=2)
    with told("look"), pytest.raises(TargetUnavailable, match="CREDENTIALS"), told("look"):
        azure.get("environments/t/versions/1")


def test_a_token_that_has_ended_by_azure_s_clock_is_fetched_anew(
    azure: Azure, on_double: Double, asked: Callable[[], list[str]]
) -> None:
    azure.get(azure.workspace)
    on_double.tell("POST", "clock", {"advance": 7200})
    assert azure.get(azure.workspace) is not None
    assert asked() == ["GetWorkspace", "GetWorkspace", "GetWorkspace"]


def test_credentials_that_entra_does_not_know(on_double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    azure = Azure(options_of(on_double))
    with pytest.raises(TargetUnavailable, match="no credentials of Azure") as caught, told("look"):
        azure.get(azure.workspace)
    assert not caught.value.transient
    assert "az login" in str(caught.value.hint)


def test_who_does_not_answer(on_double: Double) -> None:
    options = options_of(on_double)
    cloud = options.cloud.model_copy(update={"manager": "https://127.0.0.1:9", "audience": options.cloud.manager})
    azure = Azure(options.model_copy(update={"cloud": cloud}))
    with pytest.raises(TargetUnavailable, match="cannot look at it") as caught, told("look at it", "it"):
        azure.get(azure.workspace)
    assert caught.value.transient


def test_a_certificate_that_is_not_trusted(on_double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    options = options_of(on_double)
    azure = Azure(options.model_copy(update={"cloud": options.cloud.model_copy(update={"ca_bundle": None})}))
    vars(azure)["credentials"] = Azure(options).credentials
    with pytest.raises(TargetUnavailable, match="is not trusted here") as caught, told("look"):
        azure.get(azure.workspace)
    assert "REQUESTS_CA_BUNDLE" in str(caught.value.hint)


def test_no_token_goes_anywhere_else(azure: Azure, asked: Callable[[], list[str]]) -> None:
    with pytest.raises(TargetUnavailable, match="not where Azure's manager is"):
        azure.ask("GET", "https://evil.example/subscriptions")
    assert asked() == []


def test_what_is_no_document_is_told(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure, "send_to_manager", lambda *_, **__: client.Answer(200, b"<html>a proxy's page</html>"))
    with pytest.raises(TargetUnavailable, match="a proxy's page") as caught, told("look"):
        azure.get("onlineEndpoints/x")
    assert caught.value.transient


def test_an_answer_can_be_handed_on_as_it_comes(azure: Azure) -> None:
    pieces: list[bytes] = []

    def handed(coming: Iterator[bytes]) -> None:
        pieces.extend(coming)

    found = azure.send("GET", f"{azure.cloud.manager}/metadata/endpoints", passed=handed)
    assert (found.status, found.body) == (200, b"")
    assert b"AzureDouble" in b"".join(pieces)


def test_errors_are_ours_once() -> None:
    for error, kind in (
        (Conflict("x"), Conflict),
        (Refused(404), TargetUnavailable),
        (OSError("x"), TargetUnavailable),
    ):
        with pytest.raises(kind), told("do it"):
            raise error
    with pytest.raises(ZeroDivisionError), told("do it"):
        raise ZeroDivisionError
    assert issubclass(SpecError, DeployerError)


def test_nothing_of_azure_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, deployer_azureml.target\n"
        "from deployer.target import Site\n"
        "from deployer_azureml import kind\n"
        "kind.connect(kind.options(), Site('x'))\n"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & {'azure', 'msal', 'requests', 'mlflow'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
