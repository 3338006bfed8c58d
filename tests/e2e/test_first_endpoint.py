"""The first minutes of a person with a packaged model: create, predict, look, scale, delete, on this machine."""

from __future__ import annotations

import csv
import http.client
import io
import json
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.e2e.commandline import MODELS, ROWS, commands_in
from tests.e2e.in_process import columns_of, in_process
from tests.e2e.local_home import LocalHome, eventually, ids

pytestmark = [
    pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("e2e-first"),
]  # fmt: skip

IRIS, OTHER = MODELS / "iris", MODELS / "iris-v2"


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def own_port() -> int:
    """A port that nothing here takes by itself: neither endpoints, from 8321 up, nor the system's clients."""
    return next(port for port in range(20000 + os.getpid() % 10000, 32000) if is_free(port))


@pytest.fixture
def url(home: LocalHome) -> str:
    """The endpoint iris, which is there: as an earlier test left it, or made now."""
    home.well("create", "iris", "--model", IRIS)
    found = home.status("iris")["url"]
    assert isinstance(found, str)
    return found


def test_create_prints_one_json_document_and_nothing_else(home: LocalHome) -> None:
    home.well("delete", "iris", "--yes", "--missing-ok")
    created = home.run("create", "iris", "--model", IRIS, "-o", "json")
    assert created.code == 0, created.err
    document = json.loads(created.out)
    assert created.out.startswith("{")
    assert created.out.endswith("}\n")
    assert (document["name"], document["ending"], document["changed"]) == ("iris", "created", True)
    endpoint = document["endpoint"]
    assert (endpoint["phase"], endpoint["replicas"]) == ("healthy", {"ready": 1, "wanted": 1})
    assert urlsplit(endpoint["url"]).hostname == "127.0.0.1"
    (revision,) = ids(endpoint)
    assert re.fullmatch(r"r[0-9a-f]{7}", revision)
    assert endpoint["traffic"] == {revision: 100}
    status = home.status("iris")
    assert (status["url"], ids(status)) == (endpoint["url"], [revision])


def test_json_predictions_are_what_pyfunc_answers(home: LocalHome, url: str) -> None:
    predicted = home.well("predict", "iris", "-i", ROWS, "-o", "json")
    expected = in_process(home.python("iris"), IRIS, {"columns": columns_of(ROWS)}, home.temporary)
    assert json.loads(predicted.out) == {"predictions": expected}
    assert len(expected) == len(ROWS.read_text().splitlines()) - 1
    assert len(set(expected)) > 1


def test_csv_predictions_are_the_input_rows_each_with_its_answer(home: LocalHome, url: str) -> None:
    predicted = home.well("predict", "iris", "-i", ROWS)
    expected = in_process(home.python("iris"), IRIS, {"columns": columns_of(ROWS)}, home.temporary)
    given = list(csv.reader(io.StringIO(ROWS.read_text())))
    answered = list(csv.reader(io.StringIO(predicted.out)))
    assert answered[0] == [*given[0], "prediction"]
    assert answered[1:] == [[*row, answer] for row, answer in zip(given[1:], expected, strict=True)]


def test_the_same_again_is_unchanged(home: LocalHome, url: str) -> None:
    before = home.running()
    again = home.run("create", "iris", "--model", IRIS)
    assert (again.code, again.out) == (0, "")
    assert again.told == "iris is unchanged: revision R1 is healthy (N s)."
    document = json.loads(home.well("create", "iris", "--model", IRIS, "-o", "json").out)
    assert (document["ending"], document["changed"]) == ("unchanged", False)
    assert sorted(each.pid for each in home.running()) == sorted(each.pid for each in before)


def test_another_model_is_a_conflict_that_names_update(home: LocalHome, url: str) -> None:
    other = home.run("create", "iris", "--model", OTHER)
    assert (other.code, other.out) == (4, "")
    assert other.err.startswith("error: iris is there already, and not as asked here (model")
    assert commands_in(other.err)[0] == f"deployer update iris --model {OTHER}"
    assert json.loads(home.run("create", "iris", "--model", OTHER, "-o", "json").out)["error"]["code"] == 4
    assert home.status("iris")["model"] == str(IRIS)


def test_replicas_are_scaled_in_place_and_all_serve(home: LocalHome, url: str) -> None:
    (revision,) = ids(home.status("iris"))
    (first,) = home.workers(revision)
    scaled = home.well("update", "iris", "--set", "replicas=3")
    assert "replicas" in scaled.err
    try:
        assert ids(home.status("iris")) == [revision]
        workers = home.workers(revision)
        assert len(workers) == 3
        assert first in workers
        eventually(lambda: all(requests > 0 for requests in _answered(home, url, revision, 3)), "each worker answers")
    finally:
        home.well("update", "iris", "--set", "replicas=1")
    assert home.workers() == [first]
    assert home.status("iris")["url"] == url


def _answered(home: LocalHome, url: str, revision: str, replicas: int) -> list[int]:
    """Requests that each worker has logged, after a burst from connections that are open at once."""
    address = urlsplit(url)

    def ask(_: int) -> int:
        connection = http.client.HTTPConnection(str(address.hostname), int(address.port or 0), timeout=30)
        connection.request("POST", "/invocations", ROWS.read_bytes(), {"Content-Type": "text/csv"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(ask, range(48))) == {200}
    logs = (home.endpoints / "iris" / "logs" / f"{revision}.{number}.log" for number in range(replicas))
    return [log.read_text().count('"path": "/invocations"') for log in logs]


def test_delete_leaves_no_process_port_or_file(home: LocalHome, url: str) -> None:
    port = own_port()
    home.well("update", "iris", "--set", f"config.port={port}")
    assert home.status("iris")["url"] == f"http://127.0.0.1:{port}"
    assert not is_free(port)
    deleted = home.run("delete", "iris", "--yes")
    assert deleted.code == 0, deleted.err
    eventually(lambda: not home.running(), "the supervisor has ended")
    assert is_free(port)
    assert list(home.endpoints.iterdir()) == []
    assert list(home.temporary.glob("deployer*")) == []
    assert home.run("status", "iris").code == 3
    assert home.run("delete", "iris", "--yes").code == 3
    assert home.run("delete", "iris", "--yes", "--missing-ok").code == 0
