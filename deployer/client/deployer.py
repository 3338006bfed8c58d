"""The Python API: the same verbs as the command line, which is a thin shell around it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from deployer.client.building import Building
from deployer.client.looking import Looking
from deployer.client.protecting import refuse_unprotected
from deployer.endpoint import Endpoint, Release
from deployer.engine.adopting import adoption_of
from deployer.engine.conditions import Conditions
from deployer.engine.events import Listener
from deployer.engine.execution import execute
from deployer.engine.observing import observe
from deployer.engine.outcome import Outcome
from deployer.engine.unmet import unmet
from deployer.engine.wishing import Wishing, laid_over, wish_for
from deployer.errors import Conflict, NotFound, SpecError
from deployer.plan import (
    Context,
    Plan,
    plan_adoption,
    plan_delete,
    plan_release,
    plan_resume,
    plan_rollback,
    refuse_foreign,
)
from deployer.spec import DeploymentSpec, scope_of, validated
from deployer.target import Renderable, Target, TargetKind
from deployer.value import JSON

__all__ = ["Deployer", "Patch"]

Patch = Callable[[dict[str, JSON]], DeploymentSpec]
"""From the recorded wish to the new one; what ``update`` does to an endpoint."""


class Deployer(Looking, Building):
    """Delivers packaged MLflow models to endpoints.

    Args:
        settings: Named targets and defaults; by default read from ``deployer.toml`` or ``pyproject.toml`` upwards from
            the working directory.
        registry: Where back ends are found; by default the installed entry points.
        owner: The team's word that marks what is made; by default the settings'.
        by: Who is written into the history; by default the person or the CI job.
        clock: Where time comes from.
    """

    # Verbs

    def create(self, spec: DeploymentSpec, *, on_event: Listener | None = None, **conditions: Any) -> Endpoint:
        """Make an endpoint. It is healthy when this returns, or nothing of it is left.

        Args:
            spec: The wish.
            on_event: Told of each step.
            conditions: As `execute`.

        Raises:
            Conflict: There is one of that name, and it is something else.
            DeploymentFailed: It did not become healthy; carries the Diagnosis.
        """
        return self._ended(self.plan(spec, verb="create"), on_event, conditions)

    def update(
        self,
        name: str,
        changes: Mapping[str, JSON] | None = None,
        *,
        target: str | None = None,
        on_event: Listener | None = None,
        conditions: Mapping[str, Any] | None = None,
        **fields: JSON,
    ) -> Endpoint:
        """Change an endpoint: ``update("fraud", model="models:/fraud/5", replicas=3)``.

        Args:
            name: Of the endpoint.
            changes: Nested fields to merge into the recorded wish.
            target: Where it is; by default the settings' target.
            on_event: Told of each step.
            conditions: As `execute`.
            fields: Top-level fields, as ``changes``.

        Raises:
            NotFound: There is none.
            DeploymentFailed: The new revision is not healthy; the old one serves on.
        """
        wished = {**(changes or {}), **fields}

        def patch(recorded: dict[str, JSON]) -> DeploymentSpec:
            return validated(DeploymentSpec, laid_over(recorded, wished), lambda path: ".".join(map(str, path)))

        return self._ended(self.plan_update(name, patch, target=target), on_event, dict(conditions or {}))

    def apply(
        self, wish: DeploymentSpec | Plan, *, retry: bool = False, adopt: bool = False,
        on_event: Listener | None = None, **conditions: Any,
    ) -> Endpoint:  # fmt: skip
        """Make or change an endpoint so that it is as wished; a Plan is executed exactly, or refused when outdated.

        With ``adopt`` one that is not ours is taken over first, as it runs.
        """
        plan = wish if isinstance(wish, Plan) else self.plan(wish, verb="apply", retry=retry, adopt=adopt)
        return self._ended(plan, on_event, conditions)

    def rollback(
        self, name: str, *, to: str | None = None, target: str | None = None, on_event: Listener | None = None,
        **conditions: Any,
    ) -> Endpoint:  # fmt: skip
        """Go back to the revision that was released before, or to a given one, exactly."""
        return self._ended(self.plan_rollback(name, to=to, target=target), on_event, conditions)

    def delete(
        self, name: str, *, target: str | None = None, missing_ok: bool = False, on_event: Listener | None = None,
        **conditions: Any,
    ) -> None:  # fmt: skip
        """Remove everything of an endpoint; the model and images in a registry stay."""
        try:
            plan = self.plan_delete(name, target=target)
        except NotFound:
            if missing_ok:
                return
            raise
        self.execute(plan, on_event=on_event, **conditions)

    def wait(
        self, name: str, *, target: str | None = None, on_event: Listener | None = None, **conditions: Any
    ) -> Endpoint:
        """Finish the roll-out that is under way; without one, return the endpoint as it is."""
        plan = self.plan_wait(name, target=target)
        return self._ended(plan, on_event, conditions) if plan else self.get(name, target=target)

    # Plans

    def plan(
        self,
        spec: DeploymentSpec,
        *,
        verb: str = "apply",
        retry: bool = False,
        upgrade: bool = False,
        verify: bool = False,
        adopt: bool = False,
    ) -> Plan:
        """What ``create`` or ``apply`` of a spec would do; changes nothing.

        Args:
            spec: The wish.
            verb: ``create``, ``update`` or ``apply``.
            retry: Try a rejected revision again.
            upgrade: Resolve the environment anew, though its requirements did not change.
            verify: Hash the model's files again, though its version is the recorded one.
            adopt: Of ``apply``: take an endpoint over that is not ours, instead of a Conflict.
        """
        target, kind = self._target(spec.target), self._kind(spec.target)
        refuse_unprotected(self._named(spec.target), spec.model, spec.image.use)
        self._refuse_unmet(spec, kind, target)
        observed = observe(target, spec.name, self.clock)
        wishing = Wishing(target=target, kind=kind, environ=os.environ, upgrade=upgrade, verify=verify)
        context = self._context(spec.target, kind, retry)
        found = adoption_of(observed, target, kind, spec, owner=self.owner) if adopt else None
        wish = wish_for(spec, observed, wishing)
        return plan_adoption(wish, observed, found, context) if adopt else plan_release(verb, wish, observed, context)

    def render(self, wish: DeploymentSpec | Plan) -> tuple[dict[str, JSON], ...]:
        """What the target would be sent for a wish, as documents; changes nothing.

        Raises:
            SpecError: The target works in another way.
        """
        found = self._rendering(wish)
        return tuple(map(dict, found[0].render(*found[1:]))) if found is not None else ()

    def unrendered(self, wish: DeploymentSpec | Plan) -> tuple[str, ...]:
        """What of that the documents do not hold, such as values of secrets: a sentence each.

        Raises:
            SpecError: The target works in another way.
        """
        found = self._rendering(wish)
        return tuple(found[0].unrendered(*found[1:])) if found is not None else ()

    def _rendering(self, wish: DeploymentSpec | Plan) -> tuple[Renderable, DeploymentSpec, Release] | None:
        self.refuse_unrenderable(wish.target)
        plan = wish if isinstance(wish, Plan) else self.plan(wish)
        target = self._target(plan.target)
        if plan.wish is None or not isinstance(target, Renderable):
            return None
        return target, DeploymentSpec(**plan.wish.spec), plan.wish.release

    def plan_update(self, name: str, patch: Patch, *, target: str | None = None, **options: Any) -> Plan:
        """What ``update`` would do, ``patch`` being laid over the recorded wish."""
        where = target or self.settings.default_target
        observed = observe(self._target(where), name, self.clock)
        refuse_foreign(name, observed, self.owner)
        record = observed.record
        if observed.absent:
            raise NotFound(f"there is no endpoint {name} on {where}", hint=f"deployer create {name} --model URI")
        if record is None or not record.spec:
            raise Conflict(
                f"the record of {name} is lost, so there is nothing that could be changed",
                hint="deployer apply -f FILE says the whole wish, and the record is written anew",
            )
        recorded = dict(record.spec)
        if record.rollout is not None and not record.rollout.moved and record.rollout.before.spec:
            wished = patch({**record.rollout.before.spec, "target": where})
            if wished.wish() != record.spec:
                recorded = dict(record.rollout.before.spec)
        return self.plan(patch({**recorded, "target": where}), verb="update", **options)

    def plan_rollback(self, name: str, *, to: str | None = None, target: str | None = None) -> Plan:
        """What ``rollback`` would do."""
        where = target or self.settings.default_target
        observed = observe(self._target(where), name, self.clock)
        return plan_rollback(observed, self._context(where, self._kind(where)), name=name, to=to)

    def plan_delete(self, name: str, *, target: str | None = None) -> Plan:
        """What ``delete`` would remove."""
        where = target or self.settings.default_target
        observed = observe(self._target(where), name, self.clock)
        return plan_delete(observed, self._context(where, self._kind(where)), name=name)

    def plan_wait(self, name: str, *, target: str | None = None) -> Plan | None:
        """What ``wait`` would go on with; None when nothing is under way."""
        where = target or self.settings.default_target
        observed = observe(self._target(where), name, self.clock)
        return plan_resume(observed, self._context(where, self._kind(where)), name=name)

    def execute(
        self,
        plan: Plan,
        *,
        on_event: Listener | None = None,
        wait: bool = True,
        once: bool = False,
        timeout: float | None = None,
        wait_lock: float | None = None,
        keep_failed: bool = False,
    ) -> Outcome:
        """Do what a plan says.

        Args:
            plan: Made by one of the ``plan`` methods.
            on_event: Told of each step.
            wait: False: stage, record the wish, move no traffic, and return ``pending``.
            once: Do what is due now; `InProgress` when more remains.
            timeout: Seconds for the new revision to become healthy, instead of the spec's.
            wait_lock: Seconds to wait when somebody else is changing the endpoint, instead of `Conflict` at once.
            keep_failed: Leave a revision that fails before traffic moves as it is, to be looked at.

        Raises:
            Conflict: The endpoint has changed since the plan was made, or somebody is changing it.
            DeploymentFailed: Not healthy; what served before, serves still.
            RestoreFailed: Not healthy, and traffic may be impaired.
        """
        if plan.wish is not None and plan.verb not in ("rollback", "wait"):
            wished = DeploymentSpec(**plan.wish.spec)
            refuse_unprotected(self._named(plan.target), wished.model, wished.image.use)
        target, kind = self._target(plan.target), self._kind(plan.target)
        conditions = Conditions(
            by=self.by, clock=self.clock, listener=on_event, wait=wait, once=once, timeout=timeout,
            wait_lock=wait_lock, context=self._context(plan.target, kind), keep_failed=keep_failed,
        )  # fmt: skip
        outcome = execute(plan, target, kind, conditions)
        return outcome.model_copy(update={"endpoint": self._bound(outcome.endpoint)})

    def refuse_unrenderable(self, target: str) -> None:
        """Raise `SpecError` for a target that takes no documents; told before a plan is made, which may take long."""
        if Renderable not in self._kind(target).capabilities:
            raise SpecError(
                f"{target} takes no documents that could be rendered", hint="deployer targets says which one does"
            )

    # Inside

    def _ended(self, plan: Plan, on_event: Listener | None, conditions: Mapping[str, Any]) -> Endpoint:
        outcome = self.execute(plan, on_event=on_event, **conditions)
        if outcome.endpoint is None:
            raise NotFound(f"{plan.endpoint} is gone")
        return outcome.endpoint

    def _context(self, target: str, kind: TargetKind, retry: bool = False) -> Context:
        scopes = {field: scope_of(kind.config, field) for field in kind.config.model_fields}
        return Context(
            target=target,
            owner=self.owner,
            retry=retry,
            scopes={field: scope for field, scope in scopes.items() if scope is not None},
            interrupts=kind.interrupts,
            carried=kind.carried,
            asks_last=kind.asks_last,
            foretell=kind.foretell,
        )

    def _refuse_unmet(self, spec: DeploymentSpec, kind: TargetKind, target: Target) -> None:
        found: dict[str, str] = {}
        for field, sentence in unmet(spec, kind, target):
            found.setdefault(field, sentence)
        if found:
            (field, sentence), *others = found.items()
            more = "".join(f"\n{f}: {s}" for f, s in others)
            raise SpecError(f"{sentence}{more}", where=field, hint=f"deployer targets {kind.name}")
