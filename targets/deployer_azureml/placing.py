"""What the workspace and the options give to what is made, and which wishes the workspace cannot meet."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from deployer.spec import DeploymentSpec
from deployer.value import digest
from deployer_azureml.blobs import Store
from deployer_azureml.client import Azure, told
from deployer_azureml.marks import RECORDS
from deployer_azureml.names import workspace_word
from deployer_azureml.record import Blobs
from deployer_azureml.requests import Place, config_of
from deployer_azureml.workspace import Workspace, read_workspace, unmet_network

__all__ = ["Placing"]


class Placing:
    """Knows the workspace.

    Args:
        azure: The connection.
    """

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self.store = Store(azure)

    @cached_property
    def workspace(self) -> Workspace:
        """What Azure tells of it; asked once.

        Raises:
            TargetUnavailable: There is none, or it may not be read.
        """
        return self.look()

    def look(self) -> Workspace:
        """The same, asked anew: its network is changed by its owners."""
        with told("look at the workspace", self._azure.workspace):
            return read_workspace(self._azure.ask("GET", self._azure.workspace))

    @cached_property
    def blobs(self) -> Blobs:
        """Where Records lie."""
        with told("find the workspace's store", self._azure.workspace):
            where = self._azure.where
            word = workspace_word(where.workspace, self._azure.workspace)
            return Blobs(self.store.url, word, self._azure.options.prefix)

    def place(self, owner: str, model: str = "") -> Place:
        """Where a wish is made.

        Args:
            owner: Who marks what is made.
            model: The id of the model asset that it is made of, where it is of one.
        """
        found = self.workspace
        return Place(found.id, found.location, owner, {**self._azure.options.tags, RECORDS: self.records}, model)

    @property
    def records(self) -> str:
        """A digest of where Records lie, as `deployer_azureml.marks.RECORDS` has it."""
        return digest(f"{self.blobs.url}/{self.blobs.records}".lower())[:8]

    def unmet(self, spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
        """Why the workspace cannot meet a wish, each as (dotted field, sentence)."""
        yield from unmet_network(spec, self.look(), kubernetes=config_of(spec).compute is not None)
