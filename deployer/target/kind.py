"""A back end as the registry finds it, and where the engine delivers to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deployer.spec import DeploymentSpec
from deployer.target.capabilities import Capability

if TYPE_CHECKING:
    from pydantic import BaseModel

    from deployer.endpoint import Endpoint
    from deployer.target.verbs import Target

__all__ = ["EnvironmentSink", "Pace", "Site", "TargetKind"]


@dataclass(frozen=True)
class EnvironmentSink:
    """Where long work is delivered to when the target runs plain processes on this host.

    The engine puts three folders there, each whole or not at all (made beside, then renamed), named by content:
    ``models/DIGEST16``, ``environments/DIGEST16`` and ``runtimes/DIGEST16`` (the first 16 digits of each digest).

    Attributes:
        folder: Made by the first `Target.write_record`; when it is gone, delivery fails instead of making it again.
        cache: For environments and packages that were made before, shared by all endpoints, never run from.
        platform: uv's word for the platform, such as ``x86_64-manylinux_2_28``.
    """

    folder: Path
    cache: Path
    platform: str


@dataclass(frozen=True)
class Site:
    """How a named target was configured: its name, and the owner word that marks what it makes.

    Attributes:
        login: An image's reference -> its registry, and the entry of ``auths`` that Docker's configuration here has for
            it, empty for none; for targets whose nodes are given the login. None: nobody looks.
    """

    name: str
    owner: str = "default"
    login: Callable[[str], tuple[str, Mapping[str, str]]] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Pace:
    """How long things take at a kind of target by themselves.

    Attributes:
        provision: Seconds that it may take until there are machines for a revision; given beside ``health.timeout``.
        settle: Seconds after which a move of traffic, the end of a revision or of an endpoint is told as an error.
        adopt: Seconds after which marks that a takeover has asked for, and that do not show, are told as an error.
    """

    provision: float = 0.0
    settle: float = 120.0
    adopt: float = 120.0


@dataclass(frozen=True)
class TargetKind:
    """A back end as the registry finds it, without its SDK: what the entry point ``deployer.targets`` names.

    Attributes:
        name: The back end's name, ``docker``.
        summary: One line for ``deployer targets``.
        options: Of a named target: where it is (region, context, folder). A pydantic model with defaults.
        config: Of a spec's ``config``: each field with its scope in ``json_schema_extra={"scope": ...}``.
        capabilities: What its target class implements; the conformance suite compares.
        connect: Makes the target; imports the SDK. Receives the options and the site.
        delivers: What the engine makes for a revision and carries to the target's sink.
        requires: Modules that `connect` imports, to tell before it is called what is missing.
        extra: The extra to install: ``pip install 'mlflow-deployer[docker]'``; None when nothing is needed.
        interrupts: Fields of endpoint scope, dotted, whose change stops the endpoint for a moment.
        carried: Fields of endpoint scope, dotted, that a revision's replicas carry, so that `Target.stage` brings a
            change of them to the one that serves.
        refuse: Pure: the reasons why this target cannot meet a spec, each as (dotted field, sentence).
        runtime_needs: Pure: what the server of a spec needs in the model's environment beyond its own needs, as pip
            requirements, such as the SDK of the vault where its secrets are. Wide ones, since the model's pins win.
        pace: Pure: how long it may take over a spec; None where it is not known any more.
        asks_last: Pure: whether a revision of a spec can be asked only once it has traffic, and is verified then.
        compares: Pure: whether an answer comes with what the server says of it, that it equals the packaged model's; a
            queue that keeps bodies alone brings none of that.
        call: Pure: a line for a shell that asks an endpoint, where its address alone is not enough; from the endpoint,
            what was wished of it (None: not known), and the body (None: not known). None: a plain request does.
        outlives: What a deletion leaves at the target until ``deployer gc`` removes it: ``its images in ECR``; "" for
            nothing.
        foretell: Pure: what a new revision is going to take there (machines, quota, minutes), from the spec and what is
            there now; each as (one word, sentence), for the plan.
    """

    name: str
    summary: str
    options: type[BaseModel]
    config: type[BaseModel]
    capabilities: frozenset[type[Capability]]
    connect: Callable[[Any, Site], Target]
    delivers: Literal["environment", "image", "nothing"] = "environment"
    requires: tuple[str, ...] = ()
    extra: str | None = None
    interrupts: frozenset[str] = frozenset()
    carried: frozenset[str] = frozenset()
    refuse: Callable[[DeploymentSpec], Iterable[tuple[str, str]]] = lambda _spec: ()
    runtime_needs: Callable[[DeploymentSpec], tuple[str, ...]] = lambda _spec: ()
    pace: Callable[[DeploymentSpec | None], Pace] = lambda _spec: Pace()
    asks_last: Callable[[DeploymentSpec], bool] = lambda _spec: False
    compares: Callable[[DeploymentSpec], bool] = lambda _spec: True
    outlives: str = ""
    call: Callable[[Endpoint, DeploymentSpec | None, str | None], str | None] | None = None
    foretell: Callable[[DeploymentSpec, Endpoint | None], Iterable[tuple[str, str]]] = lambda _spec, _endpoint: ()
