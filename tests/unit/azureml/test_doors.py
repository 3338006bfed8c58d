"""Requests, on the double: by a key or token that is kept, handed on as they come, once more where that has ended."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deployer.errors import NotFound, PredictionError, TargetUnavailable
from deployer.target import Request, Site
from deployer_azureml.doors import Doors, Key
from deployer_azureml.target import AzureMLTarget
from tests.unit.azureml.living import ASKED, OTHER, REVISION, Living, until

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.cloud.containers import Wish
    from deployer.testing.cloud.in_process import InProcess

Fail = Callable[..., None]
NO_CODE = {"no_code": True, "instance_type": "Standard_DS2_v2"}


def _server(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    """Answers in pieces where it is asked to stream; as Azure's own server where it has none of our variables."""
    write("serving")
    revision = wish.environment.get("DEPLOYER_SERVING_REVISION")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ.get("HTTP_X_STREAM"):
            start("200 OK", [("Content-Type", "text/event-stream"), ("Deployer-Revision", str(revision))])
            return _events()
        answer = json.dumps([1.0]).encode() if b"input_data" in body else b'{"predictions": [2.0]}'
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
        headers += [("Deployer-Revision", revision)] if revision else []
        start("200 OK", headers)
        return [answer]

    return application


HEARD = threading.Event()
"""Set by who has heard the first event."""


def _events() -> Iterable[bytes]:
    yield b"data: 0\n\n"
    yield b"data: %d\n\n" % HEARD.wait(20)


def CONTAINERS() -> InProcess:  # noqa: N802 - the conftest's name of it
    from deployer.testing.azureml import InProcess

    return InProcess({"": _server})


OPTIONS = {"built": "built-by-azure:1"}


def _asked(living: Living) -> list[str]:
    journal = living.double.world.journal
    found = [each.operation for each in journal.all()]
    journal.clear()
    return found


def test_a_prediction_takes_one_request_once_the_key_is_known(living: Living) -> None:
    living.begin().serve()
    living.answer()
    _asked(living)
    living.answer()
    assert _asked(living) == ["Score"]


def test_a_look_is_good_for_a_moment_and_a_key_for_as_long_as_it_is_taken(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer_azureml.doors._KNOWN", 0.0)
    living.begin().serve()
    living.answer()
    _asked(living)
    living.answer()
    assert sorted(_asked(living)) == ["GetBlob", "GetEndpoint", "ListDeployments", "Score"]


def test_a_key_that_was_changed_is_fetched_once(living: Living) -> None:
    living.begin().serve()
    living.answer()
    living.workspace.endpoints[living.name].keys = {"primaryKey": "another", "secondaryKey": "x"}
    _asked(living)
    assert living.answer() == REVISION
    assert _asked(living) == ["Score", "ListKeys", "Score"]


def test_a_key_that_is_never_taken_is_told_and_not_tried_again_and_again(living: Living, faults: Fail) -> None:
    living.begin().serve()
    living.answer()
    _asked(living)
    faults("Score", error="key_auth_access_denied", status=401, times=9)
    with pytest.raises(TargetUnavailable, match="lets nobody in") as caught:
        living.answer()
    assert not caught.value.transient
    assert _asked(living).count("Score") == 2


def test_an_endpoint_that_was_made_anew_has_other_keys(living: Living) -> None:
    living.begin().serve()
    other = AzureMLTarget(living.target.options, Site("azure", "team"))
    assert other.invoke(living.name, ASKED).status == 200
    living.destroy()
    living.writer.version = living.writer.record = None
    living.begin().serve()
    vars(other)["_doors"]._known.clear()
    _asked(living)
    assert other.invoke(living.name, ASKED).revision == REVISION
    assert "ListKeys" in _asked(living)


@pytest.mark.parametrize(("mode", "operation"), [("aml_token", "GetToken"), ("aad_token", "Token")])
def test_tokens_are_kept_too(living: Living, mode: str, operation: str) -> None:
    config = {"auth_mode": mode}
    living.begin(config=config).serve(config=config)
    _asked(living)
    assert living.answer() == REVISION
    assert operation in _asked(living)
    assert living.answer() == REVISION
    assert _asked(living) == ["Score"]


def test_a_token_of_the_workspace_is_fetched_anew_when_azure_says_so(living: Living) -> None:
    living.begin(config={"auth_mode": "aml_token"}).serve(config={"auth_mode": "aml_token"})
    living.answer()
    keys: dict[str, Key] = vars(vars(living.target)["_doors"])["_keys"]
    known = keys[living.name]
    assert known.until is not None
    assert known.until - time.monotonic() > 3600
    keys[living.name] = Key(known.endpoint, known.mode, known.value, time.monotonic())
    _asked(living)
    assert living.answer() == REVISION
    assert _asked(living) == ["GetToken", "Score"]
    assert known.value not in repr(known)


def test_an_answer_is_handed_on_as_it_comes(living: Living) -> None:
    living.begin().serve()
    HEARD.clear()
    pieces: list[bytes] = []

    def heard(piece: bytes) -> None:
        pieces.append(piece)
        HEARD.set()

    asked = Request(body=b"{}", headers={"X-Stream": "1"}, timeout=30, passed=heard)
    answer = living.target.invoke(living.name, asked)
    assert (answer.status, answer.body, answer.revision) == (200, b"", REVISION)
    assert b"".join(pieces) == b"data: 0\n\ndata: 1\n\n"


def test_what_somebody_deleted_a_moment_ago_is_not_found(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer_azureml.doors._KNOWN", 1e9)
    living.begin().serve()
    other = AzureMLTarget(living.target.options, Site("azure", "team"))
    assert other.invoke(living.name, ASKED).status == 200
    living.destroy()
    with pytest.raises(NotFound, match="there is no endpoint"):
        other.invoke(living.name, ASKED)


def test_what_has_a_record_alone_serves_nobody_yet(living: Living) -> None:
    living.writer.begin(living.spec())
    with pytest.raises(TargetUnavailable, match="serves no revision") as caught:
        living.answer()
    assert caught.value.transient
    with pytest.raises(NotFound):
        living.target.invoke("nothing-here", ASKED)


def test_another_s_answer_is_never_taken_for_a_revision_s(living: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    living.begin().serve().stage(OTHER).healthy(OTHER)
    monkeypatch.setattr("deployer_azureml.doors.sent", lambda facts, request, **_: _plain(facts, request))
    with pytest.raises(TargetUnavailable, match="answered in place of") as caught:
        living.answer(OTHER)
    assert caught.value.transient


def _plain(facts: Any, request: Request) -> Any:
    from deployer_azureml.invoking import sent

    return sent(facts, request)


def test_a_key_goes_nowhere_without_tls(living: Living) -> None:
    living.begin().serve()
    doors: Doors = living.target._doors
    facts = living.facts()
    assert facts.endpoint is not None
    plain = replace(facts.endpoint, scoring_uri="http://iris.example/invocations")
    with pytest.raises(TargetUnavailable, match="has no TLS"):
        doors._through(replace(facts, endpoint=plain), ASKED)


def test_azure_s_own_server_of_a_model_is_asked_in_its_own_form(living: Living) -> None:
    """config.no_code: by MLflow's protocol on this side."""
    asset = "models/deployer-model/versions/" + "d" * 24
    container = living.workspace.container
    living.double.world.blobs.put(container, "m/model/MLmodel", b"{}", 1.0, kind="x", metadata={})
    where = f"azureml:/{living.workspace.id}/datastores/workspaceblobstore/paths/m/model"
    living.ask("PUT", asset, {"properties": {"modelUri": where, "modelType": "mlflow_model"}})
    fields: dict[str, Any] = {"config": NO_CODE}
    living.begin(**fields).stage(**fields)
    living.healthy()
    ready = living.target.invoke_revision(living.name, REVISION, Request(path="/ready", method="GET"))
    assert (ready.status, ready.revision) == (200, REVISION)
    living.route({REVISION: 100})
    answer = living.target.invoke(living.name, ASKED)
    assert (json.loads(answer.body), answer.revision) == ({"predictions": [1.0]}, REVISION)
    pieces: list[bytes] = []
    living.target.invoke(living.name, Request(body=ASKED.body, passed=pieces.append))
    assert json.loads(b"".join(pieces)) == {"predictions": [1.0]}
    with pytest.raises(PredictionError, match="takes JSON objects alone"):
        living.target.invoke(living.name, Request(body=b"a,b\n1,2\n"))
    until(lambda: living.facts().environments == ())
