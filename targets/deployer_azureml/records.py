"""Where Records are read and written: one blob for each endpoint, in the workspace's own store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from deployer.endpoint import Record
from deployer.errors import SpecError
from deployer.target.stored import overtaken, record_bytes, record_of, word_of
from deployer_azureml.client import told
from deployer_azureml.errors import Refused
from deployer_azureml.placing import Placing

__all__ = ["Records"]


class Records:
    """The Records of one workspace.

    Args:
        placing: Knows its store.
    """

    def __init__(self, placing: Placing) -> None:
        self._placing = placing

    @property
    def place(self) -> str:
        """A digest of where they lie (`deployer_azureml.placing.Placing.records`)."""
        return self._placing.records

    def read(self, endpoint: str) -> tuple[Record, str] | None:
        """The Record and its version, or None when there is none, or none that can be read.

        Raises:
            TargetUnavailable: The store does not answer, or another version of deployer wrote it.
        """
        with told(f"read the record of {endpoint}", self._name(endpoint)):
            found = self._get(endpoint)
        record = record_of(found[0], self._name(endpoint)) if found is not None else None
        return (record, found[1]) if record is not None and found is not None else None

    def write(self, record: Record, expected: str | None) -> str:
        """Compare and swap, as `deployer.target.Target.write_record`, but for the look at what is foreign."""
        with told(f"keep the record of {record.endpoint}", self._name(record.endpoint)):
            return self._write(record, expected)

    def forget(self, endpoint: str, version: str) -> None:
        """Remove the Record, if it is still that version.

        Raises:
            ClaimLost: Somebody else wrote meanwhile.
        """
        blobs = self._placing.blobs
        with told(f"remove the record of {endpoint}", self._name(endpoint)):
            try:
                self._placing.store.ask("DELETE", blobs.address(endpoint), blobs.removed(version))
            except Refused as refused:
                found = self._get(endpoint) if refused.overtaken else None
                if found is not None:
                    raise overtaken(endpoint, record_of(found[0], self._name(endpoint))) from refused
                if not (refused.overtaken or refused.missing):
                    raise

    def names(self) -> Iterator[str]:
        """Of the endpoints that have one, whether it can be read or not."""
        blobs = self._placing.blobs
        # A container that is gone is no container without Records: what they refer to would be taken for nobody's.
        with told("list the records", blobs.url):
            for each in self._placing.store.names(blobs.listed):
                name = blobs.endpoint(each)
                if name is not None:
                    yield name

    # Blobs.

    def _name(self, endpoint: str) -> str:
        return self._placing.blobs.address(endpoint)

    def _get(self, endpoint: str) -> tuple[bytes, str] | None:
        """The blob's bytes and its ETag."""
        try:
            answer = self._placing.store.ask("GET", self._placing.blobs.address(endpoint))
        except Refused as refused:
            if refused.missing:
                return None
            raise
        return answer.body, answer.headers["etag"]

    def _write(self, record: Record, expected: str | None) -> str:
        word = uuid.uuid4().hex
        try:
            return self._put(record, expected, word)
        except Refused as refused:
            if refused.code == "ContainerNotFound":
                raise SpecError(
                    f"there is no container {self._placing.blobs.url}", where="store",
                    hint="the workspace's store was removed or changed; az ml datastore show --name workspaceblobstore",
                ) from refused  # fmt: skip
            if not (refused.overtaken or (refused.missing and expected is not None)):
                raise
            found = self._get(record.endpoint)
            if found is not None and word_of(found[0]) == word:
                return found[1]  # it was done, and the answer was lost on its way
            known = record_of(found[0], self._name(record.endpoint)) if found is not None else None
            if found is not None and known is None and expected is None:
                return self._put(record, found[1], word)  # what cannot be read is no Record
            raise overtaken(record.endpoint, known) from refused

    def _put(self, record: Record, expected: str | None, word: str) -> str:
        blobs = self._placing.blobs
        body = record_bytes(record, word)
        answer = self._placing.store.ask("PUT", blobs.address(record.endpoint), blobs.written(expected), body)
        return answer.headers["etag"]
