"""The bench's mirror answers as its upstream does, asks it once for each thing, and serves ranges as uv wants them."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bench.contest.mirror import mirror

WHEEL = bytes(range(256))


class Upstream(http.server.BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        page = json.dumps({"name": "x", "files": [{"url": "../../files/x-1-py3-none-any.whl#frag"}]}).encode()
        answers = {"/simple/x/": page, "/files/x-1-py3-none-any.whl": WHEEL}
        data = answers.get(self.path)
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the contract's name
        pass


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_address[1]}/simple")
        Upstream.asked.clear()
        yield Upstream.asked
        server.shutdown()
        thread.join()


def get(url: str, **headers: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return answer.status, answer.read()


def test_each_thing_is_asked_of_upstream_once_and_files_are_kept_for_the_next_run(
    upstream: list[str], tmp_path: Path
) -> None:
    for _ in range(2):
        with mirror("127.0.0.1", tmp_path) as served:
            for _ in range(2):
                (file,) = json.loads(get(f"{served.url}/x/")[1])["files"]
                assert file["url"].startswith(served.url.removesuffix("simple"))
                assert file["url"].endswith("/x-1-py3-none-any.whl#frag")
                assert get(file["url"].partition("#")[0]) == (200, WHEEL)
            assert 2 * len(WHEEL) < served.sent < 4 * len(WHEEL)
    assert upstream == ["/simple/x/", "/files/x-1-py3-none-any.whl", "/simple/x/"]


@pytest.mark.parametrize(
    ("wanted", "data"),
    [("bytes=10-19", WHEEL[10:20]), ("bytes=-16", WHEEL[-16:]), ("bytes=250-", WHEEL[250:]), ("bytes=0-999", WHEEL)],
)
def test_a_range_of_a_file(upstream: list[str], tmp_path: Path, wanted: str, data: bytes) -> None:
    with mirror("127.0.0.1", tmp_path) as served:
        (file,) = json.loads(get(f"{served.url}/x/")[1])["files"]
        assert get(file["url"].partition("#")[0], Range=wanted) == (206, data)


def test_what_nobody_has_is_not_found(upstream: list[str], tmp_path: Path) -> None:
    with mirror("127.0.0.1", tmp_path) as served:
        for place in (f"{served.url}/y/", served.url.replace("simple", "files/0/z.whl")):
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(place)
            assert refused.value.code == 404
