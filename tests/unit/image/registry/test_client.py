"""What the client does when a registry wants a login, redirects, fails, or is cut off."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.errors import BuildError, DeployerError, TargetUnavailable
from deployer.image.registry import RegistryClient, Transport
from deployer.image.registry.client import MANIFESTS
from deployer.image.registry.upload import Upload, mount_or_start
from deployer.image.values import ImageReference
from deployer.target import Credentials
from tests.unit.image.registry.server import IDENTITY, PASSWORD, USER, State, digest_of, registry

SECRETS = (PASSWORD, IDENTITY, "token-1", base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())


def client(
    state: State, credentials: Callable[[], Credentials] | None = None, waits: list[float] | None = None
) -> RegistryClient:
    slept = waits if waits is not None else []
    return RegistryClient(state.host, credentials=credentials, transport=Transport(sleep=slept.append))


def known() -> Credentials:
    return Credentials(USER, PASSWORD)


def at(state: State, tag: str | None = "1", digest: str | None = None) -> ImageReference:
    return ImageReference(state.host, "team/iris", tag, digest)


def with_manifest(state: State) -> bytes:
    content = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    state.manifests["team/iris", "1"] = state.manifests["team/iris", digest_of(content)] = (MANIFESTS[0], content)
    return content


def test_a_manifest_has_the_digest_of_its_bytes() -> None:
    with registry() as state, client(state) as asked:
        content = with_manifest(state)
        found = asked.manifest(at(state))
        assert (found.digest, found.media_type, found.content) == (digest_of(content), MANIFESTS[0], content)
        assert asked.find_manifest(at(state)) == digest_of(content)
        assert asked.find_manifest(at(state, "2")) is None
        wrong = "sha256:" + "0" * 64
        state.manifests["team/iris", wrong] = (MANIFESTS[0], content)
        with pytest.raises(BuildError, match="not what its digest says"):
            asked.manifest(at(state, None, wrong))


def test_tokens_are_fetched_once_for_each_scope_and_anew_when_they_are_refused() -> None:
    with registry(tokens=True) as state, client(state, known) as asked:
        with_manifest(state)
        asked.manifest(at(state))
        asked.manifest(at(state))
        assert state.granted == 1
        assert "scope=repository%3Ateam%2Firis%3Apull" in next(path for _, path, _ in state.asked if "/token" in path)
        state.valid.clear()
        asked.manifest(at(state))
        assert state.granted == 2
        asked.has_blob(at(state), "sha256:" + "0" * 64)
        assert state.granted == 3


def test_docker_s_identity_token_is_given_to_the_token_server_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry(tokens=True) as state:
        entry = {"auth": base64.b64encode(b"ann:").decode(), "identitytoken": IDENTITY}
        (tmp_path / "config.json").write_text(json.dumps({"auths": {state.host: entry}}))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        with client(state) as asked:
            with_manifest(state)
            asked.manifest(at(state))
        posts = [path for method, path, _ in state.asked if method == "POST"]
        assert posts == ["/token"]
        assert not any(IDENTITY in str(headers) + path for _, path, headers in state.asked)


def test_anybody_gets_a_token_where_the_image_is_free() -> None:
    with registry(tokens=True, anonymous=True) as state, client(state) as asked:
        with_manifest(state)
        assert asked.manifest(at(state)).content


def test_credentials_are_asked_for_again_when_they_ran_out() -> None:
    given = [Credentials(USER, "old"), known()]
    with registry(basic=True) as state, client(state, lambda: given.pop(0)) as asked:
        with_manifest(state)
        asked.manifest(at(state))
        assert given == []


@pytest.mark.parametrize("tokens", [True, False])
def test_wrong_credentials_are_refused_at_once_and_never_shown(tokens: bool) -> None:
    waits: list[float] = []
    how = {"tokens": True} if tokens else {"basic": True}
    with registry(**how, login=("ann", "another")) as state, client(state, known, waits) as asked:
        with pytest.raises(BuildError, match="does not accept these credentials") as caught:
            asked.manifest(at(state))
        assert_no_secret(caught.value)
        with pytest.raises(TargetUnavailable, match="does not accept these credentials") as denied:
            asked.put_manifest(at(state), b"{}", MANIFESTS[0])
        assert not denied.value.transient
        assert waits == []


def test_without_a_login_the_hint_says_how_and_why_the_helper_was_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "not-there"}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with registry(basic=True) as state, client(state) as asked:
        with pytest.raises(BuildError, match="wants a login, or there is no such image") as caught:
            asked.manifest(at(state))
        assert caught.value.where == f"{state.host}/team/iris:1"
        assert "docker-credential-not-there" in str(caught.value.hint)
        assert f"docker login {state.host}" in str(caught.value.hint)


def test_what_passes_is_tried_again_after_the_time_that_is_asked_for() -> None:
    waits: list[float] = []
    with registry(failures=[(503, {}), (429, {"Retry-After": "7"})]) as state, client(state, waits=waits) as asked:
        with_manifest(state)
        assert asked.manifest(at(state)).content
        assert len(waits) == 2
        assert waits[1] >= 7


@pytest.mark.parametrize(
    ("status", "message", "transient"), [(500, "failed with HTTP 500", True), (429, "wants fewer requests", True)]
)
def test_what_does_not_pass_is_transient_in_the_end(status: int, message: str, transient: bool) -> None:
    with registry(failures=[(status, {})] * 9) as state, client(state) as asked:
        with pytest.raises(TargetUnavailable, match=message) as caught:
            asked.manifest(at(state))
        assert caught.value.transient == transient


def test_a_host_that_does_not_answer() -> None:
    with registry() as state:
        host = state.host
    asked = RegistryClient(host, transport=Transport(sleep=lambda _: None))
    with pytest.raises(TargetUnavailable, match=f"{host} does not answer: Connection refused") as caught:
        asked.manifest(ImageReference(host, "x", "1"))
    assert caught.value.transient


def test_a_certificate_bundle_that_is_not_there(tmp_path: Path) -> None:
    asked = RegistryClient("registry.invalid", transport=Transport(ca_bundle=tmp_path / "none.pem"))
    with pytest.raises(TargetUnavailable, match="no file of certificates"):
        asked.manifest(ImageReference("registry.invalid", "x", "1"))


def test_redirected_blobs_are_asked_for_without_credentials() -> None:
    with registry() as elsewhere, registry(basic=True, redirect=f"http://{elsewhere.host}") as state:
        digest = state.add_blob("team/iris", b"content" * 1000)
        elsewhere.add_blob("team/iris", b"content" * 1000)
        with client(state, known) as asked, asked.open_blob(at(state), digest) as blob:
            assert blob.read() == b"content" * 1000
        assert elsewhere.asked
        assert all("Authorization" not in headers for _, _, headers in elsewhere.asked)


def test_netrc_does_not_take_our_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with registry(basic=True) as state, client(state, known) as asked:
        with_manifest(state)
        assert asked.manifest(at(state)).content


def test_a_download_goes_on_where_it_was_cut() -> None:
    content = bytes(range(256)) * 20_000
    with registry(break_blob_after=[1_000_000, 5]) as state, client(state) as asked:
        digest = state.add_blob("team/iris", content)
        with asked.open_blob(at(state), digest, len(content)) as blob:
            assert blob.read() == content
        ranges = [headers.get("Range") for method, path, headers in state.asked if method == "GET" and "blobs" in path]
        assert ranges == [None, "bytes=1000000-", "bytes=1000005-"]


def test_a_download_that_is_cut_too_often() -> None:
    with registry(break_blob_after=[1] * 20) as state, client(state) as asked:
        digest = state.add_blob("team/iris", b"x" * 1000)
        with asked.open_blob(at(state), digest, 1000) as blob, pytest.raises(TargetUnavailable) as caught:
            blob.read()
        assert caught.value.transient


def test_a_blob_that_is_something_else() -> None:
    with registry() as state, client(state) as asked:
        digest = digest_of(b"right")
        state.blobs["team/iris", digest] = b"wrong"
        with asked.open_blob(at(state), digest) as blob, pytest.raises(BuildError, match="not what its digest says"):
            blob.read()


def upload(state: State, asked: RegistryClient, content: bytes, piece: int = 1 << 20) -> tuple[Upload, list[int]]:
    told: list[int] = []
    it = Upload(
        asked, at(state), digest_of(content), len(content), lambda: io.BytesIO(content), told.append, piece=piece
    )
    started = mount_or_start(asked, at(state), it.digest, ())
    assert started is not None
    it.run(started)
    assert state.blobs["team/iris", it.digest] == content
    assert sum(told) == len(content)
    return it, told


def test_a_small_blob_goes_in_one() -> None:
    with registry(basic=True) as state, client(state, known) as asked:
        it, _ = upload(state, asked, b"x" * 1000)
        assert it.sent == 1000
        assert [state.count(method) for method in ("PATCH", "PUT")] == [1, 1]
        assert not any("Content-Range" in headers for _, _, headers in state.asked)


def test_an_empty_blob() -> None:
    with registry() as state, client(state) as asked:
        upload(state, asked, b"")


def test_a_large_blob_goes_on_where_the_registry_is() -> None:
    content = bytes(range(256)) * 40_000
    with registry(break_upload_after=[1 << 30, 200_000, 1 << 30, 3]) as state, client(state) as asked:
        it, _ = upload(state, asked, content)
        assert state.count("POST") == 1
        assert it.sent < len(content) + 2 * (1 << 20) + 65536


def test_a_registry_that_lost_count_gets_the_blob_anew() -> None:
    content = bytes(range(256)) * 40_000
    with registry(break_upload_after=[1 << 30, 200_000], keeps_partial=False) as state, client(state) as asked:
        it, told = upload(state, asked, content)
        assert state.count("POST") == 2
        assert it.sent > len(content)
        assert min(told) < 0


def test_a_registry_that_takes_no_pieces_gets_it_in_one() -> None:
    content = bytes(range(256)) * 40_000
    with registry(pieces=False) as state, client(state) as asked:
        upload(state, asked, content)
        assert state.count("PATCH") == 3


def test_an_upload_that_does_not_get_on_is_given_up() -> None:
    content, waits = bytes(range(256)) * 40_000, list[float]()
    with registry(break_upload_after=[1 << 30, *([0] * 100)]) as state, client(state, waits=waits) as asked:
        started = mount_or_start(asked, at(state), digest_of(content), ())
        assert started is not None
        it = Upload(
            asked,
            at(state),
            digest_of(content),
            len(content),
            lambda: io.BytesIO(content),
            lambda _: None,
            piece=1 << 20,
        )
        with pytest.raises(TargetUnavailable):
            it.run(started)
        assert sum(waits) > 5


def test_a_connection_that_breaks_too_often() -> None:
    with registry(break_upload_after=[3] * 20, keeps_partial=False) as state, client(state) as asked:
        started = mount_or_start(asked, at(state), digest_of(b"x" * 100), ())
        assert started is not None
        it = Upload(asked, at(state), digest_of(b"x" * 100), 100, lambda: io.BytesIO(b"x" * 100), lambda _: None)
        with pytest.raises(TargetUnavailable) as caught:
            it.run(started)
        assert caught.value.transient


def test_a_blob_of_another_repository_is_mounted() -> None:
    with registry() as state, client(state) as asked:
        digest = state.add_blob("library/python", b"layer")
        assert mount_or_start(asked, at(state), digest, ("not/there",)) is not None
        assert mount_or_start(asked, at(state), digest, ("library/python",)) is None
        assert asked.has_blob(at(state), digest)


def test_an_upload_is_not_sent_anywhere_without_tls() -> None:
    asked = RegistryClient("registry.invalid")
    asked._root = "https://registry.invalid"
    to = at(State())
    assert asked._url(asked._asked(to), "http://registry.invalid/v2/x?a=b") == "https://registry.invalid/v2/x?a=b"
    with pytest.raises(TargetUnavailable, match="without TLS"):
        asked._url(asked._asked(to), "http://elsewhere.invalid/v2/x")


def assert_no_secret(error: DeployerError) -> None:
    text = " ".join(filter(None, (error.message, error.where, error.hint, repr(error))))
    assert not [secret for secret in SECRETS if secret in text]


def test_who_may_not_is_told_so_and_not_that_the_password_is_wrong() -> None:
    denied = {"WWW-Authenticate": 'X realm="x",error="insufficient_scope"'}
    with registry(basic=True) as state, client(state, known) as asked:
        with_manifest(state)
        asked.manifest(at(state))
        state.failures = [(401, denied)]
        with pytest.raises(BuildError, match="does not allow these credentials to read this"):
            asked.manifest(at(state))
    with registry(failures=[(403, {})] * 2) as state, client(state) as asked:
        with pytest.raises(TargetUnavailable, match="does not allow anybody without a login to push to this"):
            asked.put_manifest(at(state), b"{}", MANIFESTS[0])
        with pytest.raises(BuildError, match="or there is no such image"):
            asked.manifest(at(state))
