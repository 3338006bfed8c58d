"""Takes over an endpoint that somebody else made, and what another owner has: by tags alone, its instances run on."""

from __future__ import annotations

from typing import Any

from deployer.endpoint import Record
from deployer.errors import Conflict
from deployer.target import Adoption
from deployer_azureml.changing import Changing
from deployer_azureml.client import Azure, told
from deployer_azureml.foreign import Found, adoption_of, identity_of, serving_one, unadoptable
from deployer_azureml.names import deployment_path, endpoint_path, usable_name
from deployer_azureml.placing import Placing
from deployer_azureml.records import Records
from deployer_azureml.survey import Surveyor

__all__ = ["Takeover"]


class Takeover:
    """Takes endpoints over.

    Args:
        azure: The connection.
        records: Where Records lie.
        surveyor: Looks at endpoints.
        placing: Knows the workspace.
        changing: Marks them.
    """

    def __init__(
        self, azure: Azure, records: Records, surveyor: Surveyor, placing: Placing, changing: Changing
    ) -> None:
        self._azure = azure
        self._records = records
        self._surveyor = surveyor
        self._placing = placing
        self._changing = changing

    def told_of(self, endpoint: str) -> Adoption | None:
        """As `deployer.target.Adoptable.adoptable`.

        Raises:
            Conflict: It cannot be taken over.
        """
        if not usable_name(endpoint):
            return None
        facts = self._surveyor.survey(endpoint)
        if facts.endpoint is None or facts.endpoint.ours:
            return None
        if (why := unadoptable(facts)) is not None:
            raise Conflict(f"the endpoint {endpoint} cannot be taken over: {why}", where=endpoint)
        serving = serving_one(facts)
        with told(f"look at {endpoint}", endpoint):
            main = self._azure.ask("GET", endpoint_path(endpoint))
            runs = self._azure.ask("GET", deployment_path(endpoint, serving.name if serving is not None else ""))
            environment = self._document((runs.get("properties") or {}).get("environmentId"))
        egress = "none" if self._placing.workspace.egress == "none" else "internet"
        return adoption_of(Found(main, runs, environment, egress))

    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        """As `deployer.target.Adoptable.adopt`."""
        name = record.endpoint
        if identity is not None:
            facts = self._surveyor.survey(name)
            serving = serving_one(facts)
            if facts.endpoint is None or serving is None or identity_of(facts.endpoint, serving) != identity:
                raise Conflict(
                    f"the endpoint {name} is another one by now, or is changed", where=name,
                    hint="look again: deployer import",
                )  # fmt: skip
        version = self._records.write(record, expected)
        self._changing.adopt(record, version)
        return version

    def _document(self, identity: object) -> Any:
        """The environment that a deployment runs; None where Azure chose it, or where it is of a registry."""
        text = str(identity or "")
        if not text.lower().startswith("/subscriptions/"):
            return None
        return self._azure.get(text)
