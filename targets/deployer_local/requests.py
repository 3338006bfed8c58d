"""From a spec and a release to what is written for the supervisor. Pure."""

from __future__ import annotations

from deployer.endpoint import Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target.reading import read_config, secret_numbers
from deployer_local.config import LocalConfig
from deployer_local.desired import Settings, Wanted

__all__ = ["DIGITS", "artifacts_of", "config_of", "settings_of", "wanted_of"]

TRUSTED_HOSTS = ("localhost", "127.0.0.1", "::1")
DIGITS = 16
"""Of a digest, in a folder's name."""


def config_of(spec: DeploymentSpec) -> LocalConfig:
    """The spec's ``config``, read.

    Raises:
        SpecError: A key is unknown, or a value is not usable.
    """
    return read_config(spec, LocalConfig, "local")


def settings_of(spec: DeploymentSpec, port: int | None) -> Settings:
    """The endpoint-scope fields; a port that was chosen before is kept unless the spec names one."""
    config = config_of(spec)
    return Settings(
        host=config.host,
        port=config.port if config.port is not None else port,
        drain=config.drain,
        labels=spec.labels,
        history_limit=spec.history_limit,
    )


def artifacts_of(release: Release) -> tuple[str, str, str]:
    """Where the engine delivers a release's model, environment and runtime, from the endpoint's folder."""
    return (
        f"models/{release.model.digest[:DIGITS]}",
        f"environments/{release.lock[:DIGITS]}",
        f"runtimes/{release.runtime[:DIGITS]}",
    )


def wanted_of(spec: DeploymentSpec, release: Release, *, now: float, serial: int) -> Wanted:
    """A revision as its workers are started.

    Raises:
        SpecError: ``config`` is not usable, or replicas is a range.
    """
    if not isinstance(spec.replicas, int):
        raise SpecError("local has no autoscaler", where="replicas", hint="give a count, such as replicas: 2")
    model, environment, runtime = artifacts_of(release)
    return Wanted(
        digest=release.digest,
        model=release.model.resolved,
        replicas=spec.replicas,
        serial=serial,
        since=now,
        python=f"{environment}/bin/python",
        runtime=runtime,
        model_folder=model,
        arguments=arguments_of(spec),
        environment=dict(spec.env),
        secrets=secret_numbers(release),
    )


def arguments_of(spec: DeploymentSpec) -> tuple[str, ...]:
    """The part of a worker's command line that the spec decides."""
    config = config_of(spec)
    hosts = dict.fromkeys((*TRUSTED_HOSTS, config.host))
    given: dict[str, str] = {
        "--timeout": f"{config.timeout:g}",
        "--max-body": str(config.max_body),
        "--tolerance": repr(spec.health.tolerance),
        "--trusted-hosts": ",".join(hosts),
    }
    if config.threads is not None:
        given["--threads"] = str(config.threads)
    return tuple(word for pair in given.items() for word in pair)
