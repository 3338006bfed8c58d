"""Wheels as files: of the locked content or not at all, wherever they come from."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deployer.environment import Lock, LockedWheel, PackageSources, Uv, host_platform
from deployer.environment.request import IndexCredential, IndexPin
from deployer.errors import BuildError, TargetUnavailable
from deployer.image.downloading import Download
from deployer.image.wheels import WheelFiles
from deployer.model.progress import Meter, Progress
from tests.integration.environment.index import Index, serving, wheel


def locked(*files: tuple[str, bytes]) -> Lock:
    wheels = tuple(
        LockedWheel(name.split("-")[0], name.split("-")[1], name, hashlib.sha256(content).hexdigest(), len(content))
        for name, content in files
    )
    return Lock("3.11", host_platform(), wheels)


ONE, TWO = wheel("one", "1.0"), wheel("two", "2.0")
LOCK = locked(ONE, TWO)


@pytest.fixture
def index() -> Generator[Index, None, None]:
    with serving(Index()) as answering:
        answering.add(ONE, TWO)
        yield answering


def files(place: Path, sources: PackageSources, lock: Lock = LOCK) -> WheelFiles:
    return WheelFiles(lock, sources, place / "wheels", Uv.found(place / "uv"))


def fetched(found: WheelFiles) -> dict[str, bytes]:
    return {wheel.filename: path.read_bytes() for wheel, path in found.each(found.lock.wheels)}


def test_fetched_once(index: Index, tmp_path: Path) -> None:
    sources, seen = PackageSources(index_url=index.url), list[Progress]()
    first = files(tmp_path, sources)
    assert {w.filename: p.read_bytes() for w, p in first.each(LOCK.wheels, seen.append)} == dict([ONE, TWO])
    total = sum(len(content) for _, content in (ONE, TWO))
    assert (first.downloaded, first.downloaded_bytes, seen[-1]) == (2, total, Progress(total, total, "bytes"))
    index.requests.clear()
    second = files(tmp_path, sources)
    assert fetched(second) == dict([ONE, TWO])
    assert (second.downloaded, index.requests) == (0, [])
    assert sorted(path.name for path in (tmp_path / "wheels").iterdir()) == sorted(
        f"{w.sha256}.whl" for w in LOCK.wheels
    )


def test_a_damaged_one_is_fetched_again(index: Index, tmp_path: Path) -> None:
    found = files(tmp_path, PackageSources(index_url=index.url))
    fetched(found)
    (tmp_path / "wheels" / f"{LOCK.wheels[0].sha256}.whl").write_bytes(b"damaged")
    assert fetched(found) == dict([ONE, TWO])
    assert found.downloaded == 3


def test_an_index_that_serves_another_content(index: Index, tmp_path: Path) -> None:
    index.announced[ONE[0]] = LOCK.wheels[0].sha256
    index.files["one"][ONE[0]] = wheel("one", "1.0", body="evil = 1")[1]
    with pytest.raises(BuildError, match="its SHA-256 is another") as caught:
        fetched(files(tmp_path, PackageSources(index_url=index.url)))
    assert caught.value.where == ONE[0]
    assert not (tmp_path / "wheels" / f"{LOCK.wheels[0].sha256}.whl").exists()


def test_an_index_that_has_it_no_more(index: Index, tmp_path: Path) -> None:
    index.files["one"] = {}
    with pytest.raises(BuildError) as caught:
        fetched(files(tmp_path, PackageSources(index_url=index.url)))
    assert "one" in str(caught.value)


def test_an_index_with_a_newer_wheel_of_that_version(index: Index, tmp_path: Path) -> None:
    index.add(wheel("one", "1.0", tag="py311-none-any"))
    assert fetched(files(tmp_path, PackageSources(index_url=index.url)))[ONE[0]] == ONE[1]


def test_credentials_are_those_of_the_index(tmp_path: Path) -> None:
    with serving(Index(password="s3cret")) as shut:
        shut.add(ONE, TWO)
        with pytest.raises(BuildError, match="credentials"):
            fetched(files(tmp_path, PackageSources(index_url=shut.url)))
        with (tmp_path / "netrc").open("w") as file:
            file.write("machine 127.0.0.1 login me password s3cret\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NETRC", str(tmp_path / "netrc"))
            assert fetched(files(tmp_path, PackageSources(index_url=shut.url))) == dict([ONE, TWO])
        given = (IndexCredential(f"127.0.0.1:{shut.port}", "me", "s3cret"),)
        assert fetched(files(tmp_path / "again", PackageSources(index_url=shut.url, credentials=given)))


def test_a_pinned_name_is_asked_for_at_its_index_alone(index: Index, tmp_path: Path) -> None:
    with serving(Index()) as private:
        private.add(ONE)
        index.files["one"] = dict([wheel("one", "1.0", body="public = 1")])
        sources = PackageSources(index_url=index.url, pins=(IndexPin("one", private.url),))
        index.requests.clear()
        assert fetched(files(tmp_path, sources)) == dict([ONE, TWO])
        assert not [path for path in index.requests if "/one" in path]
        assert not [path for path in private.requests if "/two" in path]


def test_a_wheelhouse_and_the_models_own(index: Index, tmp_path: Path) -> None:
    house, model = tmp_path / "house", tmp_path / "model"
    house.mkdir()
    (model / "wheels").mkdir(parents=True)
    (house / TWO[0]).write_bytes(TWO[1])
    (model / "wheels" / ONE[0]).write_bytes(ONE[1])
    inside = Lock(LOCK.python, LOCK.platform, (replace(LOCK.wheels[0], path=f"wheels/{ONE[0]}"), LOCK.wheels[1]))
    sources = PackageSources(wheelhouse=house, model_root=model)
    for lock in (inside, LOCK):  # the lock that is read from an image does not say where in the model it lies
        found = files(tmp_path, sources, lock)
        assert fetched(found) == dict([ONE, TWO])
        assert found.downloaded == 0
    (house / TWO[0]).write_bytes(b"other")
    with pytest.raises(BuildError, match="the wheelhouse has another content"):
        fetched(files(tmp_path, sources))
    (house / TWO[0]).unlink()
    with pytest.raises(BuildError, match="there is no"):
        fetched(files(tmp_path, sources))
    (model / "wheels" / ONE[0]).write_bytes(b"other")
    with pytest.raises(BuildError, match="the model's wheel"):
        fetched(files(tmp_path, sources, inside))


def test_a_trusted_address(index: Index, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{index.port}/files/one/{ONE[0]}"
    index.requests.clear()
    found = files(tmp_path, PackageSources(index_url=index.url, trust=(url,)), locked(ONE))
    assert fetched(found) == dict([ONE])
    assert index.requests == [f"/files/one/{ONE[0]}"]


CONTENT = bytes(range(256)) * 4000


class Flaky:
    """A server that breaks off, or is busy, before it answers as it should."""

    def __init__(self, *moods: str, ranges: bool = True) -> None:
        self.moods, self.ranges = list(moods), ranges
        self.asked: list[str | None] = []
        self.url = ""

    @contextmanager
    def serving(self) -> Generator[str, None, None]:
        flaky = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                flaky.asked.append(asked)
                mood = flaky.moods.pop(0) if flaky.moods else "well"
                if mood.isdigit():
                    self.send_response(int(mood))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = int(asked.partition("=")[2].rstrip("-")) if asked and flaky.ranges else 0
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(CONTENT) - start))
                self.end_headers()
                end = start + 600_000 if mood == "breaks" else len(CONTENT)
                self.wfile.write(CONTENT[start:end])
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/x.whl"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def download(flaky: Flaky, into: Path) -> str:
    with flaky.serving() as url, Download(PackageSources(), Meter(None, "bytes"), pause=0) as session:
        return session.fetch(url, into)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_connection_is_gone_on_with(ranges: bool, tmp_path: Path) -> None:
    flaky = Flaky("breaks", "503", ranges=ranges)
    assert download(flaky, tmp_path / "x") == hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert flaky.asked[0] is None
    assert flaky.asked[1] == flaky.asked[2] != "bytes=0-"


@pytest.mark.parametrize(
    ("mood", "error", "times"), [("503", TargetUnavailable, 5), ("404", BuildError, 1), ("403", BuildError, 1)]
)
def test_what_is_asked_again_and_what_is_not(mood: str, error: type[Exception], times: int, tmp_path: Path) -> None:
    flaky = Flaky(*[mood] * 9)
    with pytest.raises(error):
        download(flaky, tmp_path / "x")
    assert len(flaky.asked) == times


def test_nobody_answers(tmp_path: Path) -> None:
    with Flaky().serving() as url:
        pass
    with (
        Download(PackageSources(), Meter(None, "bytes"), pause=0) as session,
        pytest.raises(TargetUnavailable) as caught,
    ):
        session.fetch(url, tmp_path / "x")
    assert caught.value.transient
    assert "refused" in caught.value.message
