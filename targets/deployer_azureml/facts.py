"""What was found of an endpoint at Azure ML, as plain values: from the documents of its REST API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.endpoint import Record
from deployer.value import JSON
from deployer_azureml.marks import Marks

__all__ = ["GONE_WRONG", "SETTLED", "DeploymentFact", "EndpointFact", "EnvironmentFact", "Facts", "ScalerFact"]

SETTLED = frozenset({"Succeeded", "Failed", "Canceled"})
"""Of a thing's states those that Azure leaves by itself for nothing (azure-ai-ml: EndpointProvisioningState,
DeploymentProvisioningState). All others are alike: the first answer to a creation may say Updating already."""
GONE_WRONG = frozenset({"Failed", "Canceled"})


@dataclass(frozen=True)
class EndpointFact:
    """The endpoint that clients ask.

    Attributes:
        state: Azure's provisioningState.
        traffic: Deployment, in lower case -> percent; those without any are left out.
        mirror: The same, of copies.
        scoring_uri: Where requests go; "" as long as nothing was deployed.
        compute: The Kubernetes compute that it is on; "" for Azure's own machines.
        identity: The type of its identity, ``SystemAssigned``.
        identities: The user-assigned ones, in lower case.
        connections: Whether its own identity was let at the workspace's connections when it was made.
        created: Seconds since the epoch.
        operation: The address of Azure's last operation on it, which tells why it failed, if it did.
        trouble: What that operation told.
        marks: None: it is not ours.
        labels: The spec's.
        document: What to write back so that nothing of it changes.
        basis: A fingerprint of that, by which it is seen whether somebody wrote meanwhile.
    """

    name: str
    id: str
    state: str
    location: str = ""
    auth_mode: str = "Key"
    traffic: Mapping[str, int] = field(default_factory=dict)
    mirror: Mapping[str, int] = field(default_factory=dict)
    scoring_uri: str = ""
    compute: str = ""
    public: bool = True
    identity: str = ""
    identities: tuple[str, ...] = ()
    connections: bool = False
    created: float = 0.0
    modified: float = 0.0
    operation: str = ""
    trouble: str = ""
    marks: Marks | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, JSON] = field(default_factory=dict, repr=False)
    basis: str = ""

    @property
    def ours(self) -> bool:
        """Whether it carries our marks."""
        return self.marks is not None

    @property
    def settled(self) -> bool:
        """Whether Azure has done what it was asked, or has given it up."""
        return self.state in SETTLED


@dataclass(frozen=True)
class DeploymentFact:
    """A deployment of the endpoint: whose it is, its marks tell.

    Attributes:
        state: Azure's provisioningState.
        count: Instances that are asked for; Azure does not tell how many serve.
        bounds: Least and most, where Azure's own scaler of a Kubernetes compute has the count.
        instance_type: "" where there is none.
        environment: The id of what it runs.
        trouble: What its operation told, where that failed.
        document: What to write back so that nothing of it changes.
    """

    name: str
    id: str
    state: str
    count: int = 1
    bounds: tuple[int, int] | None = None
    instance_type: str = ""
    environment: str = ""
    model: str = ""
    created: float = 0.0
    modified: float = 0.0
    operation: str = ""
    trouble: str = ""
    marks: Marks | None = None
    document: Mapping[str, JSON] = field(default_factory=dict, repr=False)
    basis: str = ""

    @property
    def key(self) -> str:
        """As traffic names it."""
        return self.name.lower()

    @property
    def revision(self) -> str:
        """The revision that it runs; "" when it is not ours."""
        return (self.marks.revision or "") if self.marks is not None else ""

    @property
    def settled(self) -> bool:
        """Whether Azure has done what it was asked, or has given it up."""
        return self.state in SETTLED


@dataclass(frozen=True)
class EnvironmentFact:
    """The environment of a revision of ours: its image, and where that is asked."""

    version: str
    id: str
    image: str
    revision: str
    records: str = ""


@dataclass(frozen=True)
class ScalerFact:
    """An autoscale setting of ours, of Azure Monitor, that has the count of a deployment.

    Attributes:
        deployment: In lower case.
        shape: Of what was wished of it (`deployer_azureml.scaling.SHAPE`).
    """

    name: str
    deployment: str
    least: int
    most: int
    shape: str = ""

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and most."""
        return self.least, self.most


@dataclass(frozen=True)
class Facts:
    """All that was found.

    Attributes:
        endpoint: Whoever made it.
        deployments: All of it, others' too.
        environments: Those of ours.
        scalers: The same.
        record_trouble: Why the Record cannot be read.
        common: Tags that are no labels, but the named target's own.
        now: Azure's clock.
    """

    name: str
    target: str
    owner: str | None = None
    endpoint: EndpointFact | None = None
    deployments: tuple[DeploymentFact, ...] = ()
    environments: tuple[EnvironmentFact, ...] = ()
    scalers: tuple[ScalerFact, ...] = ()
    record: Record | None = None
    record_trouble: str = ""
    common: frozenset[str] = frozenset()
    now: float | None = None

    @property
    def main(self) -> EndpointFact | None:
        """The endpoint, if it is ours."""
        return self.endpoint if self.endpoint is not None and self.endpoint.ours else None

    @property
    def there(self) -> bool:
        """Whether anything of ours is there."""
        own = (*self.mine, *self.environments, *self.scalers)
        return self.main is not None or self.record is not None or bool(self.record_trouble) or bool(own)

    def kept_elsewhere(self, records: str) -> bool:
        """Whether some of it says that its Record lies elsewhere, in the place of such a digest not."""
        marks = [each.marks for each in (self.endpoint, *self.deployments) if each is not None]
        told = [each.records for each in marks if each is not None] + [each.records for each in self.environments]
        return any(each not in ("", records) for each in told)

    @property
    def mine(self) -> tuple[DeploymentFact, ...]:
        """The deployments of ours."""
        return tuple(each for each in self.deployments if each.revision)

    @property
    def others(self) -> tuple[DeploymentFact, ...]:
        """Deployments that somebody else made."""
        return tuple(each for each in self.deployments if not each.revision)

    def find(self, revision: str) -> DeploymentFact | None:
        """The deployment of a revision."""
        return next((each for each in self.mine if each.revision == revision), None)

    def share(self, deployment: DeploymentFact | None) -> int:
        """Percent of the live traffic that a deployment has."""
        if deployment is None or self.main is None:
            return 0
        return self.main.traffic.get(deployment.key, 0)

    def copies(self, deployment: DeploymentFact | None) -> int:
        """Percent of the requests that a deployment gets copies of."""
        if deployment is None or self.main is None:
            return 0
        return self.main.mirror.get(deployment.key, 0)

    def scaler(self, deployment: DeploymentFact | None) -> ScalerFact | None:
        """The autoscale setting of a deployment."""
        key = deployment.key if deployment is not None else ""
        return next((each for each in self.scalers if each.deployment == key), None)

    def environment(self, version: str) -> EnvironmentFact | None:
        """One of its environments."""
        return next((each for each in self.environments if each.version == version), None)

    def runs(self, name: str) -> str:
        """The revision that a deployment of that name runs; its name where it is not ours."""
        found = next((each for each in self.deployments if each.key == name.lower()), None)
        return (found.revision or found.name) if found is not None else name
