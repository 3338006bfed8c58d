"""The Python API: the same verbs as the command line, which is a thin shell around it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from deployer.endpoint import Endpoint, HistoryEntry
from deployer.engine.clock import Clock, SystemClock
from deployer.engine.events import Listener
from deployer.engine.execution import Conditions, execute
from deployer.engine.holder import actor
from deployer.engine.observing import observe
from deployer.engine.outcome import Outcome
from deployer.engine.surveying import (
    Listing,
    Removal,
    Status,
    Unreachable,
    collect_orphans,
    examine,
    list_endpoints,
    status_of,
)
from deployer.engine.unmet import unmet
from deployer.engine.wishing import Wishing, laid_over, wish_for
from deployer.errors import Conflict, NotFound, SpecError
from deployer.plan import Context, Plan, plan_delete, plan_release, plan_resume, plan_rollback, refuse_foreign
from deployer.registry import Registry
from deployer.settings import NamedTarget, Settings, refuse_unprotected
from deployer.spec import DeploymentSpec, scope_of, validated
from deployer.target import Check, LogLine, Logs, Request, Response, Target, TargetKind
from deployer.value import JSON

if TYPE_CHECKING:
    from deployer.model import PackagedModel

__all__ = ["Deployer", "Listing", "Removal", "Status", "Unreachable"]

Patch = Callable[[dict[str, JSON]], DeploymentSpec]
"""From the recorded wish to the new one; what ``update`` does to an endpoint."""


class Deployer:
    """Delivers packaged MLflow models to endpoints.

    Args:
        settings: Named targets and defaults; by default read from ``deployer.toml`` or ``pyproject.toml`` upwards from
            the working directory.
        registry: Where back ends are found; by default the installed entry points.
        owner: The team's word that marks what is made; by default the settings'.
        by: Who is written into the history; by default the person or the CI job.
        clock: Where time comes from.
    """

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        registry: Registry | None = None,
        owner: str | None = None,
        by: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or Settings.load()
        self.registry = registry or Registry()
        self.owner = owner or self.settings.owner
        self.by = by or actor(os.environ)
        self.clock = clock or SystemClock()
        self._targets: dict[str, Target] = {}

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
        self, wish: DeploymentSpec | Plan, *, retry: bool = False, on_event: Listener | None = None, **conditions: Any
    ) -> Endpoint:
        """Make or change an endpoint so that it is as wished; a Plan is executed exactly, or refused when outdated."""
        plan = wish if isinstance(wish, Plan) else self.plan(wish, verb="apply", retry=retry)
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
    ) -> Plan:
        """What ``create`` or ``apply`` of a spec would do; changes nothing.

        Args:
            spec: The wish.
            verb: ``create``, ``update`` or ``apply``.
            retry: Try a rejected revision again.
            upgrade: Resolve the environment anew, though its requirements did not change.
            verify: Hash the model's files again, though its version is the recorded one.
        """
        target, kind = self._target(spec.target), self._kind(spec.target)
        refuse_unprotected(self._named(spec.target), spec.model)
        self._refuse_unmet(spec, kind)
        observed = observe(target, spec.name, self.clock)
        wishing = Wishing(target=target, kind=kind, environ=os.environ, upgrade=upgrade, verify=verify)
        return plan_release(verb, wish_for(spec, observed, wishing), observed, self._context(spec.target, kind, retry))

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
    ) -> Outcome:
        """Do what a plan says.

        Args:
            plan: Made by one of the ``plan`` methods.
            on_event: Told of each step.
            wait: False: stage, record the wish, move no traffic, and return ``pending``.
            once: Do what is due now; `InProgress` when more remains.
            timeout: Seconds for the new revision to become healthy, instead of the spec's.
            wait_lock: Seconds to wait when somebody else is changing the endpoint, instead of `Conflict` at once.

        Raises:
            Conflict: The endpoint has changed since the plan was made, or somebody is changing it.
            DeploymentFailed: Not healthy; what served before, serves still.
            RestoreFailed: Not healthy, and traffic may be impaired.
        """
        if plan.wish is not None and plan.verb not in ("rollback", "wait"):
            refuse_unprotected(self._named(plan.target), str(plan.wish.spec["model"]))
        target, kind = self._target(plan.target), self._kind(plan.target)
        conditions = Conditions(
            by=self.by, clock=self.clock, listener=on_event, wait=wait, once=once, timeout=timeout,
            wait_lock=wait_lock, context=self._context(plan.target, kind),
        )  # fmt: skip
        outcome = execute(plan, target, kind, conditions)
        return outcome.model_copy(update={"endpoint": self._bound(outcome.endpoint)})

    # Looking

    def get(self, name: str, *, target: str | None = None) -> Endpoint:
        """One endpoint as it is now.

        Raises:
            NotFound: There is none of that name.
        """
        return self.status(name, target=target).endpoint

    def status(self, name: str, *, target: str | None = None) -> Status:
        """One endpoint with its Record and, for revisions that are not well, why."""
        where = target or self.settings.default_target
        backend = self._target(where)
        observed = observe(backend, name, self.clock)
        found = status_of(backend, observed, where)
        if found is None:
            raise NotFound(f"there is no endpoint {name} on {where}", hint=self._nearest(name, backend))
        return found.model_copy(update={"endpoint": self._bound(found.endpoint)})

    def list(self, *, target: str | None = None, everything: bool = False) -> Listing:
        """The endpoints of one target, or of all that are configured, asked at once.

        Args:
            target: One target only.
            everything: Also what is not ours.
        """
        return list_endpoints(self._places(target), everything=everything)

    def history(self, name: str, *, target: str | None = None) -> tuple[HistoryEntry, ...]:
        """What was released, refused and taken back, the newest first."""
        observed = self.status(name, target=target).observed
        return observed.record.history if observed.record else ()

    def logs(
        self, name: str, *, target: str | None = None, revision: str | None = None, tail: int | None = None,
        since: float | None = None, follow: bool = False,
    ) -> Iterator[LogLine]:  # fmt: skip
        """Lines of an endpoint's replicas, merged."""
        where = target or self.settings.default_target
        backend = self._target(where)
        if not isinstance(backend, Logs):
            raise SpecError(f"{where} keeps no logs that can be read", hint="deployer targets")
        return backend.logs(name, revision=revision, tail=tail, since=since, follow=follow)

    def check(self, model: str) -> PackagedModel:
        """What a packaged model is, read as data: nothing of it is executed.

        Raises:
            SpecError: It is not a model, or a damaged one.
            NotFound: There is none.
        """
        from deployer.model import read_metadata, resolve

        return read_metadata(resolve(model))

    def doctor(self, target: str | None = None) -> dict[str, tuple[Check, ...]]:
        """What each target needs, looked at; changes nothing."""
        return examine(self._places(target))

    def gc(self, target: str | None = None, *, remove: bool = True, older_than: float = 3600.0) -> tuple[Removal, ...]:
        """Remove what is ours and nothing refers to any more.

        Args:
            target: One target only.
            remove: False: only tell.
            older_than: Seconds; younger things are left alone.
        """
        return collect_orphans(self._places(target), remove=remove, older_than=older_than)

    # Asking

    def invoke(self, name: str, request: Request, *, target: str | None = None) -> Response:
        """Send one HTTP request to an endpoint, as it stands."""
        return self._target(target or self.settings.default_target).invoke(name, request)

    def predict(self, name: str, data: Any, *, target: str | None = None, **options: Any) -> Any:
        """Predictions for data: a DataFrame gives a DataFrame, lists and arrays give lists.

        Raises:
            PredictionError: The endpoint refused the data, or failed on it.
        """
        from deployer.scoring import predict_data

        return predict_data(data, self.sender(name, target=target), **options)

    def sender(self, name: str, *, target: str | None = None) -> Callable[[str, bytes, Mapping[str, str]], Response]:
        """What `deployer.scoring` sends its requests with."""
        backend = self._target(target or self.settings.default_target)

        def send(path: str, body: bytes, headers: Mapping[str, str]) -> Response:
            return backend.invoke(name, Request(path=path, body=body, headers=headers))

        return send

    # Inside

    def _ended(self, plan: Plan, on_event: Listener | None, conditions: Mapping[str, Any]) -> Endpoint:
        outcome = self.execute(plan, on_event=on_event, **conditions)
        if outcome.endpoint is None:
            raise NotFound(f"{plan.endpoint} is gone")
        return outcome.endpoint

    def _named(self, name: str) -> NamedTarget:
        return self.settings.target(name, self.registry.known())

    def _kind(self, name: str) -> TargetKind:
        return self.registry.kind(self._named(name).kind)

    def _target(self, name: str) -> Target:
        if name not in self._targets:
            self._targets[name] = self.registry.connect(self._named(name), self.owner)
        return self._targets[name]

    def _context(self, target: str, kind: TargetKind, retry: bool = False) -> Context:
        scopes = {field: scope_of(kind.config, field) for field in kind.config.model_fields}
        return Context(
            target=target, owner=self.owner, retry=retry, scopes={f: s for f, s in scopes.items() if s is not None}
        )

    def _refuse_unmet(self, spec: DeploymentSpec, kind: TargetKind) -> None:
        found: dict[str, str] = {}
        for field, sentence in unmet(spec, kind):
            found.setdefault(field, sentence)
        if found:
            (field, sentence), *others = found.items()
            more = "".join(f"\n{f}: {s}" for f, s in others)
            raise SpecError(f"{sentence}{more}", where=field, hint=f"deployer targets {kind.name}")

    def _nearest(self, name: str, backend: Target) -> str:
        from deployer.nearest import closest

        near = closest(name, [each.name for each in backend.list()])
        return f"did you mean {near}? deployer status {near}" if near else "deployer list"

    def _places(self, target: str | None) -> dict[str, Callable[[], Target]]:
        """The targets that are asked, each connected when it is needed."""
        return {name: partial(self._target, name) for name in ([target] if target else self.settings.target_names)}

    def _bound(self, endpoint: Endpoint | None) -> Endpoint | None:
        if endpoint is None:
            return None
        name, target = endpoint.name, endpoint.target
        endpoint._predict = lambda data, **options: self.predict(name, data, target=target, **options)  # noqa: SLF001
        return endpoint
