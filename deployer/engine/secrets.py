"""Secret values: into the target's store, known outside it by their numbers. They enter no value, event or error."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.endpoint import Claim, Observed, Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target import KeepsSecrets, Target

__all__ = ["keep_secrets", "secret_numbers"]


def secret_numbers(
    spec: DeploymentSpec, observed: Observed, target: Target, environ: Mapping[str, str]
) -> dict[str, int]:
    """The number of each secret's value: the recorded one while the value is the stored one, else the next.

    An unset variable keeps the stored value.

    Raises:
        SpecError: A variable is unset, and nothing is stored under that name.
    """
    if not isinstance(target, KeepsSecrets):
        return {}
    recorded = _recorded(observed)
    numbers: dict[str, int] = {}
    for name, secret in sorted(spec.secrets.items()):
        value = environ.get(secret.env or "")
        stored = recorded.get(name, ())
        if value is None:
            if not stored:
                raise SpecError(
                    f"the variable {secret.env} is not set, and no value of {name} is stored yet",
                    where=f"secrets.{name}", hint=f"export {secret.env}=...",
                )  # fmt: skip
            numbers[name] = stored[0]
            continue
        same = [number for number in stored if target.holds_secret(spec.name, name, number, value)]
        numbers[name] = same[0] if same else max(stored, default=0) + 1
    return numbers


def _recorded(observed: Observed) -> dict[str, tuple[int, ...]]:
    """Name -> the numbers that kept releases use, the served one's first."""
    found: dict[str, list[int]] = {}
    record = observed.record
    if record is None:
        return {}
    served = [each for each in record.traffic.served if each in record.releases]
    for revision in dict.fromkeys([*served, *record.releases]):
        for name, number in (record.releases[revision].fields.get("secrets") or {}).items():
            if number not in found.setdefault(name, []):
                found[name].append(number)
    return {name: tuple(numbers) for name, numbers in found.items()}


def keep_secrets(
    target: Target, spec: DeploymentSpec, release: Release, claim: Claim, environ: Mapping[str, str]
) -> None:
    """Store the values that the release's numbers stand for, where they are not stored yet."""
    numbers: Mapping[str, int] = release.fields.get("secrets") or {}
    if not isinstance(target, KeepsSecrets) or not numbers:
        return
    values: dict[tuple[str, int], str] = {}
    for name, number in numbers.items():
        secret = spec.secrets.get(name)
        value = environ.get(secret.env) if secret and secret.env else None
        if value is not None and not target.holds_secret(spec.name, name, number, value):
            values[name, number] = value
    if values:
        target.keep_secrets(spec.name, values, claim)
