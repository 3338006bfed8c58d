"""Names of images, as Docker reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import SpecError
from deployer.image.reference import (
    DOCKER_HUB,
    ArchivePlace,
    EnginePlace,
    LayoutPlace,
    NamedPlace,
    mirrored,
    name_of,
    parse_place,
    parse_reference,
    parse_repository,
)
from deployer.image.values import ImageReference

D = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "parts", "name"),
    [
        ("python", (DOCKER_HUB, "library/python", "latest", None), "python:latest"),
        ("python:3.11-slim", (DOCKER_HUB, "library/python", "3.11-slim", None), "python:3.11-slim"),
        (f"python@{D}", (DOCKER_HUB, "library/python", None, D), f"python@{D}"),
        (f"python:3.11@{D}", (DOCKER_HUB, "library/python", "3.11", D), f"python:3.11@{D}"),
        ("docker.io/team/iris", (DOCKER_HUB, "team/iris", "latest", None), "team/iris:latest"),
        ("index.docker.io/python:3", (DOCKER_HUB, "library/python", "3", None), "python:3"),
        ("localhost/iris", ("localhost", "iris", "latest", None), "localhost/iris:latest"),
        ("localhost:5000/a/b:c", ("localhost:5000", "a/b", "c", None), "localhost:5000/a/b:c"),
        ("[::1]:5000/a", ("[::1]:5000", "a", "latest", None), "[::1]:5000/a:latest"),
        ("ghcr.io/a__b/c-d.e:V_1", ("ghcr.io", "a__b/c-d.e", "V_1", None), "ghcr.io/a__b/c-d.e:V_1"),
        ("MyHost/a", ("MyHost", "a", "latest", None), "MyHost/a:latest"),
    ],
)
def test_names(text: str, parts: tuple[str, str, str | None, str | None], name: str) -> None:
    found = parse_reference(text)
    assert found == ImageReference(*parts)
    assert name_of(found) == name
    assert parse_reference(name) == found


@pytest.mark.parametrize(
    "text",
    ["", ":", "a:", "Python", "a//b", "a/", "/a", "a b", "a:b c", "a@sha256:12", "a@md5:x", f"{'a' * 64}", "-a", "a..b",
     "a:" + "t" * 129, "a/" * 130 + "a", "user:pass@host/a", "http://host/a", "host:port/a", "a;b", "a$b", "a\nb"],
)  # fmt: skip
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_reference(text)
    assert caught.value.hint


def test_a_capital_letter_is_pointed_out() -> None:
    with pytest.raises(SpecError, match="did you mean 'team/iris'"):
        parse_reference("team/Iris")


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_an_error_of_ours(text: str) -> None:
    try:
        found = parse_reference(text)
    except SpecError:
        return
    assert parse_reference(name_of(found)) == found


def test_places() -> None:
    assert parse_place("python:3") == NamedPlace(parse_reference("python:3"))
    assert parse_place("oci:/a/b:3.11-slim") == LayoutPlace(Path("/a/b"), "3.11-slim")
    assert parse_place("oci:here") == LayoutPlace(Path("here"))
    assert parse_place(r"oci:C:\base") == LayoutPlace(Path(r"C:\base"))
    assert parse_place("oci-archive:/a/b.tar:x") == ArchivePlace(Path("/a/b.tar"), "x")
    assert parse_place("docker-daemon:python:3") == EnginePlace("python:3")
    assert parse_place("oci/python:3") == NamedPlace(parse_reference("oci/python:3"))
    with pytest.raises(SpecError, match="names no image"):
        parse_place("docker-daemon:")


def test_repositories_have_no_tag() -> None:
    assert parse_repository("localhost:5000/team/iris") == ImageReference("localhost:5000", "team/iris")
    for text in ("team/iris:1", f"team/iris@{D}"):
        with pytest.raises(SpecError, match="is an image, not a repository"):
            parse_repository(text)


def test_a_mirror_is_asked_for_docker_hub_s_names_only() -> None:
    python = parse_reference("python:3.11-slim")
    assert mirrored(python, None) is python
    assert name_of(mirrored(python, "mirror.example.com")) == "mirror.example.com/library/python:3.11-slim"
    assert name_of(mirrored(python, "https://m.io/hub/")) == "m.io/hub/library/python:3.11-slim"
    other = parse_reference("ghcr.io/a/b:1")
    assert mirrored(other, "m.io") is other
    with pytest.raises(SpecError, match="is not a mirror"):
        mirrored(python, "m.io/Hub")
