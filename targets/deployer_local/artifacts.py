"""The artifacts of revisions in an endpoint's folder: whether they are there, and which are one revision's alone."""

from __future__ import annotations

from deployer.endpoint import Record, Release
from deployer.errors import BuildError
from deployer.target.reading import secret_numbers
from deployer_local.desired import Desired, Wanted
from deployer_local.requests import artifacts_of
from deployer_local.store import Store

__all__ = ["ensure_delivered", "kept_paths", "only_of"]


def kept_paths(wanted: Wanted, revision: str) -> set[str]:
    """What a revision needs, as paths from the endpoint's folder."""
    values = {f"secrets/{name}.{number}" for name, number in wanted.secrets.items()}
    return {*wanted.artifacts(), *values, f"secrets/{revision}"}


def ensure_delivered(store: Store, release: Release) -> None:
    """Raises BuildError when one of a release's three artifacts is not there."""
    model, environment, runtime = artifacts_of(release)
    for what, path in (
        ("model", store.path / model),
        ("environment", store.path / environment / "bin" / "python"),
        ("serving runtime", store.path / runtime),
    ):
        if not path.exists():
            broken = path.is_symlink()
            raise BuildError(
                f"the {what} of {release.revision} "
                + ("runs on a Python that is gone" if broken else "is not in the endpoint's folder"),
                where=str(path), hint="run the same command again, which delivers it",
            )  # fmt: skip


def only_of(store: Store, revision: str, desired: Desired, after: Desired, record: Record) -> set[str]:
    """What a revision alone uses: artifacts, secret values, logs; paths from the endpoint's folder."""
    mine, others = set[str](), after.needed()
    numbers = set[str]()
    kept_numbers = {f"secrets/{n}.{v}" for wanted in after.revisions.values() for n, v in wanted.secrets.items()}
    if revision in desired.revisions:
        mine |= set(desired.revisions[revision].artifacts())
        numbers |= {f"secrets/{n}.{v}" for n, v in desired.revisions[revision].secrets.items()}
    for name, release in record.releases.items():
        values = {f"secrets/{n}.{v}" for n, v in secret_numbers(release).items()}
        if name == revision:
            mine |= set(artifacts_of(release))
            numbers |= values
        else:
            others |= set(artifacts_of(release))
            kept_numbers |= values
    written = {f"logs/{path.name}" for path in (store.path / "logs").glob(f"{revision}.*")}
    return (mine - others) | (numbers - kept_numbers) | written | {f"secrets/{revision}"}
