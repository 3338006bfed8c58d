"""``desired.json``: our marks, and what is wished to run. It alone tells what runs when the Record is lost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deployer.value import Value

__all__ = ["Desired", "Marks", "Settings", "Wanted"]


class Marks(Value):
    """Whose it is."""

    managed_by: Literal["deployer"] = "deployer"
    owner: str
    endpoint: str


class Settings(Value):
    """The endpoint-scope fields; times are seconds."""

    host: str = "127.0.0.1"
    port: int | None = None
    """None until the supervisor has chosen one."""
    drain: float = 30.0
    labels: dict[str, str] = Field(default_factory=dict)
    history_limit: int = 5


class Wanted(Value):
    """One revision, as its workers are started. Paths are from the endpoint's folder."""

    digest: str
    model: str
    """The resolved URI."""
    replicas: int
    serial: int
    """Another at each staging, so that a revision that failed is started anew."""
    since: float
    python: str
    runtime: str
    model_folder: str
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, int] = Field(default_factory=dict)
    """Name -> number."""

    def artifacts(self) -> tuple[str, str, str]:
        """The folders that it runs from."""
        return (self.model_folder, "/".join(self.python.split("/")[:2]), self.runtime)


class Desired(Value):
    """All of it."""

    format: Literal[1] = 1
    marks: Marks
    settings: Settings = Settings()
    revisions: dict[str, Wanted] = Field(default_factory=dict)
    traffic: dict[str, int] = Field(default_factory=dict)
    remove: tuple[str, ...] = ()
    """What nothing runs from any more, to be removed when what ran from it has ended: ``PATH@INODE``."""
    gone: bool = False
    """The endpoint is to be removed, with everything."""

    def needed(self) -> set[str]:
        """The artifacts that its revisions run from."""
        return {path for wanted in self.revisions.values() for path in wanted.artifacts()}
