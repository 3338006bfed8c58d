"""The parts of the Docker builder that decide: names, reasons, networks, templates, and what is told of failures."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import BuildError, SpecError, TargetUnavailable
from deployer.image.building.dockerfile import context, rendered
from deployer.image.building.failures import compile_failed, packages_failed
from deployer.image.building.network import BuildNetwork
from deployer.image.building.packages import Package, debian_name, parse_packages
from deployer.image.building.reasons import docker_reason, missing_engine
from deployer.image.building.running import FailedBuild

TINY = (Package("tiny"),)


def test_packages_are_sorted_and_each_is_there_once() -> None:
    found = parse_packages(["libgomp1=12.2.0-14", "git", "g++", "git", "tini=2:0.19~rc1+b1"])
    assert found == (
        Package("g++"),
        Package("git"),
        Package("libgomp1", "12.2.0-14"),
        Package("tini", "2:0.19~rc1+b1"),
    )
    assert [str(one) for one in found] == ["g++", "git", "libgomp1=12.2.0-14", "tini=2:0.19~rc1+b1"]


@pytest.mark.parametrize(
    "word",
    ["", "x", "-y", "Git", "git;id", "git id", "git\nRUN id", "git=", "git=1 2", "git=$(id)", "git:amd64", "../git",
     "git/sid", "git=1\n", "a" * 300],
)  # fmt: skip
def test_what_is_no_package(word: str) -> None:
    with pytest.raises(SpecError, match="is not the name of a Debian package") as caught:
        parse_packages([word])
    assert caught.value.where == "image.packages"


def test_two_versions_of_one() -> None:
    with pytest.raises(SpecError, match="git and git=1 exclude each other"):
        parse_packages(["git", "git=1"])


@given(st.text())
def test_no_text_leaves_the_line_that_it_stands_in(word: str) -> None:
    try:
        packages = parse_packages([word])
    except SpecError:
        return
    lines = rendered("packages.Dockerfile", base=f"sha256:{'a' * 64}", packages=" ".join(map(str, packages)))
    assert lines.splitlines()[3:] == [f"RUN sh /deployer-build/install.sh {word}"]


@pytest.mark.parametrize("value", ["x; id", "x\nRUN id", "$(id)", "a && b", "`id`", "a'b", ""])
def test_a_dockerfile_takes_nothing_else(value: str) -> None:
    with pytest.raises(BuildError, match="cannot stand in a Dockerfile"):
        rendered("packages.Dockerfile", base=f"sha256:{'a' * 64}", packages=value)


def test_the_names_that_people_write() -> None:
    assert debian_name("libgom1", ["libgomp1", "libgomp-plugin"]) == "libgomp1"
    assert debian_name("openjdk-8", []) == "openjdk-17-jre-headless"
    assert debian_name("qqq", []) is None


def test_why_docker() -> None:
    assert docker_reason() is None
    assert docker_reason(TINY) == "since image.packages asks for tiny"
    both = docker_reason((*TINY, Package("git", "1")), ["fasttext"])
    assert both == "since image.packages asks for tiny and git and fasttext has no wheel and must be compiled"
    assert docker_reason((), ["a", "b", "c"]) == "since a, b and c have no wheel and must be compiled"
    error = missing_engine("since image.packages asks for tiny", "kubernetes")
    assert (error.where, "--target docker" in (error.hint or "")) == ("kubernetes", True)
    assert error.message.startswith("the image must be built with Docker, since image.packages asks for tiny")


def test_a_context_is_like_no_other() -> None:
    texts = [b"".join(context("FROM scratch\n", {"a": b"x"})) for _ in range(2)]
    assert texts[0] != texts[1]
    with tarfile.open(fileobj=io.BytesIO(texts[0])) as archive:
        assert archive.getnames() == ["Dockerfile", "build", "build/a", "build/once"]


def test_a_network_of_ones_own(tmp_path: Path) -> None:
    bundle, sources = tmp_path / "ca.pem", tmp_path / "mirror.sources"
    bundle.write_text("CERTIFICATE")
    sources.write_text("Types: deb\nURIs: https://apt.example.com/debian\n")
    environ = {
        "HTTPS_PROXY": "http://me:p%40ss@proxy.example.com:3128",
        "no_proxy": "example.org",
        "SSL_CERT_FILE": str(bundle),
        "HOME": "/nowhere",
    }
    found = BuildNetwork.of(environ, apt_sources=sources)
    assert set(found.arguments) == {"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"}
    assert found.arguments["https_proxy"] == environ["HTTPS_PROXY"]
    assert found.secrets == {"me:p%40ss", "p%40ss", "p@ss"}
    assert "p%40ss" not in repr(found)
    assert found.mode is None
    files = dict(found.files())
    assert (files["ca.pem"], files["sources.d/deployer.sources"]) == (b"CERTIFICATE", sources.read_bytes())
    assert b'Acquire::https::CAInfo "/deployer-build/ca.pem"' in files["apt.conf"]
    assert b"p%40ss" not in b"".join(files.values())
    assert found.archive != BuildNetwork.of(environ).archive == ""


@pytest.mark.parametrize(
    ("proxy", "archive", "mode"),
    [
        ("http://127.0.0.1:3128", "", "host"),
        ("localhost:3128", "", "host"),
        ("", "deb http://[::1]:80/ ./", "host"),
        ("", "deb [signed-by=/x] http://127.0.0.1:80/ ./", "host"),
        ("http://10.0.0.1:3128", "deb https://deb.example.com/ ./", None),
        ("", "", None),
    ],
)
def test_the_hosts_own_loopback_is_reached(tmp_path: Path, proxy: str, archive: str, mode: str | None) -> None:
    sources = tmp_path / "x.list"
    sources.write_text(archive)
    assert BuildNetwork.of({"ALL_PROXY": proxy}, apt_sources=sources).mode == mode


def test_sources_that_are_refused(tmp_path: Path) -> None:
    for name, text, message in (
        ("a.list", "deb https://me:pass@apt.example.com/ ./", "user or password"),
        ("a.txt", "deb https://apt.example.com/ ./", "no file of apt's sources"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(SpecError, match=message) as caught:
            BuildNetwork.of({}, apt_sources=tmp_path / name)
        assert "pass@" not in str(caught.value)
    with pytest.raises(SpecError, match="no file of apt's sources"):
        BuildNetwork.of({}, apt_sources=tmp_path / "none.list")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("deployer: no apt-get", "the base has no apt-get", "Debian or Ubuntu"),
        ("E: Failed to fetch http://x  Temporary failure resolving 'x'", "cannot be reached", "HTTP_PROXY"),
        ("Err: x  407  Proxy Authentication Required", "the proxy wants a login", "USER:PASSWORD"),
        ("E: x Certificate verification failed: not trusted", "certificate cannot be verified", "ca_bundle"),
        ("E: The repository 'x' is not signed.", "is not signed by a key", "Signed-By"),
        ("Err: x  403  Forbidden [IP: 1.2.3.4]", "the archive refuses us", "apt_sources"),
        ("dpkg: error processing package tiny", "tiny cannot be installed\n    dpkg: error", "last output"),
    ],
)
def test_why_packages_cannot_be_installed(line: str, message: str, hint: str) -> None:
    failed = FailedBuild(("Step 4/4 : RUN sh", " ---> Running in 1", line), "returned a non-zero code: 100")
    error = packages_failed(failed, TINY, "python:3.11-slim")
    assert isinstance(error, BuildError)
    assert (message in error.message, hint in (error.hint or "")) == (True, True)


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("x.c:1:10: fatal error: libpq-fe.h: No such file or directory", "libpq-fe.h", "file:libpq-fe.h"),
        ("/usr/bin/ld: cannot find -lpq: No such file", "cannot find -lpq", "libpq-dev"),
        ("sh: 1: cmake: not found", "cmake", "the program cmake"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'pg_config'", "pg_config", "the program pg_config"),
        ("urllib.error.URLError: Temporary failure in name resolution", "resolution", "without a network"),
        ("deployer: missing libgomp.so.1 libpq.so.5", "takes libgomp.so.1, libpq.so.5", "libgomp1,libpq5"),
        ("boom", "    boom", "wheelhouse"),
    ],
)
def test_why_a_source_cannot_be_compiled(line: str, message: str, hint: str) -> None:
    error = compile_failed(FailedBuild((line,), "returned a non-zero code: 1"), "thing", "thing-1.0.tar.gz")
    assert isinstance(error, BuildError)
    assert (message in error.message, hint in (error.hint or "")) == (True, True)


def test_a_full_disk_is_nobodys_mistake() -> None:
    failed = FailedBuild((), "write /x: no space left on device")
    assert isinstance(packages_failed(failed, TINY, "b"), TargetUnavailable)
    assert isinstance(compile_failed(failed, "thing", "b"), TargetUnavailable)


def test_control_characters_and_long_lines_are_not_shown() -> None:
    error = packages_failed(FailedBuild(("a\x1b]0;evil\x07" + "x" * 500,), "end"), TINY, "base")
    assert "\x1b" not in error.message
    assert max(map(len, error.message.splitlines())) <= 210
