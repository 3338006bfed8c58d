"""A gateway's report, read: the answers are a real HAProxy 2.6.12's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import DeployerError
from deployer.gateway import (
    Copies,
    Figures,
    GatewaySettings,
    Member,
    Mirror,
    Pool,
    Routing,
    Server,
    queries,
    read_loaded,
)

SETTINGS = GatewaySettings(port=8080, folder="/gateway", revisions=2, members=2)
ANSWERS: list[str] = json.loads((Path(__file__).parent / "answers.json").read_text(encoding="utf-8"))


def test_a_report_is_read() -> None:
    loaded = read_loaded(ANSWERS, SETTINGS)
    assert loaded.routing() == Routing(
        (
            Pool("r1111111", (Member("127.0.0.1", 19001),)),
            Pool("r2222222", (Member("127.0.0.1", 19003), Member("::1", 19004))),
        ),
        {"r1111111": 75, "r2222222": 25},
        Mirror("r2222222", 100),
    )
    assert [(server.name, server.state, server.connections) for server in loaded.servers] == [
        ("s0/m0", "ready", 1),
        ("s0/m1", "draining", 0),
        ("s1/m0", "ready", 0),
        ("s1/m1", "down", 0),
    ]
    assert loaded.servers[3].check == "L4CON Connection refused"
    assert loaded.figures["r1111111"] == Figures(6, 6, 0, 0, 0, 5, 6)
    assert loaded.figures["r2222222"] == Figures(2, 2, 0, 0, 0, 0, 1)
    assert loaded.copies == Copies(sent=1, too_large=1)
    assert (loaded.width, len(loaded.counters), loaded.map_version) == (2, 2, 2)
    assert (loaded.ready("r1111111"), loaded.ready("r3333333")) == (True, False)


def test_there_is_an_answer_to_each_question() -> None:
    assert len(queries(SETTINGS)) == len(ANSWERS)
    assert "show map /gateway/routes.map" in queries(SETTINGS)


@pytest.mark.parametrize("position", range(6))
@pytest.mark.parametrize("answer", ["", "Unknown command: 'show mirror'", "Permission denied\n"])
def test_what_is_no_report_is_an_error_that_helps(position: int, answer: str) -> None:
    if position == 1 and not answer:
        return  # an empty map is one
    answers = [*ANSWERS]
    answers[position] = answer
    if position == 4 and not answer:
        assert read_loaded(answers, SETTINGS).copies == Copies()
        return
    with pytest.raises(DeployerError) as failed:
        read_loaded(answers, SETTINGS)
    assert failed.value.hint is not None


@given(st.lists(st.text(max_size=200), max_size=7))
def test_nothing_that_comes_in_raises_anything_else(answers: list[str]) -> None:
    with pytest.raises(DeployerError):
        read_loaded(answers, SETTINGS)


def test_a_server_has_the_name_that_haproxy_knows() -> None:
    assert Server(3, 12, Member("10.0.0.1", 80), "ready").name == "s3/m12"
