"""What can be told of an endpoint that somebody else made: by az ml, the studio, or azureml-mlflow. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployer.endpoint import ImageRef
from deployer.target import Adoption, told_variables
from deployer.value import JSON
from deployer_azureml.documents import read_deployment, read_endpoint
from deployer_azureml.facts import DeploymentFact, EndpointFact, Facts
from deployer_azureml.marks import plain_tags
from deployer_azureml.requests import AUTH_MODES
from deployer_azureml.vault import reference_in

__all__ = ["Found", "adoption_of", "identity_of", "serving_one", "unadoptable"]

_MODES = {word: mode for mode, word in AUTH_MODES.items()}
_PERIOD = re.compile(r"PT(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?")
_MODEL = re.compile(r"/models/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$")


@dataclass(frozen=True)
class Found:
    """Documents of what runs.

    Attributes:
        endpoint: The endpoint's.
        deployment: Of the one that has all of its traffic.
        environment: Of what that runs; None where Azure chose it (a model without an environment).
        egress: What the workspace's network lets out: ``internet`` or ``none``.
    """

    endpoint: Mapping[str, Any]
    deployment: Mapping[str, Any]
    environment: Mapping[str, Any] | None = None
    egress: str = "internet"


def serving_one(facts: Facts) -> DeploymentFact | None:
    """The deployment that has all of the traffic, whoever made it."""
    shares = facts.endpoint.traffic if facts.endpoint is not None else {}
    return next((each for each in facts.deployments if shares.get(each.key) == 100), None)


def identity_of(endpoint: EndpointFact, deployment: DeploymentFact) -> str:
    """Exactly this endpoint, and what it runs now: another one has another creation."""
    return f"{endpoint.id}@{endpoint.created:.3f}/{deployment.name}@{deployment.created:.3f}"


def unadoptable(facts: Facts) -> str | None:
    """Why it cannot be taken over, as a sentence; None when it can."""
    found = facts.endpoint
    if found is None or found.state != "Succeeded":
        return f"it is {found.state if found is not None else 'gone'}; only what has succeeded is taken over"
    serving = serving_one(facts)
    if serving is None:
        shared = ", ".join(f"{name} {share} %" for name, share in sorted(found.traffic.items()))
        return f"one deployment has to have all of its traffic; now: {shared or 'none has any'}"
    if serving.state != "Succeeded":
        return f"its deployment {serving.name} is {serving.state}"
    return None


def adoption_of(found: Found) -> Adoption:
    """Its wish, as far as it can be told."""
    endpoint, deployment = read_endpoint(found.endpoint), read_deployment(found.deployment)
    told: Mapping[str, Any] = found.deployment["properties"]
    plain, secrets, untold = _variables(told.get("environmentVariables") or {})
    spec: dict[str, JSON] = {
        "replicas": deployment.count
        if deployment.bounds is None
        else {"min": deployment.bounds[0], "max": deployment.bounds[1]},
        "network": {"egress": found.egress},
        "config": {**_of_endpoint(endpoint), **_of_deployment(told, kubernetes=bool(endpoint.compute))},
    }
    labels = plain_tags({str(key): str(value) for key, value in (found.endpoint.get("tags") or {}).items()})
    spec |= {name: value for name, value in (("env", plain), ("secrets", secrets), ("labels", labels)) if value}
    image, more, why = _runs(found, told)
    spec = _joined(spec, more)
    count = f"{deployment.count} of {deployment.instance_type}" if deployment.instance_type else str(deployment.count)
    return Adoption(
        identity=identity_of(endpoint, deployment),
        what=f"endpoint {endpoint.name}, deployment {deployment.name} ({count})",
        spec=spec,
        untold=untold | why,
        image=ImageRef(id=image.rpartition("@")[2] if "@" in image else "", reference=image) if image else None,
    )


def _joined(spec: dict[str, JSON], more: Mapping[str, JSON]) -> dict[str, JSON]:
    return {**spec, **more, "config": {**spec["config"], **more.get("config", {})}}


def _variables(told: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, JSON], dict[str, str]]:
    """Plain ones, secrets by their references, and those that are not told."""
    every = {str(key): str(value) for key, value in told.items()}
    secrets = {name: {"ref": ref} for name, value in every.items() if (ref := reference_in(value)) is not None}
    plain, hidden = told_variables({name: value for name, value in every.items() if name not in secrets})
    return plain, secrets, {f"env.{name}": "its value looks secret, and is not told" for name in hidden}


def _runs(found: Found, told: Mapping[str, Any]) -> tuple[str, dict[str, JSON], dict[str, str]]:
    """The image, what of the spec says what runs, and what of it is not told."""
    model = _MODEL.search(str(told.get("model") or ""))
    script = (told.get("codeConfiguration") or {}).get("scoringScript")
    about: Mapping[str, Any] = (found.environment or {}).get("properties") or {}
    image = str(about.get("image") or "")
    routes = _routes(about)
    if image and routes is not None and not script and not about.get("condaFile") and not about.get("build"):
        untold = {"model": f"its model {model['name']} is mounted by Azure"} if model is not None else {}
        return image, {"image": {"use": image}, "config": {"routes": routes}}, untold
    if model is not None and not script and found.environment is None:
        return "", {"model": f"azureml:{model['name']}:{model['version']}", "config": {"no_code": True}}, {}
    why = f"it runs the scoring script {script}" if script else "Azure built its image, which has no name of its own"
    more: dict[str, JSON] = {"model": f"azureml:{model['name']}:{model['version']}"} if model is not None else {}
    return "", more, {"image": f"{why}; what runs goes on running, and the next revision is made by deployer"}


def _routes(environment: Mapping[str, Any]) -> dict[str, JSON] | None:
    routes: Mapping[str, Any] = environment.get("inferenceConfig") or {}
    ready, scoring = routes.get("readinessRoute") or routes.get("livenessRoute"), routes.get("scoringRoute")
    if not ready or not scoring:
        return None
    return {"port": scoring["port"], "ready": ready["path"], "invocations": scoring["path"]}


def _of_endpoint(endpoint: EndpointFact) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    if endpoint.auth_mode in _MODES and endpoint.auth_mode != "Key":
        found["auth_mode"] = _MODES[endpoint.auth_mode]
    if endpoint.compute:
        found["compute"] = endpoint.compute
    elif not endpoint.public:
        found["public"] = False
    identities = (endpoint.document.get("identity") or {}).get("userAssignedIdentities") or {}
    if identities:
        found["identity"] = [*identities]
    if endpoint.connections:
        found["connections"] = True
    return found


def _of_deployment(told: Mapping[str, Any], *, kubernetes: bool) -> dict[str, JSON]:
    found: dict[str, JSON] = {"instance_type": told["instanceType"]} if told.get("instanceType") else {}
    settings: Mapping[str, Any] = told.get("requestSettings") or {}
    longest = 300.0 if kubernetes else 180.0
    if (seconds := _seconds(settings.get("requestTimeout"))) > 0:
        found["timeout"] = f"{min(seconds, longest):g}s"
    if settings.get("maxConcurrentRequestsPerInstance"):
        found["concurrency"] = int(settings["maxConcurrentRequestsPerInstance"])
    probe: Mapping[str, Any] = told.get("readinessProbe") or {}
    patience = _seconds(probe.get("initialDelay")) + _seconds(probe.get("period")) * (
        probe.get("failureThreshold") or 0
    )
    if patience >= 10:
        found["startup"] = f"{min(round(patience), 7200)}s"
    if told.get("appInsightsEnabled"):
        found["app_insights"] = True
    collections: Mapping[str, Any] = (told.get("dataCollector") or {}).get("collections") or {}
    on = [name for name in ("request", "response") if _is_on(collections.get(name))]
    if on:
        percent = 100 * float(collections[on[0]].get("samplingRate") or 1.0)
        rolls = str((told["dataCollector"] or {}).get("rollingRate") or "Hour").lower()
        found["data_capture"] = {"what": "both" if len(on) == 2 else on[0], "percent": percent, "roll": rolls}
    return found


def _is_on(collection: Mapping[str, Any] | None) -> bool:
    return str((collection or {}).get("dataCollectionMode") or "").lower() == "enabled"


def _seconds(text: object) -> float:
    """Of ``PT1M5S``; 0 for none."""
    found = _PERIOD.fullmatch(str(text or ""))
    if found is None:
        return 0.0
    return int(found["h"] or 0) * 3600 + int(found["m"] or 0) * 60 + float(found["s"] or 0)
