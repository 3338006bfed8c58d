"""What a revision's container is given, whoever runs it: our server's variables, folders and user. Pure.

Also where a ready image's server (``image.use``) is asked, and what of a spec its server cannot heed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field, ValidationError

from deployer.endpoint import Release
from deployer.errors import Conflict
from deployer.quantity import Bytes, Seconds
from deployer.spec import DeploymentSpec, Scope
from deployer.spec.fields import scoped
from deployer.target.reading import secret_numbers
from deployer.value import Value

__all__ = [
    "KEYS_FILE",
    "KEYS_FOLDER",
    "PATH",
    "SECRETS_FOLDER",
    "SERVER_PORT",
    "USER",
    "WEIGHTS_FOLDER",
    "Asked",
    "ContainerConfig",
    "Routes",
    "asked_of",
    "auth_of",
    "read_paths",
    "refuse_copies",
    "refused_ready_image",
    "server_environment",
    "write_paths",
]

USER = 65532
"""Who everything runs as; nobody has this number ("nonroot" of distroless images)."""
SERVER_PORT = 8080
SECRETS_FOLDER = "/run/deployer/secrets"
KEYS_FOLDER = "/run/deployer/keys"
KEYS_FILE = "keys"
WEIGHTS_FOLDER = "/opt/ml"
"""A volume with a model is mounted here, with a folder ``model`` in it."""
PATH = r"^(/[A-Za-z0-9._~-]*)+$"
"""A plain absolute path, as the gateway takes it."""


class Routes(Value):
    """Where a ready image's server (``image.use``) is asked."""

    port: int = Field(ge=1, le=65535, description="The port that it listens on.")
    ready: str = Field(
        default="/ready", pattern=PATH, max_length=256, description="It answers 200 there while it takes requests."
    )
    invocations: str = Field(
        default="/invocations", pattern=PATH, max_length=256,
        description="Where it takes what the endpoint gets at /invocations, such as /v1/chat/completions.",
    )  # fmt: skip


class ContainerConfig(Value):
    """What a spec's ``config`` has on every target that runs the image as a container."""

    drain: Seconds = scoped(
        Scope.REVISION, 30.0, le=3600, description="The longest that a retired replica may take to end its requests."
    )
    threads: int | None = scoped(
        Scope.REVISION, None, ge=1, le=256, description="Predictions at once in each replica; by default at most 4."
    )
    timeout: Seconds = scoped(
        Scope.REVISION, 60.0, gt=0, le=3600, description="The longest that a prediction may take."
    )
    max_body: Bytes = scoped(Scope.REVISION, 100 * 2**20, ge=1, description="The largest request that is read.")
    tmp: Bytes = scoped(Scope.REVISION, 256 * 2**20, ge=2**20, description="Room in each replica's /tmp, in memory.")
    routes: Routes | None = scoped(
        Scope.REVISION,
        None,
        description="Where a ready image's server (image.use) is asked; needed there.",
    )
    command: tuple[str, ...] | None = scoped(
        Scope.REVISION, None, min_length=1, description="Arguments of a ready image's entrypoint in place of its own."
    )
    read_only: bool = scoped(
        Scope.REVISION, True, description="Whether a ready image's root is read-only; /tmp can always be written."
    )


@dataclass(frozen=True)
class Asked:
    """A server's port and paths.

    Attributes:
        invocations: Of a server that is not ours; None for our own.
    """

    port: int = SERVER_PORT
    ready: str = "/ready"
    invocations: str | None = None


def asked_of(spec: DeploymentSpec, config: ContainerConfig) -> Asked:
    """Of a spec whose ``config`` was read."""
    if not spec.image.use or config.routes is None:
        return Asked()
    return Asked(config.routes.port, config.routes.ready, config.routes.invocations)


def write_paths(asked: Asked) -> str:
    """As text beside an object's marks; "" for our own server."""
    return "" if asked.invocations is None else f"{asked.port} {asked.ready} {asked.invocations}"


def read_paths(text: str) -> Asked:
    """The opposite."""
    port, _, paths = text.partition(" ")
    ready, _, invocations = paths.partition(" ")
    return Asked(int(port), ready, invocations) if port.isdigit() and invocations else Asked()


def auth_of(spec: DeploymentSpec) -> str:
    """Whether replicas ask for keys, as their marks say it; which keys is no matter of theirs."""
    return "keys" if spec.auth.api_keys else "none"


def server_environment(spec: DeploymentSpec, release: Release, config: ContainerConfig) -> dict[str, str]:
    """The variables of a replica: the spec's own, and what our server is told."""
    given = {
        "REVISION": release.revision,
        "PORT": str(asked_of(spec, config).port),
        "TIMEOUT": f"{config.timeout:g}",
        "MAX_BODY": str(config.max_body),
        "DRAIN": f"{config.drain:g}",
        "TOLERANCE": repr(spec.health.tolerance),
    }
    if config.threads is not None:
        given["THREADS"] = str(config.threads)
    if secret_numbers(release):
        given["SECRETS"] = SECRETS_FOLDER
    if spec.image.weights == "mount":
        given["MODEL_DIGEST"] = release.model.digest
    if spec.auth.api_keys:
        given["API_KEYS"] = f"{KEYS_FOLDER}/{KEYS_FILE}"
    return {**spec.env, **{f"DEPLOYER_SERVING_{name}": value for name, value in given.items()}}


def refused_ready_image(spec: DeploymentSpec, model: type[ContainerConfig]) -> Iterator[tuple[str, str]]:
    """What does not go together with a ready image, or is for one alone: each as (dotted field, sentence)."""
    try:
        config = model.model_validate(spec.config)
    except ValidationError:
        return  # told by whoever reads the config
    if not spec.image.use:
        for name in ("routes", "command", "read_only"):
            if getattr(config, name) != model.model_fields[name].default:
                yield f"config.{name}", "that is for a ready image (image.use); the server of a model is ours"
        return
    if config.routes is None:
        example = "{port: 8000, ready: /health, invocations: /v1/completions}"
        yield "config.routes", f"where is the ready image's server asked? give it, such as {example}"
    if spec.auth.api_keys:
        yield "auth.api_keys", "keys are checked by our own server, and a ready image has another; leave it out"
    if spec.secrets:
        yield "secrets", "they are files that our own server reads, and a ready image has another; leave it out"


def refuse_copies(spec: DeploymentSpec) -> None:
    """Copies of requests carry no credentials, and our server asks each of them for its key.

    Raises:
        Conflict: The wish has API keys.
    """
    if spec.auth.api_keys:
        raise Conflict(
            "copies of requests carry no API key, so its servers would refuse them", where=spec.name,
            hint="leave auth.api_keys out while requests are copied",
        )  # fmt: skip
