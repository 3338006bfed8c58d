"""People's networks, each for real: logins, pins, an own authority, proxies, a wheelhouse with the network cut off.

Every one is locked and installed; what is secret is searched for in everything that is told or left behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.environment import (
    IndexCredential,
    IndexPin,
    PackageSources,
    lock_environment,
)
from deployer.environment.simple_index import SimpleIndex
from deployer.errors import BuildError, DeployerError, SpecError
from tests.integration.environment.conftest import request_of
from tests.integration.environment.index import Index, serving, wheel
from tests.integration.environment.network import Authority, Proxy, proxying
from tests.integration.environment.watching import MINOR, Watched

assert sys.platform != "win32"  # where environments are not made

SECRET = "hunter2-p@ss/word:x"
SECRET_OF_PROXY = "hunter2-proxy"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def closed(index: Index) -> Iterator[Index]:
    with serving(Index(SECRET)) as answering:
        answering.add(wheel("top", "1.0", requires=["low"]), wheel("low", "1.0"))
        yield answering


def said(error: DeployerError) -> str:
    return f"{error} {error.message} {error.where} {error.hint} {error!r}"


def forms(secret: str) -> tuple[str, ...]:
    from base64 import b64encode
    from urllib.parse import quote

    return secret, quote(secret, safe=""), quote(secret), b64encode(f"me:{secret}".encode()).decode()


# Logins


def test_a_login_by_reference_reaches_its_index_and_is_left_nowhere(closed: Index, watched: Watched) -> None:
    sources = PackageSources(index_url=closed.url, credentials=(IndexCredential(closed.host, "me", SECRET),))
    request = request_of("top", sources=sources)
    lock = watched.make(request)
    everything = [lock.text, repr(lock), repr(request), *watched.leftovers()]
    assert not [text for text in everything for form in forms(SECRET) if form in text]
    assert closed.downloads()


def test_a_login_from_netrc(closed: Index, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"machine 127.0.0.1 login me password {SECRET}\n"
    for place in (Path.home() / ".netrc", watched.folder / "elsewhere"):
        place.write_text(text)
        place.chmod(0o600)
        if place.name == "elsewhere":
            (Path.home() / ".netrc").unlink()
            monkeypatch.setenv("NETRC", str(place))
        watched.make(request_of("top", sources=PackageSources(index_url=closed.url)), f"by-{place.name}")
        assert SimpleIndex(PackageSources(index_url=closed.url)).files("top")
        shutil.rmtree(watched.cache)


def test_the_login_of_an_extra_index_is_not_shown_to_the_other(closed: Index, other: Index, watched: Watched) -> None:
    other.add(wheel("public", "2.0"), wheel("top", "99.0"))
    login = IndexCredential(closed.host, "me", SECRET)
    sources = PackageSources(index_url=other.url, extra_index_urls=(closed.url,), credentials=(login,))
    lock = watched.make(request_of("top", "public", sources=sources))
    assert lock.version_of("top") == "1.0"
    assert set(other.authorizations) == {None}


def test_refused_and_missing_logins(closed: Index, watched: Watched) -> None:
    for login in ((), (IndexCredential(closed.host, "me", f"{SECRET}-old"),)):
        sources = PackageSources(index_url=closed.url, credentials=login)
        with pytest.raises(BuildError, match="wants credentials") as caught:
            lock_environment(request_of("top", sources=sources), watched.uv)
        assert "hunter2" not in said(caught.value)
        assert "requirements.credentials" in str(caught.value.hint)
        with pytest.raises(BuildError, match="wants credentials") as ours:
            SimpleIndex(sources).files("top")
        assert "hunter2" not in said(ours.value)
    unset = PackageSources(index_url=closed.url, credentials=(IndexCredential(closed.host, "me", None, "ITS_TOKEN"),))
    with pytest.raises(SpecError, match="ITS_TOKEN is not set") as missing:
        lock_environment(request_of("top", sources=unset), watched.uv)
    assert missing.value.where == f"requirements.credentials.{closed.host}"


# Names that belong to an index


def test_a_pinned_name_comes_from_its_index_and_no_other_is_asked(
    closed: Index, other: Index, watched: Watched
) -> None:
    closed.add(wheel("acme_core", "1.0", requires=["acme-deep"]), wheel("acme_deep", "1.0"), wheel("tool", "7.0"))
    other.add(*(wheel(name, "99.0") for name in ("acme_core", "acme_deep", "low")), wheel("tool", "3.0"))
    other.add(wheel("app", "1.0", requires=["Acme_Core", "tool", "low"]))
    sources = PackageSources(
        index_url=other.url,
        pins=(IndexPin("acme-*", closed.url), IndexPin("low", closed.url)),
        credentials=(IndexCredential(closed.host, "me", SECRET),),
    )
    lock = watched.make(request_of("app", sources=sources))
    versions = {found.name: found.version for found in lock.wheels}
    assert versions == {"acme-core": "1.0", "acme-deep": "1.0", "app": "1.0", "low": "1.0", "tool": "3.0"}
    assert not [path for path in other.requests if "acme" in path or "low" in path]
    assert not [text for text in watched.leftovers() for form in forms(SECRET) if form in text]


def test_a_pinned_name_with_a_version_of_its_own(index: Index, other: Index, watched: Watched) -> None:
    index.add(wheel("mine", "1.0"), wheel("mine", "2.0"))
    other.add(wheel("mine", "1.0", body="# another one"), wheel("public", "1.0"))
    sources = PackageSources(index_url=other.url, pins=(IndexPin("mine", index.url),))
    assert watched.make(request_of("mine==1.0", "public", sources=sources)).version_of("mine") == "1.0"
    assert "/simple/mine/" not in other.requests


def test_a_pinned_name_that_its_index_lacks_is_missing(index: Index, other: Index, watched: Watched) -> None:
    other.add(wheel("mine", "1.0"), wheel("app", "1.0", requires=["mine"]))
    sources = PackageSources(index_url=other.url, pins=(IndexPin("mine", index.url),))
    for wanted in ("mine", "app"):
        with pytest.raises(BuildError, match="mine is not in the package index"):
            lock_environment(request_of(wanted, sources=sources), watched.uv)


# Certificates


def test_an_authority_of_ones_own(authority: Authority, watched: Watched) -> None:
    with serving(Index(SECRET, pages="json"), authority.context) as index:
        index.add(wheel("top", "1.0"))
        login = (IndexCredential(index.host, "me", SECRET),)
        strange = PackageSources(index_url=index.url, credentials=login)
        for attempt in (
            lambda: lock_environment(request_of("top", sources=strange), watched.uv),
            lambda: SimpleIndex(strange).files("top"),
        ):
            with pytest.raises(BuildError, match="certificate cannot be verified") as caught:
                attempt()
            assert "requirements.ca_bundle" in str(caught.value.hint)
        known = PackageSources(index_url=index.url, credentials=login, ca_bundle=authority.bundle)
        lock = watched.make(request_of("top", sources=known))
        assert [file.sha256 for file in SimpleIndex(known).files("top")] == [lock.wheels[0].sha256]
        assert "http" not in lock.text


# Proxies


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_through_a_proxy(tls: bool, authority: Authority, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Index(), authority.context if tls else None) as index, proxying(Proxy(SECRET_OF_PROXY)) as proxy:
        index.add(wheel("top", "1.0"))
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        sources = PackageSources(index_url=index.url, ca_bundle=authority.bundle)
        monkeypatch.setenv("HTTPS_PROXY" if tls else "http_proxy", proxy.url)
        watched.make(request_of("top", sources=sources))
        listed = SimpleIndex(sources).files("top")
        SimpleIndex(sources).fetch(listed[0], watched.folder / "top.whl")
        assert {one.split()[0] for one in proxy.asked} - {"HEAD"} == {"CONNECT" if tls else "GET"}
        assert not [text for text in watched.leftovers() for form in forms(SECRET_OF_PROXY) if form in text]

        proxy.asked.clear()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        shutil.rmtree(watched.cache)
        watched.make(request_of("top", sources=sources), "without")
        SimpleIndex(sources).files("top")
        assert proxy.asked == []

        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv(
            "HTTPS_PROXY" if tls else "http_proxy", proxy.url.replace(proxy.password or "", "hunter3-old")
        )
        shutil.rmtree(watched.cache)
        for attempt in (
            lambda: lock_environment(request_of("top", sources=sources), watched.uv),
            lambda: SimpleIndex(sources).files("top"),
        ):
            with pytest.raises(BuildError, match="the proxy wants credentials") as caught:
                attempt()
            assert "hunter3" not in said(caught.value)


# No network at all

CUT_OFF = """
import sys
from pathlib import Path
from deployer.environment import PackageSources, Uv, build_environment, find_python, lock_environment
from tests.integration.environment.conftest import request_of
place, python = Path(sys.argv[1]), sys.argv[2]
sources = PackageSources(index_url="https://pypi.org/simple", wheelhouse=place / "house")
lock = lock_environment(request_of("top", sources=sources), Uv.found(place / "cache" / "uv"))
report = build_environment(lock, find_python(python), place / "made", cache=place / "cache", sources=sources)
print(report.packages, report.downloaded)
"""


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("unshare"), reason="unshare(1) cuts the network off")
def test_a_wheelhouse_with_the_network_cut_off(tmp_path: Path) -> None:
    command = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this kernel lets nobody take a network away")
    (tmp_path / "house").mkdir()
    for filename, content in (wheel("top", "1.0", requires=["low"]), wheel("low", "1.0")):
        (tmp_path / "house" / filename).write_bytes(content)
    program = [*command, sys.executable, "-c", CUT_OFF, str(tmp_path), MINOR]
    answer = subprocess.run(program, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert answer.stdout == "2 0\n", answer.stderr


# Our own client


@pytest.mark.parametrize("pages", ["html", "json"])
def test_files_as_an_index_lists_them(pages: str, tmp_path: Path) -> None:
    with serving(Index(pages=pages)) as index:
        filename, content = wheel("top", "1.0")
        index.add((filename, content))
        asked = SimpleIndex(PackageSources(index_url=index.url))
        (found,) = asked.files("top")
        assert found.filename == filename
        assert asked.fetch(found, tmp_path / "got") == found.sha256
        assert (tmp_path / "got").read_bytes() == content
        with pytest.raises(BuildError, match="not the content that was asked for"):
            asked.fetch(found, tmp_path / "other", sha256="0" * 64)
        assert not (tmp_path / "other").exists()
        assert asked.files("nothing-of-that-name") == ()


def test_the_first_index_that_has_a_name_is_listed(index: Index, other: Index) -> None:
    index.add(wheel("private", "1.0"))
    other.add(wheel("private", "99.0"), wheel("public", "2.0"))
    asked = SimpleIndex(PackageSources(index_url=other.url, extra_index_urls=(index.url,)))
    assert [file.filename for file in asked.files("private")] == ["private-1.0-py3-none-any.whl"]
    assert [file.filename for file in asked.files("public")] == ["public-2.0-py3-none-any.whl"]
    pins = (IndexPin("public", index.url),)
    assert SimpleIndex(PackageSources(index_url=other.url, pins=pins)).files("public") == ()


def test_a_redirect_does_not_take_the_login_along(closed: Index, other: Index) -> None:
    other.add(wheel("moved", "1.0"))
    closed.elsewhere["/simple/moved/"] = f"{other.url}/moved/"
    sources = PackageSources(index_url=closed.url, credentials=(IndexCredential(closed.host, "me", SECRET),))
    assert SimpleIndex(sources).files("moved")
    assert set(other.authorizations) == {None}
    closed.elsewhere["/simple/local/"] = "file:///etc/passwd"
    with pytest.raises(BuildError):
        SimpleIndex(sources).files("local")
