"""Wishes that a target cannot meet: an error in the plan, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target import Autoscales, KeepsSecrets, Mirrors, Target, TargetKind, WeightedTraffic

__all__ = ["unmet"]


def unmet(spec: DeploymentSpec, kind: TargetKind, target: Target | None = None) -> Iterator[tuple[str, str]]:
    """Each wish that cannot be met, as (dotted field, sentence).

    Args:
        spec: The wish.
        kind: What no place of this kind can.
        target: What this very place cannot, asked only where the kind has no objection; None: it is not asked.

    Raises:
        TargetUnavailable: It was asked, and could not tell.
    """
    fine = True
    for each in _of_kind(spec, kind):
        fine = False
        yield each
    if fine and target is not None:
        yield from target.unmet(spec)


def _of_kind(spec: DeploymentSpec, kind: TargetKind) -> Iterator[tuple[str, str]]:
    can, where = kind.capabilities, kind.name
    if isinstance(spec.replicas, ReplicaRange) and Autoscales not in can:
        yield "replicas", f"{where} has no autoscaler; give one number"
    strategy = spec.rollout.strategy
    if strategy in ("canary", "shadow", "blue-green"):
        need = {"canary": WeightedTraffic, "shadow": Mirrors}.get(strategy)
        if need is not None and need not in can:
            yield "rollout.strategy", f"{where} cannot do {strategy}; it has no {need.word}"
        else:
            yield "rollout.strategy", f"{strategy} is not in this version; rolling and recreate are"
    if spec.rollout.steps:
        yield "rollout.steps", "steps belong to canary, which is not in this version"
    if spec.gate:
        yield "gate", "gates are not in this version"
    if kind.delivers != "image" and spec.image != type(spec.image)():
        yield "image", f"{where} runs no image; leave image out"
    yield from _secrets(spec, where, by_value=KeepsSecrets in can)
    yield from kind.refuse(spec)


def _secrets(spec: DeploymentSpec, where: str, *, by_value: bool) -> Iterator[tuple[str, str]]:
    for name, secret in spec.secrets.items():
        if by_value and secret.ref is not None:
            yield f"secrets.{name}", f"{where} has no vault to look {secret.ref} up in; give {{env: NAME}}"
        if not by_value and secret.env is not None:
            yield f"secrets.{name}", f"{where} takes secrets by reference into its own vault only ({{ref: ...}})"
