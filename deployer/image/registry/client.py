"""A registry's client: manifests and blobs, read and written, each checked against its digest.

Source: the OCI distribution specification 1.1, and distribution's HTTP API for Docker's own manifests.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from deployer.errors import BuildError, TargetUnavailable
from deployer.image.reference import DOCKER_HUB, name_of
from deployer.image.registry.blobs import Resumed, Verified
from deployer.image.registry.challenge import parse_challenges
from deployer.image.registry.credentials import DockerCredentials, Login
from deployer.image.registry.refusals import Asked, reason_of, refused, unreachable
from deployer.image.registry.tokens import Authority, scope
from deployer.image.registry.transport import Transport, is_loopback, same_origin
from deployer.image.values import ImageReference

if TYPE_CHECKING:
    import requests

    from deployer.target import Credentials

__all__ = ["MANIFESTS", "Manifest", "RegistryClient"]

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""The media types that are understood."""

_LARGEST_MANIFEST = 8 << 20
_LARGEST_ERROR = 64 << 10


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index.

    Attributes:
        digest: As computed from `content`.
        media_type: As the registry says.
        content: Its exact bytes.
    """

    digest: str
    media_type: str
    content: bytes = field(repr=False)


class RegistryClient:
    """One registry. May be used by several threads.

    Args:
        registry: Host and port.
        credentials: Asked when needed, and again when they are refused; None for Docker's own.
        plain: Whether plain http may be spoken; to loopback it always may. TLS is tried first.
        transport: How requests are sent.
    """

    def __init__(
        self,
        registry: str,
        *,
        credentials: Callable[[], Credentials] | None = None,
        plain: bool = False,
        transport: Transport | None = None,
    ) -> None:
        self.registry = registry
        self.transport = transport or Transport()
        self._may_be_plain = plain or is_loopback(registry)
        self._docker = DockerCredentials()
        self._given = credentials
        self._root: str | None = None
        self._lock = threading.Lock()
        self._authority = Authority(self._login, self.transport)

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    def manifest(self, reference: ImageReference) -> Manifest:
        """The manifest or index of a tag or, when it has one, a digest.

        Raises:
            BuildError: There is none, we may not read it, or it is not what its digest says.
            TargetUnavailable: The registry does not answer.
        """
        asked = self._asked(reference)
        answer = self._manifest_request("GET", reference, asked)
        content = answer.raw.read(_LARGEST_MANIFEST + 1, decode_content=False)
        answer.close()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        stated = reference.digest or answer.headers.get("Docker-Content-Digest", "")
        if len(content) > _LARGEST_MANIFEST or (stated.startswith("sha256:") and stated != digest):
            raise BuildError(
                f"the manifest is not what its digest says: {stated}",
                where=asked.where,
                hint="try again; if it stays so, the registry or a proxy before it is broken",
            )
        return Manifest(digest, answer.headers.get("Content-Type", "").partition(";")[0].strip(), content)

    def find_manifest(self, reference: ImageReference) -> str | None:
        """The digest that a tag has, or of a digest itself if the registry has it; None without one.

        Raises:
            TargetUnavailable: The registry does not answer, or we may not ask.
        """
        asked = self._asked(reference, write=True)
        answer = self._manifest_request("HEAD", reference, asked, absent_is_fine=True)
        answer.close()
        if answer.status_code == 404:
            return None
        return reference.digest or answer.headers.get("Docker-Content-Digest")

    def put_manifest(self, reference: ImageReference, content: bytes, media_type: str) -> str:
        """Stores a manifest under its tag, or under its digest alone; gives its digest.

        Raises:
            TargetUnavailable: It is refused, or the registry does not answer.
        """
        asked = self._asked(reference, write=True)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        path = f"/v2/{reference.repository}/manifests/{reference.tag or digest}"
        self.request(
            asked,
            "PUT",
            path,
            push=reference.repository,
            data=content,
            headers={"Content-Type": media_type},
            ok=(201, 200),
        ).close()
        return digest

    @contextlib.contextmanager
    def open_blob(self, reference: ImageReference, digest: str, size: int | None = None) -> Iterator[BinaryIO]:
        """A blob as a stream, which goes on after a broken connection and is checked against its digest at its end.

        Raises:
            BuildError: There is none, we may not read it, or it is not what its digest says.
            TargetUnavailable: The registry does not answer.
        """
        asked = self._asked(reference)

        def open_at(offset: int) -> requests.Response:
            headers = {"Range": f"bytes={offset}-"} if offset else {}
            path = f"/v2/{reference.repository}/blobs/{digest}"
            return self.request(asked, "GET", path, pull=(reference.repository,), headers=headers, ok=(200, 206))

        source = Resumed(open_at, size, lambda error: unreachable(asked, reason_of(error)))
        with io.BufferedReader(Verified(source, digest, asked.where), 1 << 18) as stream:
            yield stream

    def has_blob(self, reference: ImageReference, digest: str) -> bool:
        """Whether a repository has a blob.

        Raises:
            TargetUnavailable: The registry does not answer, or we may not ask.
        """
        path = f"/v2/{reference.repository}/blobs/{digest}"
        asked = self._asked(reference, write=True)
        answer = self.request(asked, "HEAD", path, push=reference.repository, ok=(200, 404))
        answer.close()
        return answer.status_code == 200

    def request(
        self,
        asked: Asked,
        method: str,
        path: str,
        *,
        pull: tuple[str, ...] = (),
        push: str | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        params: tuple[tuple[str, str], ...] = (),
        ok: tuple[int, ...] = (200,),
        attempts: int | None = None,
    ) -> requests.Response:
        """One request of the API, with what the registry wants in ``Authorization``.

        Args:
            asked: For errors.
            method: HTTP's.
            path: From the registry's root, or a whole URL that the registry gave; credentials go to the registry only.
            pull: Repositories that are read.
            push: The repository that is written.
            headers: More of them.
            data: Its body.
            params: Its query.
            ok: Statuses that are an answer.
            attempts: Other than usual.

        Raises:
            BuildError: Or
            TargetUnavailable: It is refused (see `refused`), or there is no answer.
        """
        scopes = (*((scope(push, push=True),) if push else ()), *(scope(each) for each in pull if each != push))
        url = self._url(asked, path)
        ours = same_origin(url, self._base(asked))
        extra = {"attempts": attempts} if attempts else {}
        used = self._authority.header(scopes) if ours else None
        left = 2  # a token that ran out, then credentials that did
        while True:
            sent = {**(headers or {}), **({"Authorization": used} if used else {})}
            answer = self.transport.send(asked, method, url, headers=sent, data=data, params=params, **extra)
            left -= 1
            if answer.status_code != 401 or not ours or left < 0:
                break
            challenges = parse_challenges(answer.headers.get("WWW-Authenticate", ""))
            header = self._authority.answer(asked, challenges, scopes, used)
            if header is None or header == used:
                break
            answer.close()
            used = header
            if hasattr(data, "seek"):
                data.seek(0)
        if answer.status_code in ok:
            return answer
        body = b"" if method == "HEAD" else answer.raw.read(_LARGEST_ERROR, decode_content=False)
        answer.close()
        raise refused(
            asked,
            403 if _lacks_scope(answer) and self._authority.with_login else answer.status_code,
            body,
            with_login=self._authority.with_login,
            trouble=self._docker.trouble,
            secrets=self._authority.secrets,
        )

    def _manifest_request(
        self, method: str, reference: ImageReference, asked: Asked, *, absent_is_fine: bool = False
    ) -> requests.Response:
        path = f"/v2/{reference.repository}/manifests/{reference.digest or reference.tag}"
        ok = (200, 404) if absent_is_fine else (200,)
        headers = {"Accept": ", ".join(MANIFESTS)}
        if asked.action == "write":
            return self.request(asked, method, path, push=reference.repository, headers=headers, ok=ok)
        return self.request(asked, method, path, pull=(reference.repository,), headers=headers, ok=ok)

    def _asked(self, reference: ImageReference, *, write: bool = False) -> Asked:
        host = "docker.io" if self.registry == DOCKER_HUB else self.registry
        return Asked(name_of(reference), host, "write" if write else "read")

    def _url(self, asked: Asked, path: str) -> str:
        """A path, or a URL that the registry gave for an upload, with TLS where the registry has it.

        A registry behind a proxy that ends TLS may not know that it has it, and give URLs with ``http:``.
        """
        base = self._base(asked)
        url = urljoin(base, path)
        if url.startswith("http://") and not base.startswith("http://"):
            if urlsplit(url).hostname != urlsplit(base).hostname:
                raise TargetUnavailable(
                    f"{asked.host} wants data sent to another place without TLS, which is not done", where=asked.where
                )
            return urlsplit(url)._replace(scheme="https", netloc=urlsplit(base).netloc).geturl()
        return url

    def _base(self, asked: Asked) -> str:
        with self._lock:
            if self._root is None:
                self._root = self._find_root(asked)
                self._authority.plain = self._root.startswith("http://")
            return self._root

    def _find_root(self, asked: Asked) -> str:
        secure = f"https://{self.registry}"
        if not self._may_be_plain:
            return secure
        try:
            self.transport.send(asked, "GET", f"{secure}/v2/", attempts=1).close()
        except TargetUnavailable as error:
            if "certificate" in error.message:
                raise
            return f"http://{self.registry}"
        return secure

    def _login(self) -> Login | None:
        if self._given is None:
            return self._docker.find(self.registry)
        given = self._given()
        return Login(given.username, given.password)


def _lacks_scope(answer: requests.Response) -> bool:
    challenges = parse_challenges(answer.headers.get("WWW-Authenticate", ""))
    return answer.status_code == 401 and any(
        each.parameters.get("error") == "insufficient_scope" for each in challenges
    )
