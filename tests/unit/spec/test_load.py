"""Spec files: what is read, and where an error is said to be."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import DeployerError, NotFound, SpecError
from deployer.spec import load_documents
from deployer.spec.load import parse_yaml

if TYPE_CHECKING:
    from pathlib import Path


def data(text: str) -> Any:
    (document,) = parse_yaml(text.encode(), "f.yaml")
    return document.data


def refused(text: str | bytes) -> DeployerError:
    with pytest.raises(SpecError) as caught:
        parse_yaml(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    return caught.value


def test_yaml_1_1_holds_no_surprise() -> None:
    found = data(
        "a: yes\nb: no\nc: on\nd: OFF\ne: y\nf: 010\ng: 2026-01-01\nh: 12:30:45\ni: 1_000\nj: 0x1f\nk: .inf\nl: =\n"
        "m: true\nn: FALSE\no: 3\np: 1.10\nq: 1e3\nr: ~\ns:\nt: '7'\nu: -4\nv: 1.\nw: .5\n"
    )
    texts = {"a": "yes", "b": "no", "c": "on", "d": "OFF", "e": "y", "f": "010", "g": "2026-01-01", "h": "12:30:45"}
    texts |= {"i": "1_000", "j": "0x1f", "k": ".inf", "l": "=", "t": "7"}
    values = {"m": True, "n": False, "o": 3, "p": 1.1, "q": 1000.0, "r": None, "s": None, "u": -4, "v": 1.0, "w": 0.5}
    assert found == texts | values


def test_numbers_keep_their_text() -> None:
    (document,) = parse_yaml(b"env:\n  VERSION: 1.10\n  DEBUG: True\n  NAME: x\n", "f.yaml")
    assert document.text_of(("env", "VERSION")) == "1.10"
    assert document.text_of(("env", "DEBUG")) == "True"
    assert document.text_of(("env", "NAME")) is None
    assert document.text_of(("nowhere",)) is None


def test_keys_are_texts() -> None:
    assert data("1: a\ntrue: b\non: c\n2026-01-01: d\n") == {"1": "a", "true": "b", "on": "c", "2026-01-01": "d"}


def test_places() -> None:
    (document,) = parse_yaml(b"# spec\nname: iris\nrollout:\n  steps:\n    - 10\n    - 50\n", "f.yaml")
    assert document.line_of() == 2
    assert document.line_of(("rollout", "steps")) == 4
    assert document.line_of(("rollout", "steps", 1)) == 6
    assert document.line_of(("rollout", "pause")) == 3, "of what stands around it"
    assert document.where(("name",)) == "f.yaml:2"


def test_many_documents_and_empty_ones() -> None:
    found = parse_yaml(b"---\nname: a\n---\n---\n# nothing\n---\nname: b\n...\n", "f.yaml")
    assert [each.data["name"] for each in found] == ["a", "b"]
    assert [each.line_of(("name",)) for each in found] == [2, 7]


def test_anchors_and_merges() -> None:
    found = data("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz: {<<: [{c: 1}, *x]}\nw: *x\n")
    assert found["y"] == {"a": 1, "b": 3}
    assert found["z"] == {"c": 1, "a": 1, "b": 2}
    assert found["w"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("name: a\nmodel: b\nname: c\n", "the key 'name' is given twice, first in line 1", "f.yaml:3:1"),
        ("env:\n  A: 1\n  A: 2\n", "the key 'A' is given twice, first in line 2", "f.yaml:3:3"),
        ("name: a\n\tmodel: b\n", "a tab stands here", "f.yaml:2:1"),
        ("name: [a\n", "not YAML: expected ',' or ']'", "f.yaml:2:1"),
        ("name: 'a\n", "not YAML: found unexpected end of stream", "f.yaml:2:1"),
        ("name: a: b\n", "not YAML: mapping values are not allowed here", "f.yaml:1:8"),
        ("- a\n", "a spec is a mapping of fields", "f.yaml:1:1"),
        ("---\nname: a\n---\njust words\n", "a spec is a mapping of fields", "f.yaml:4:1"),
        ("a: !!python/object/apply:os.system [ls]\n", "is not plain data", "f.yaml:1:4"),
        ("a: !!binary aGk=\n", "is not plain data", "f.yaml:1:4"),
        ("a: !!set {b}\n", "is not plain data", "f.yaml:1:4"),
        ("a: !!int x\n", "not of the kind that its tag !!int says", "f.yaml:1:4"),
        ("a: *nowhere\n", "not YAML: found undefined alias", "f.yaml:1:4"),
        ("a: &a [*a]\n", "an alias refers to what it stands in", "f.yaml:1:4"),
        ("? [a, b]\n: c\n", "a key is one word", "f.yaml:1:3"),
        ("'': c\n", "a key is missing", "f.yaml:1:1"),
        ("a: {<<: 3}\n", "'<<' takes a mapping", "f.yaml:1:9"),
        ("a: \x01\n", "the character U+0001 may not stand in YAML", "f.yaml:1"),
        ("a: " + "[" * 4000, "nested too deeply", "f.yaml"),
        ("a: " + "{b: " * 60 + "1" + "}" * 60, "nested too deeply", None),
    ],
)
def test_what_is_refused_and_where(text: str, message: str, where: str | None) -> None:
    error = refused(text)
    assert message in error.message
    assert where is None or error.where == where


def test_bytes_that_are_no_text() -> None:
    error = refused(b"name: a\nmodel: \xff\n")
    assert "not UTF-8" in error.message
    assert error.where == "f.yaml:2"


def test_a_byte_order_mark_is_no_harm() -> None:
    assert data("\ufeffname: a\n") == {"name": "a"}


def test_aliases_may_not_blow_a_document_up() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "too large for a spec" in refused("\n".join(lines)).message


def test_a_number_of_thousands_of_digits_is_a_text() -> None:
    assert data(f"a: {'1' * 6000}\n") == {"a": "1" * 6000}


def test_a_huge_file_is_no_spec() -> None:
    assert "this is no spec" in refused(b"#" * 4_000_001).message


def test_a_folder_in_the_order_of_its_names(tmp_path: Path) -> None:
    for name, text in {"b.yaml": "name: b", "a.yml": "name: a\n---\nname: a2", "c.txt": "x", ".d.yaml": "x"}.items():
        (tmp_path / name).write_text(text)
    found = load_documents(tmp_path)
    assert [each.data["name"] for each in found] == ["a", "a2", "b"]
    assert found[2].source == str(tmp_path / "b.yaml")


def test_standard_input() -> None:
    (document,) = load_documents("-", stdin=io.BytesIO(b"name: a\n"))
    assert document.where(("name",)) == "standard input:1"


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "deployer.yaml").write_text("# nothing\n")
    with pytest.raises(SpecError, match="there is no spec in it"):
        load_documents(tmp_path / "deployer.yaml")
    with pytest.raises(NotFound, match="no such file") as caught:
        load_documents(tmp_path / "deploier.yaml")
    assert caught.value.hint is not None
    assert "deployer.yaml" in caught.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match=r"no \*\.yaml"):
        load_documents(tmp_path / "empty")


LEAF = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8)
TREE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
)


@given(st.dictionaries(st.text("abcdef", min_size=1), TREE, min_size=1))
def test_what_yaml_writes_is_read_back(value: dict[str, Any]) -> None:
    """All in quotes: a text stays one, whatever it looks like, and a tag says what is none."""
    assert data(yaml.safe_dump(value, default_style='"')) == value


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    where = "f.yaml"
    try:
        parse_yaml(text.encode("utf-8", "surrogatepass"), "f.yaml")
    except SpecError as error:
        where = error.where or ""
    assert where.startswith("f.yaml")
