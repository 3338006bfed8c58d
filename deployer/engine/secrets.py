"""Secret values: into the target's store, known outside it by their numbers. They enter no value, event or error."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deployer.endpoint import Diagnosis, Observed, Record, Release
from deployer.errors import SpecError
from deployer.plan import Plan, Stage
from deployer.spec import DeploymentSpec
from deployer.target import KeepsSecrets, Target

__all__ = ["hiding", "redacted", "refuse_unset", "secret_numbers", "values_to_keep"]

_SHORTEST = 4
"""A shorter value is no secret, and to blot it out would spoil what is told."""

_HIDDEN = "(secret)"


def secret_numbers(
    spec: DeploymentSpec, observed: Observed, target: Target, environ: Mapping[str, str]
) -> dict[str, int]:
    """The number of each secret's value: the recorded one while the value is the stored one, else one never used.

    An unset variable keeps the stored value.

    Raises:
        SpecError: A variable is unset, and nothing is stored under that name.
    """
    if not isinstance(target, KeepsSecrets):
        return {}
    recorded = _recorded(observed)
    numbers: dict[str, int] = {}
    for name, secret in sorted(spec.secrets.items()):
        if secret.env is None:
            continue  # a reference into a vault, which is no value
        value = environ.get(secret.env)
        stored = recorded.get(name, ())
        if value is None:
            if not stored:
                raise _unset(name, secret.env)
            numbers[name] = stored[0]
            continue
        same = [number for number in stored if target.holds_secret(spec.name, name, number, value)]
        used = observed.record.numbers.get(name, 0) if observed.record else 0
        numbers[name] = same[0] if same else max((*stored, used)) + 1
    return numbers


def _unset(name: str, variable: str | None) -> SpecError:
    return SpecError(
        f"the variable {variable} is not set, and no value of {name} is stored yet",
        where=f"secrets.{name}", hint=f"export {variable}=...",
    )  # fmt: skip


def _recorded(observed: Observed) -> dict[str, tuple[int, ...]]:
    """Name -> the numbers that kept releases use, the served one's first."""
    found: dict[str, list[int]] = {}
    record = observed.record
    if record is None:
        return {}
    served = [each for each in record.traffic.served if each in record.releases]
    for revision in dict.fromkeys([*served, *record.releases]):
        for name, number in _numbers(record.releases[revision]).items():
            if number not in found.setdefault(name, []):
                found[name].append(number)
    return {name: tuple(numbers) for name, numbers in found.items()}


def _numbers(release: Release) -> Mapping[str, int]:
    return release.fields.get("secrets") or {}


def values_to_keep(
    spec: DeploymentSpec, release: Release, record: Record | None, environ: Mapping[str, str], *, runs: bool
) -> dict[tuple[str, int], str]:
    """The values that the target does not have yet, by name and number.

    A number that another release uses, or this one when it ran before, stands for a stored value, which nothing
    overwrites: the variable may hold another one by now.

    Args:
        spec: With the references.
        release: With the numbers.
        record: What is known already; it may name the release itself.
        environ: Of this process.
        runs: Whether the revision is there already, so that its secrets were stored before.

    Raises:
        SpecError: A variable is unset.
    """
    if runs or (record is not None and (record.released(release.revision) or record.traffic.share(release.revision))):
        return {}
    others = [each for name, each in record.releases.items() if name != release.revision] if record else []
    stored = {pair for each in others for pair in _numbers(each).items()}
    values: dict[tuple[str, int], str] = {}
    for name, number in _numbers(release).items():
        if (name, number) in stored:
            continue
        variable = spec.secrets[name].env if name in spec.secrets else None
        value = environ.get(variable or "")
        if value is None:
            raise _unset(name, variable)
        values[name, number] = value
    return values


def refuse_unset(plan: Plan, observed: Observed, target: Target, environ: Mapping[str, str]) -> None:
    """Before anything is changed: a plan that was saved, or is gone on with, may name values that are nowhere.

    Raises:
        SpecError: A variable is unset, and its value is not stored.
    """
    wish = plan.wish
    if wish is None or not isinstance(target, KeepsSecrets) or not plan.count(Stage):
        return
    release = wish.release
    runs = release.revision in observed.revisions
    values_to_keep(DeploymentSpec(**wish.spec), release, observed.record, environ, runs=runs)


def hiding(plan: Plan, environ: Mapping[str, str]) -> Callable[[str], str]:
    """Takes the values of a plan's secrets, as far as this process knows them, out of a text."""
    spec = DeploymentSpec(**plan.wish.spec) if plan.wish else None
    references = (*spec.secrets.values(), *spec.auth.api_keys) if spec else ()
    found = {environ.get(each.env or "", "") for each in references}
    values = sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)

    def hide(text: str) -> str:
        for value in values:
            text = text.replace(value, _HIDDEN)
        return text

    return hide


def redacted(diagnosis: Diagnosis, hide: Callable[[str], str]) -> Diagnosis:
    """The same without secret values: evidence is what a model printed, and the Record keeps it."""
    return diagnosis.model_copy(
        update={
            "summary": hide(diagnosis.summary),
            "subject": hide(diagnosis.subject),
            "evidence": tuple(map(hide, diagnosis.evidence)),
            "hint": hide(diagnosis.hint) if diagnosis.hint else diagnosis.hint,
        }
    )
