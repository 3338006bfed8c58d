"""Files into and out of volumes, through a container that is never started.

So they are in no environment, label, argument or image, and nothing of an image has to run for it.
"""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from deployer.errors import Conflict, TargetUnavailable
from deployer_docker.archives import archive
from deployer_docker.client import is_missing, told
from deployer_docker.marks import Marks, object_name, read_marks
from deployer_docker.removing import remove_container
from deployer_docker.requests import courier_body

__all__ = ["Courier", "Way", "any_image"]


def any_image(api: Any, preferred: str) -> str:
    """Id of an image that the engine has; which one does not matter, since nothing of it is run.

    Raises:
        TargetUnavailable: It has none yet; transient.
    """
    with told("look at the engine's images", preferred):
        try:
            return str(api.inspect_image(preferred)["Id"])
        except Exception as error:
            if not is_missing(error):
                raise
        images = api.images()
    if not images:
        raise TargetUnavailable("the engine has no image yet, through which files could be stored", transient=True)
    return str(images[0]["Id"])


class Courier:
    """Makes such containers for one endpoint.

    Args:
        api: docker-py's low-level client.
        endpoint: Which.
        owner: Whose it is.
        image: Any that the engine has; nothing of it is run.
    """

    def __init__(self, api: Any, endpoint: str, owner: str, image: str) -> None:
        self._api = api
        self._endpoint = endpoint
        self._owner = owner
        self._image = image

    def have_volume(self, name: str, marks: Marks) -> None:
        """Make a volume if it is not there.

        Raises:
            Conflict: One of that name is not ours.
        """
        with told("make a volume", name):
            made = self._api.create_volume(name, driver="local", labels=marks.labels())
        found = read_marks(made.get("Labels"))
        if found is None or found.endpoint != self._endpoint:
            raise Conflict(f"the engine has a volume {name} that deployer did not make", where=name)

    @contextmanager
    def open(self, volumes: Mapping[str, str]) -> Iterator[Way]:
        """A way into volumes, while the ``with`` block runs; folder -> volume."""
        body = courier_body(self._endpoint, self._owner, self._image, volumes)
        name = object_name(self._endpoint, f"courier-{uuid.uuid4().hex[:8]}")
        with told("reach a volume", self._endpoint):
            made = str(self._api.create_container_from_config(body, name)["Id"])
        try:
            yield Way(self._api, made, self._endpoint)
        finally:
            remove_container(self._api, made)


class Way:
    """Reads and writes files there, which the servers alone can read."""

    def __init__(self, api: Any, container: str, endpoint: str) -> None:
        self._api = api
        self._container = container
        self._endpoint = endpoint

    def put(self, folder: str, content: Mapping[str, bytes]) -> None:
        """Write files."""
        with told("store files", self._endpoint):
            self._api.put_archive(self._container, folder, archive(content, private=True))

    def read(self, path: str) -> bytes | None:
        """A file's content, or None."""
        with told("read a file", self._endpoint):
            try:
                chunks, _ = self._api.get_archive(self._container, path)
                data = b"".join(chunks)
            except Exception as error:
                if is_missing(error):
                    return None
                raise
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            member = tar.next()
            file = tar.extractfile(member) if member is not None and member.isfile() else None
            return file.read() if file is not None else None
