"""An answer in events: passed on as it comes, and what breaks off within it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deployer.errors import TargetUnavailable
from tests.unit.sagemaker.living import ASKED, Living

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.cloud.containers import Wish
    from deployer.testing.sagemaker import Double

GATE = threading.Event()


def _in_pieces(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    """Goes on when the piece before was heard, and breaks off where it is asked to."""
    write(f"serving {wish.image}")

    def answer(asked: bytes) -> Iterator[bytes]:
        for number in range(3):
            if number:
                assert GATE.wait(10)
                GATE.clear()
            if number == 2 and asked == b"break":
                raise OSError("the model fell over")
            yield f"{number};".encode()

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        asked = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        promised = [("Content-Length", "6")] if environ["PATH_INFO"] == "/invocations" else []
        start("200 OK", [("Content-Type", "text/event-stream"), *promised])
        return answer(asked) if environ["PATH_INFO"] == "/invocations" else iter([b"ok"])

    return application


@pytest.fixture(scope="module")
def double() -> Generator[Double]:
    pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")
    from deployer.testing.sagemaker import Double, Durations, InProcess, Options

    options = Options(
        containers=InProcess({"": _in_pieces}), region="eu-west-1", durations=Durations(ping_every=0.01)
    )  # fmt: skip
    with Double(options) as made:
        yield made


@pytest.fixture
def serving(living: Living) -> Living:
    GATE.clear()
    return living.begin().serve()


def test_an_answer_in_events_is_passed_on_as_it_comes(serving: Living) -> None:
    heard: list[bytes] = []

    def passed(piece: bytes) -> None:
        heard.append(piece)
        GATE.set()  # only now does the container go on

    found = serving.target.invoke(serving.name, replace(ASKED, passed=passed))
    assert heard == [b"0;", b"1;", b"2;"]
    assert (found.status, found.body) == (200, b"")
    assert found.headers["content-type"] == "text/event-stream"


def test_events_that_break_off_are_no_whole_answer(serving: Living) -> None:
    heard: list[bytes] = []

    def passed(piece: bytes) -> None:
        heard.append(piece)
        GATE.set()

    with pytest.raises(TargetUnavailable, match="broke off after 4 bytes") as caught:
        serving.target.invoke(serving.name, replace(ASKED, body=b"break", passed=passed))
    assert not caught.value.transient
    assert heard == [b"0;", b"1;"]
