"""Asks Azure for all that there is of an endpoint; whose a thing is, its tags tell.

Why something failed stands in its operation alone, whose address its document has; what an operation that is over told
is asked for once in a process.

While Azure is at work on an endpoint, for minutes, it is looked at often: as long as neither the endpoint nor a
deployment nor the Record changes, and we send no change, the rest is as it was a moment ago, and is not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from deployer.endpoint import Record
from deployer.errors import TargetUnavailable
from deployer.target.steady import Steady
from deployer_azureml.client import CHANGES, Azure, told
from deployer_azureml.documents import OPERATION, read_deployment, read_endpoint, read_environment, read_scaler
from deployer_azureml.errors import Refused, trouble_of
from deployer_azureml.facts import (
    GONE_WRONG,
    DeploymentFact,
    EndpointFact,
    EnvironmentFact,
    Facts,
    ScalerFact,
)
from deployer_azureml.marks import Role, read_marks
from deployer_azureml.names import AUTOSCALE, ENDPOINTS, ENVIRONMENTS, endpoint_path, environment_name, usable_name
from deployer_azureml.records import Records

__all__ = ["Surveyor"]

_THREADS = 5
Document = Mapping[str, Any]


@dataclass(frozen=True)
class _Glimpse:
    """What tells that something happens.

    Attributes:
        endpoint: Its document; None for none.
        deployments: Theirs.
        record: The Record, and why there is none that can be read.
    """

    endpoint: Document | None
    deployments: tuple[Document, ...]
    record: tuple[Record | None, str]


class Surveyor:
    """Looks at endpoints.

    Args:
        azure: The connection.
        records: Where their Records lie.
        target: The named target, for `Facts`.
    """

    def __init__(self, azure: Azure, records: Records, target: str) -> None:
        self._azure = azure
        self._records = records
        self._target = target
        self._signed: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._steady: Steady[_Glimpse, Facts] = Steady()

    def survey(self, endpoint: str, *, record: tuple[Record, str] | None = None) -> Facts:
        """All that there is.

        Args:
            endpoint: Its name.
            record: Its Record, where it was read just now.
        """
        with told(f"look at {endpoint}", endpoint), ThreadPoolExecutor(_THREADS) as pool:
            look = CHANGES.look()
            main = pool.submit(self._azure.get, endpoint_path(endpoint))
            deployments = pool.submit(self._deployments, endpoint)
            stored = pool.submit(lambda: self._record(endpoint) if record is None else (record[0], ""))

            def glimpse() -> _Glimpse:
                return _Glimpse(main.result(), deployments.result(), stored.result())

            # The glimpse alone is waited for only where there is one to compare it with.
            if endpoint in self._steady and (steady := self._steady.again(endpoint, look, glimpse())) is not None:
                return replace(steady, now=self._azure.now())
            environments = pool.submit(self._environments, endpoint)
            scalers = pool.submit(self._scalers, endpoint)
            now = glimpse()
            kept, trouble = now.record
            seen = self._read(now.endpoint)
            runs = self._read_all(now.deployments)
            facts = Facts(
                name=endpoint,
                target=self._target,
                owner=_owner(kept, seen, runs),
                endpoint=seen,
                deployments=runs,
                environments=environments.result(),
                scalers=scalers.result(),
                record=kept,
                record_trouble=trouble,
                common=frozenset(self._azure.options.tags),
                now=self._azure.now(),
            )
            underway = any(not each.settled for each in (seen, *runs) if each is not None)
            return self._steady.keep(endpoint, look, now, facts, underway=underway)

    def glance(self, endpoint: str) -> Facts:
        """As much as it takes to send a request: the endpoint, what it runs, and its Record."""
        with told(f"look at {endpoint}", endpoint), ThreadPoolExecutor(_THREADS) as pool:
            main = pool.submit(self.endpoint, endpoint)
            deployments = pool.submit(self._deployments, endpoint)
            record, trouble = self._record(endpoint)
            return Facts(
                name=endpoint, target=self._target, endpoint=main.result(),
                deployments=self._read_all(deployments.result()),
                record=record, record_trouble=trouble,
            )  # fmt: skip

    def names(self) -> tuple[frozenset[str], tuple[EndpointFact, ...]]:
        """Names of endpoints that are ours or of which something is left, and the others', as a listing tells them."""
        with told("list endpoints"), ThreadPoolExecutor(_THREADS) as pool:
            recorded = pool.submit(lambda: [*self._records.names()])
            settings = pool.submit(lambda: [*self._settings()])
            listed = [read_endpoint(each) for each in self._azure.all(ENDPOINTS)]
            ours = {each.name for each in listed if each.ours}
            ours |= {*recorded.result(), *(endpoint for endpoint, _ in settings.result())}
        names = frozenset(each for each in ours if usable_name(each))
        others = [each for each in listed if not each.ours and each.name not in names]
        return names, tuple(each for each in others if usable_name(each.name))

    def sign(self, address: str) -> None:
        """Remember the address by which an operation may be asked for: that in a document lacks its signature."""
        self._signed[_unsigned(address)] = address

    # Parts.

    def endpoint(self, name: str) -> EndpointFact | None:
        """One endpoint, whoever made it; None when there is none.

        Raises:
            Refused: Azure answers with another error.
        """
        return self._read(self._azure.get(endpoint_path(name)))

    def _read(self, document: Document | None) -> EndpointFact | None:
        return read_endpoint(document, self._trouble(document)) if document is not None else None

    def _deployments(self, endpoint: str) -> tuple[Document, ...]:
        listed = self._azure.all(f"{endpoint_path(endpoint)}/deployments")
        return tuple(sorted(listed, key=lambda each: str(each.get("name"))))

    def _read_all(self, deployments: Iterable[Document]) -> tuple[DeploymentFact, ...]:
        return tuple(read_deployment(each, self._trouble(each)) for each in deployments)

    def _environments(self, endpoint: str) -> tuple[EnvironmentFact, ...]:
        listed = self._azure.all(f"{ENVIRONMENTS}/{environment_name(endpoint)}/versions")
        found = (read_environment(each) for each in listed)
        return tuple(each for each in found if each is not None)

    def _scalers(self, endpoint: str) -> tuple[ScalerFact, ...]:
        return tuple(scaler for of, scaler in self._settings() if of == endpoint)

    def _settings(self) -> Iterable[tuple[str, ScalerFact]]:
        """Autoscale settings of ours, each with its endpoint; of other workspaces of the group not."""
        for each in self._azure.all(f"{self._azure.group}/providers/{AUTOSCALE}"):
            marks, scaler = read_marks(each.get("tags") or {}), read_scaler(each)
            of = str((each.get("properties") or {}).get("targetResourceUri") or "").lower()
            if marks is None or scaler is None or not of.startswith(f"{self._azure.workspace.lower()}/"):
                continue
            yield marks.endpoint, scaler

    def _record(self, endpoint: str) -> tuple[Record | None, str]:
        try:
            found = self._records.read(endpoint)
        except TargetUnavailable as error:
            if error.transient:
                raise
            return None, str(error)
        return (found[0] if found is not None else None), ""

    def _trouble(self, document: Mapping[str, Any]) -> str:
        """Why its last operation failed, if it did."""
        about: Mapping[str, Any] = document.get("properties") or {}
        address = str((about.get("properties") or {}).get(OPERATION) or "")
        if about.get("provisioningState") not in GONE_WRONG or not address:
            return ""
        if address not in self._troubles:
            try:
                answer = self._azure.ask("GET", self._signed.get(_unsigned(address), address))
            except Refused as refused:
                # It may not be asked any more, or by us; what it is about is told all the same.
                if refused.status not in (400, 403, 404, 410):
                    raise
                return ""
            trouble = trouble_of(answer or {})
            if not trouble:  # the document says that it failed, and the operation not yet
                return ""
            self._troubles[address] = trouble
        return self._troubles[address]


def _unsigned(address: str) -> str:
    return urlsplit(address).path.lower()


def _owner(record: Record | None, endpoint: EndpointFact | None, runs: Iterable[DeploymentFact]) -> str | None:
    if record is not None:
        return record.owner
    marks = [each.marks for each in (endpoint, *runs) if each is not None and each.marks is not None]
    return next((each.owner for each in marks if each.role in (Role.ENDPOINT, Role.DEPLOYMENT)), None)
