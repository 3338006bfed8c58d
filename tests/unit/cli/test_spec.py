"""An imported spec as a file: whatever stands in it, `apply -f` reads the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployer.cli.render.spec import note_lines, spec_document, spec_lines
from deployer.client import Imported
from deployer.spec import DeploymentSpec, Document, build_spec, document_layer
from deployer.spec.load import parse_yaml

WORDS = [
    "yes",
    "no",
    "1.10",
    "1e3",
    "010",
    "0x1f",
    "~",
    "null",
    "true",
    "2026-01-01",
    "12:30",
    "#",
    "<<",
    "=",
    "*x",
    "&x",
    "!x",
    "%x",
    "@x",
    "`x`",
    "{a}",
    "[a]",
    "|",
    ">",
    "naïv",
    "'",
    '"',
]
NASTY = st.one_of(
    st.sampled_from([*WORDS, "", " ", "- a", "a: b", "a\nb", "\u2028", "\x85", "\t", "a\u2029 \ufeff"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)


def imported(spec: DeploymentSpec, **told: object) -> Imported:
    return Imported(name=spec.name, target=spec.target, spec=spec.wish(), owner="default", **told)  # type: ignore[arg-type]


def read(lines: list[str]) -> DeploymentSpec:
    (document,) = parse_yaml("\n".join(lines).encode(), "x.yaml")
    return build_spec([document_layer(Document(document.data, "x.yaml", document.places))])


@given(NASTY, NASTY)
def test_every_value_comes_back(one: str, two: str) -> None:
    spec = DeploymentSpec(name="iris", model="models:/iris/1", env={"A": one, "B": two}, labels={"team": two})
    for unicode in (True, False):
        assert read(spec_lines(imported(spec), mine=True, unicode=unicode)) == spec


@given(NASTY, NASTY)
def test_no_word_of_theirs_leaves_a_comment(what: str, why: str) -> None:
    spec = DeploymentSpec(name="iris", model="models:/iris/1", replicas=2)
    found = imported(spec).model_copy(update={"owner": None, "what": what, "untold": {"env.A": why}})
    assert read(spec_lines(found, mine=False)) == spec


def test_the_name_and_the_model_stand_first() -> None:
    spec = DeploymentSpec(name="iris", model="m", target="docker", replicas=2, env={"A": "1"})
    assert list(spec_document(imported(spec)))[:4] == ["apiVersion", "name", "model", "target"]
    assert note_lines(imported(spec), mine=True) == []


def test_known_secrets_are_taken_out() -> None:
    spec = DeploymentSpec(name="iris", model="m", env={"A": "hunter2"})
    hidden = spec_lines(imported(spec), mine=True, hide=lambda value: {**value, "env": "***"})
    assert "hunter2" not in "\n".join(hidden)
