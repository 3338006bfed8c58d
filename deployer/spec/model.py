"""The deployment spec: frozen, every field with its scope, unknown ones refused."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from deployer.quantity import Bytes, Cores, Seconds
from deployer.spec.fields import Scope, scoped
from deployer.value import JSON, Value

__all__ = [
    "NAME_PATTERN",
    "Auth",
    "DeploymentSpec",
    "Health",
    "Image",
    "Network",
    "ReplicaRange",
    "Requirements",
    "Resources",
    "RolloutPolicy",
    "SecretRef",
]

NAME_PATTERN = re.compile(r"[a-z](-?[a-z0-9])+")
"""Valid on every target, and leaves room for derived names ``NAME--role``."""

CLIENT, ENDPOINT, REVISION = Scope.CLIENT, Scope.ENDPOINT, Scope.REVISION


def _without_user_info(url: str) -> str:
    if urlsplit(url).username is not None or urlsplit(url).password is not None:
        raise ValueError("a URL here must not carry a user or password; give credentials by the environment or netrc")
    return url


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(_without_user_info)]
Strings = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class SecretRef(Value):
    """A reference to a secret's value, never the value."""

    env: str | None = None
    """A variable of the client's environment."""
    ref: str | None = None
    """An ARN or a vault's URI, on targets that keep secrets themselves."""

    @model_validator(mode="before")
    @classmethod
    def _no_literal(cls, value: Any) -> Any:
        if not isinstance(value, dict | SecretRef):
            raise ValueError("a secret is given by reference, such as {env: MY_TOKEN}, never by its value")
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.ref is None):
            raise ValueError("a secret reference has exactly one of env and ref")
        return self


class ReplicaRange(Value):
    """A range means that the count is the autoscaler's."""

    min: int = Field(ge=0)
    max: int = Field(ge=1)
    metric: str | None = None
    value: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is more than max ({self.max})")
        return self


class Resources(Value):
    """What each replica needs."""

    cpu: Cores | None = Field(default=None, gt=0, description="Cores: 2, 0.5 or 500m.")
    memory: Bytes | None = Field(default=None, description="Such as 512Mi or 2Gi.")
    gpu: int = Field(default=0, ge=0, description="Whole GPUs.")


class IndexLogin(Value):
    """What a package index's host wants to know."""

    username: str = "__token__"
    """The user; by default the one that indexes take with a token."""
    password: SecretRef
    """Where the password or token is: a variable of the client's environment."""

    @field_validator("password")
    @classmethod
    def _of_the_client(cls, value: SecretRef) -> SecretRef:
        if value.env is None:
            raise ValueError("a package index's password is taken from the client's environment: {env: NAME}")
        return value


class Requirements(Value):
    """What is installed beside the model's own requirements, and from where."""

    extra: Strings = scoped(REVISION, (), description="Requirements to add, as in requirements.txt.")
    trust: Strings = scoped(REVISION, (), description="URLs in the model's requirements that may be followed.")
    build: Strings = scoped(
        REVISION, (), description="Names that may be built from source, here, when no wheel fits: their code runs."
    )
    index_url: Url | None = scoped(CLIENT, None, description="The package index; by default PyPI.")
    extra_index_urls: Annotated[tuple[Url, ...], BeforeValidator(_listed)] = scoped(
        CLIENT, (), description="Asked before it, in order; the first index that has a name gives all its versions."
    )
    pin: dict[str, Url] = scoped(
        CLIENT, {}, description="Name, or pattern such as acme-*: the one index that is asked for it."
    )
    credentials: dict[str, IndexLogin] = scoped(
        CLIENT, {}, description="Host of an index: {username: NAME, password: {env: VARIABLE}}; else ~/.netrc."
    )
    ca_bundle: str | None = scoped(CLIENT, None, description="PEM file; by default SSL_CERT_FILE's.")
    wheelhouse: str | None = scoped(CLIENT, None, description="A folder of wheels, instead of any index.")

    @field_validator("build")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
                raise ValueError(f"{name!r} is not the name of a package; versions belong to the requirement itself")
        return value

    @field_validator("pin")
    @classmethod
    def _patterns(cls, value: dict[str, str]) -> dict[str, str]:
        for pattern in value:
            if not re.fullmatch(r"[A-Za-z0-9._*?-]*[A-Za-z0-9][A-Za-z0-9._*?-]*", pattern):
                raise ValueError(f"{pattern!r} is not the name of a package, or a pattern such as acme-*")
        return value

    @field_validator("credentials")
    @classmethod
    def _hosts(cls, value: dict[str, IndexLogin]) -> dict[str, IndexLogin]:
        for host in value:
            if not re.fullmatch(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", host):
                raise ValueError(f"{host!r} is not the host of an index, such as pypi.example.com")
        return value


class Image(Value):
    """The image, on targets that run one."""

    base: str | None = scoped(REVISION, None)
    mirror: Url | None = scoped(CLIENT, None)
    registry: Url | None = scoped(CLIENT, None)
    platform: str | None = scoped(REVISION, None, description="linux/amd64 or linux/arm64.")
    packages: Strings = scoped(REVISION, (), description="Debian packages to install, NAME or NAME=VERSION.")
    apt_sources: str | None = scoped(CLIENT, None, description="A sources file instead of the base's own.")
    weights: Literal["embed", "mount"] = scoped(REVISION, "embed")
    use: str | None = scoped(REVISION, None, description="A ready image to deploy instead of a built one.")


class Health(Value):
    """When a new revision counts as healthy."""

    timeout: Seconds = Field(default=600.0, gt=0, description="For a revision to become healthy.")
    consecutive: int = Field(default=3, ge=1, le=100, description="Good answers in a row.")
    soak: Seconds = Field(default=0.0, description="How long it must stay healthy before traffic moves.")
    request: str | None = Field(default=None, description="A file with a request; by default the model's example.")
    tolerance: float = Field(default=0.0, ge=0, description="Difference allowed between the answer and pyfunc's.")


class RolloutPolicy(Value):
    """How traffic moves to a new revision."""

    strategy: Literal["rolling", "blue-green", "canary", "shadow", "recreate"] = "rolling"
    steps: Annotated[tuple[int, ...], BeforeValidator(lambda v: [v] if isinstance(v, int) else v)] = ()
    pause: Seconds = 0.0
    deadline: Seconds | None = None


class Auth(Value):
    """Who may call the endpoint."""

    api_keys: tuple[SecretRef, ...] = ()


class Tls(Value):
    """Certificate and key, as files."""

    cert: str
    key: str


class Network(Value):
    """Where the endpoint is reached, and what the model reaches."""

    expose: str = scoped(ENDPOINT, "loopback", description="loopback, or an address to listen on.")
    tls: Tls | None = scoped(ENDPOINT, None)
    egress: Literal["none", "internet"] | tuple[str, ...] = scoped(
        REVISION, "none", description="none, internet, or hosts as a list."
    )


class DeploymentSpec(Value):
    """One endpoint as it is wished. See ``deployer init`` and the reference for every field."""

    apiVersion: Literal["deployer/v1"] = Field(default="deployer/v1", exclude=True)  # noqa: N815 - Kubernetes' own spelling
    name: str = scoped(CLIENT, description="3 to 32 of a-z, 0-9 and single dashes; begins with a letter.")
    model: str = scoped(REVISION, "", description="A path or an MLflow URI; needed, unless image.use names an image.")
    target: str = scoped(CLIENT, "local", description="A back end, or a named target.")
    replicas: Annotated[int, Field(ge=1, le=1000)] | ReplicaRange = scoped(ENDPOINT, 1)
    resources: Resources = scoped(REVISION, Resources())
    env: dict[str, str] = scoped(REVISION, {}, description="Variables of the model's environment.")
    secrets: dict[str, SecretRef] = scoped(REVISION, {}, description="Variables whose values are secret.")
    requirements: Requirements = Requirements()
    image: Image = Image()
    health: Health = scoped(CLIENT, Health())
    rollout: RolloutPolicy = scoped(CLIENT, RolloutPolicy())
    gate: dict[str, JSON] = scoped(CLIENT, {})
    auth: Auth = scoped(ENDPOINT, Auth())
    network: Network = Network()
    history_limit: int = scoped(ENDPOINT, 5, ge=0, le=20, description="Released revisions kept for rollback.")
    labels: dict[str, str] = scoped(ENDPOINT, {})
    config: dict[str, JSON] = Field(default={}, description="The target's own options; see `deployer targets NAME`.")

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not NAME_PATTERN.fullmatch(value) or not 3 <= len(value) <= 32:
            raise ValueError(
                f"{value!r} is not a name: 3 to 32 of a-z, 0-9 and single dashes, a letter first and no dash at the end"
            )
        return value

    @field_validator("model")
    @classmethod
    def _model(cls, value: str) -> str:
        if not value.strip() or any(ord(c) < 32 for c in value):
            raise ValueError("a model is a path or an MLflow URI such as models:/iris@champion")
        return value

    @field_validator("env", mode="before")
    @classmethod
    def _env_values(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        scalar = {k: v for k, v in value.items() if isinstance(v, bool | int | float)}
        return {**value, **{k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in scalar.items()}}

    @field_validator("env", "secrets")
    @classmethod
    def _env_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"{name!r} is not the name of an environment variable")
        return value

    @model_validator(mode="after")
    def _one_thing_to_run(self) -> Self:
        use = self.image.use
        if not self.model and not use:
            raise ValueError("model is missing: a path or an MLflow URI such as models:/iris@champion")
        if self.model and use:
            raise ValueError("give model or image.use, not both: a ready image brings what it serves")
        built = [f"image.{name}" for name in ("base", "packages", "weights") if name in self.image.model_fields_set]
        if use and (built or self.requirements != Requirements()):
            raise ValueError(f"a ready image (image.use) is not built, so leave out {(built or ['requirements'])[0]}")
        return self

    @model_validator(mode="after")
    def _one_value_a_variable(self) -> Self:
        twice = sorted(set(self.env) & set(self.secrets))
        if twice:
            raise ValueError(f"{twice[0]} is given both in env and in secrets")
        return self

    def wish(self) -> dict[str, JSON]:
        """The effective wish as JSON, defaults left out: what the Record keeps. `DeploymentSpec(**wish)` reads it."""
        kept = self.model_dump(mode="json", exclude_defaults=True)
        model = {"model": self.model} if self.model else {}
        return {"name": self.name, **model, "target": self.target, **kept}
