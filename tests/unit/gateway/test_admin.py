"""The admin socket's language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import SpecError
from deployer.gateway import GatewaySettings, complaints, exchanges, new_certificate, split_answers
from deployer.gateway.admin import replace_map

COMMANDS = st.lists(st.text("abc #@0", min_size=1, max_size=40), max_size=60)


@given(COMMANDS, st.integers(1, 200))
def test_lines_hold_all_commands_in_their_order(commands: list[str], longest: int) -> None:
    lines = exchanges(commands, longest)
    assert [command for line in lines for command in line.split(";")] == commands
    assert all(len(line) <= longest or ";" not in line for line in lines)


@given(st.lists(st.lists(st.text("ab ", min_size=1), max_size=3)))
def test_answers_are_told_apart_by_their_empty_lines(answers: list[list[str]]) -> None:
    text = "".join("".join(f"{line}\n" for line in answer) + "\n" for answer in answers)
    assert split_answers(text) == ["\n".join(answer) for answer in answers]


def test_what_went_well_is_no_complaint() -> None:
    assert (
        complaints("New version created: 1\n\n\n\nno need to change the addr, port changed from '9' to '1'\n\n") == []
    )
    assert complaints("\nNo such server.\n\n\n") == ["No such server."]
    assert complaints("Unknown map identifier. Please use #<id> or <file>.\n\n") != []


PEM = """Bag Attributes: none
-----BEGIN CERTIFICATE-----
YWJj
-----END CERTIFICATE-----

-----BEGIN PRIVATE KEY-----
ZGVm
-----END PRIVATE KEY-----
"""


def test_of_a_pem_only_its_blocks_are_sent() -> None:
    settings = GatewaySettings(port=8443, certificate="/etc/tls.pem")
    sent, commit = new_certificate(settings, PEM.replace("\n", "\r\n") + "\n;show env\n")
    assert sent.startswith("set ssl cert /etc/tls.pem <<\n-----BEGIN CERTIFICATE-----\nYWJj\n")
    assert sent.endswith("-----END PRIVATE KEY-----\n")
    assert "\n\n" not in sent
    assert "show env" not in sent
    assert commit == "commit ssl cert /etc/tls.pem"


@pytest.mark.parametrize("pem", ["", "no pem", PEM.split("\n\n", maxsplit=1)[0], PEM.replace("YWJj", "a b;c")])
def test_what_is_no_certificate_with_its_key_is_refused_unseen(pem: str) -> None:
    with pytest.raises(SpecError) as refused:
        new_certificate(GatewaySettings(port=8443, certificate="/etc/tls.pem"), pem)
    assert "ZGVm" not in str(refused.value)
    with pytest.raises(SpecError):
        new_certificate(GatewaySettings(port=8443), PEM)


def test_a_map_is_exchanged_by_versions() -> None:
    assert replace_map(2, 7, {"a": "b"}) == ["prepare map #2", "add map @7 #2 a b", "commit map @7 #2"]


def test_the_largest_map_fits_into_few_lines() -> None:
    entries = {str(n): "|".join(f"s{i}:r{i:07x}" for i in range(8)) for n in range(100)}
    lines = exchanges(replace_map(1, 1, entries))
    assert max(map(len, lines)) <= 12_000
    assert len(lines) <= 2
