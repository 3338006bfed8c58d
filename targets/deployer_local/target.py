"""The local target: the verbs, which write what is wished and poke the supervisor."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from deployer.endpoint import Claim, Diagnosis, Endpoint, Record, Release, Traffic
from deployer.errors import Conflict, NotFound, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import (
    Check,
    Diagnoses,
    EnvironmentSink,
    InvokesRevision,
    KeepsSecrets,
    LogLine,
    Logs,
    Orphan,
    Orphans,
    Preflight,
    Request,
    Response,
    Site,
    Target,
    Watches,
    ensure_held,
)
from deployer.target.reading import secret_numbers
from deployer_local import logs, orphans, secrets, wire
from deployer_local.artifacts import ensure_delivered, kept_paths, only_of
from deployer_local.config import LocalOptions
from deployer_local.desired import Desired, Marks
from deployer_local.diagnose import diagnosis_of
from deployer_local.launch import ask_supervisor, ensure_supervisor
from deployer_local.observe import endpoint_of, routed
from deployer_local.place import root_folder, uv_platform
from deployer_local.ports import is_free, owner_of_port
from deployer_local.preflight import checks
from deployer_local.requests import settings_of, wanted_of
from deployer_local.store import Store, told, usable_name
from deployer_local.supervisor.files import make_folder, read_object
from deployer_local.supervisor.removal import listed, put_away
from deployer_local.supervisor.system import boot_id
from deployer_local.survey import survey

__all__ = ["LocalTarget"]


class LocalTarget(Target, Logs, Diagnoses, InvokesRevision, KeepsSecrets, Preflight, Orphans, Watches):
    """Endpoints as supervised processes of this host.

    Args:
        options: Where its folder is.
        site: The named target.
        clock: Seconds since the epoch.
        boot: What names this start of the host.
    """

    kind: ClassVar[str] = "local"
    poll: ClassVar[float] = 0.1

    def __init__(
        self,
        options: LocalOptions,
        site: Site,
        *,
        clock: Callable[[], float] = time.time,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        super().__init__(site)
        self.root = root_folder(options.root)
        self._clock = clock
        self._boot = boot
        self._turn = itertools.count()
        self._seen: dict[str, int] = {}

    def now(self) -> float:
        return self._clock()

    # Looking.

    def observe(self, endpoint: str) -> Endpoint | None:
        if not usable_name(endpoint):
            return None
        facts = survey(self._store(endpoint), self.site.name, self._boot())
        if facts.changes is not None:
            self._seen[endpoint] = facts.changes
        return endpoint_of(facts)

    def list(self) -> Iterable[Endpoint]:
        with told("look into the folder", self._endpoints):
            try:
                names = sorted(path.name for path in self._endpoints.iterdir() if usable_name(path.name))
            except FileNotFoundError:
                return
        for name in names:
            found = self.observe(name)
            if found is not None:
                yield found

    def watch(self, endpoint: str, seconds: float) -> None:
        seen = self._seen.get(endpoint)
        until = time.monotonic() + seconds
        if seen is not None:
            with contextlib.suppress(OSError):
                answer = ask_supervisor(
                    self._store(endpoint), {"do": "wait", "seen": seen, "seconds": seconds}, seconds + 1.0
                )
                if answer.get("ok"):
                    return
        time.sleep(max(0.0, min(self.poll, until - time.monotonic())))

    # The Record.

    def read_record(self, endpoint: str) -> tuple[Record, str] | None:
        if not usable_name(endpoint):
            return None
        found = self._store(endpoint).read_record()
        return (found.record, found.token) if found.record is not None and found.token is not None else None

    def write_record(self, record: Record, expected: str | None) -> str:
        return self._store(record.endpoint).write_record(record, expected)

    # Delivering.

    def sink(self, endpoint: str) -> EnvironmentSink:
        """As `Target.sink`. Before there is an endpoint, a plan may ask too: then the folder is not there."""
        store = self._store(endpoint)
        store.ensure_ours()
        with told("make its folders", self.root):
            put_away(store.path)  # what is about to be removed is not to be taken for delivered
            make_folder(self.root / "cache")
        return EnvironmentSink(folder=store.path, cache=self.root / "cache", platform=uv_platform())

    # Changing.

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        store = self._store(spec.name)

        def change(record: Record, desired: Desired | None) -> Desired:
            before = _remaining(store, desired) or self._fresh(store, record)
            settings = settings_of(spec, before.settings.port)
            moved = (settings.host, settings.port) != (before.settings.host, before.settings.port)
            if settings.port is not None and (moved or desired is None) and not self._listens(store, settings.port):
                _refuse_taken(settings.host, settings.port, spec.name)
            marks = Marks(owner=record.owner, endpoint=spec.name)
            return before.model_copy(update={"settings": settings, "marks": marks})

        store.change(claim, change)
        ensure_supervisor(store, self._boot())
        _await_port(store)

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        store = self._store(spec.name)
        wanted = wanted_of(spec, release, now=self.now(), serial=time.time_ns() // 1_000_000)

        def change(record: Record, desired: Desired | None) -> Desired:
            before = _remaining(store, desired)
            if before is None:
                before = self._fresh(store, record)
                before = before.model_copy(update={"settings": settings_of(spec, before.settings.port)})
            ensure_delivered(store, release)
            secrets.give_secrets(store, release.revision, secret_numbers(release))
            known = before.revisions.get(release.revision)
            new = wanted if known is None else wanted.model_copy(update={"since": known.since})
            kept = kept_paths(new, release.revision)
            remove = tuple(entry for entry in before.remove if entry.rpartition("@")[0] not in kept)
            revisions = {**before.revisions, release.revision: new}
            return before.model_copy(update={"revisions": revisions, "remove": remove})

        store.change(claim, change)
        ensure_supervisor(store, self._boot())

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        store = self._store(endpoint)

        def change(_: Record, desired: Desired | None) -> Desired | None:
            before = _remaining(store, desired)
            if len(traffic.served) > 1:
                raise Conflict(f"local sends all traffic to one revision, not {traffic}", where=endpoint)
            for revision in traffic.served:
                if before is None or revision not in before.revisions:
                    raise Conflict(f"{revision} was not staged, so it can take no traffic", where=endpoint)
            return before.model_copy(update={"traffic": dict(traffic.items())}) if before is not None else None

        store.change(claim, change)
        ensure_supervisor(store, self._boot())

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        store = self._store(endpoint)

        def change(record: Record, desired: Desired | None) -> Desired | None:
            before = _remaining(store, desired)
            if before is None:
                return None
            if before.traffic.get(revision):
                raise Conflict(f"{revision} has traffic, so it cannot be retired", where=endpoint)
            revisions = {name: wanted for name, wanted in before.revisions.items() if name != revision}
            after = before.model_copy(update={"revisions": revisions})
            entries = set() if keep else listed(store.path, only_of(store, revision, before, after, record))
            return after.model_copy(update={"remove": tuple(sorted({*before.remove, *entries}))})

        store.change(claim, change)
        ensure_supervisor(store, self._boot())

    def destroy(self, endpoint: str, claim: Claim) -> None:
        store = self._store(endpoint)

        def change(record: Record, desired: Desired | None) -> Desired:
            before = desired or self._fresh(store, record)
            return before if before.gone else before.model_copy(update={"gone": True, "traffic": {}})

        store.change(claim, change)
        ensure_supervisor(store, self._boot())

    def _fresh(self, store: Store, record: Record) -> Desired:
        """A wish for an endpoint that has none, or whose own was lost: the port that it had is kept."""
        fresh = Desired(marks=Marks(owner=record.owner, endpoint=store.name))
        port = (read_object(store.path / "run" / "state.json") or {}).get("port")
        settings = fresh.settings.model_copy(update={"port": port if isinstance(port, int) else None})
        return fresh.model_copy(update={"settings": settings})

    def _listens(self, store: Store, port: int) -> bool:
        try:
            return bool(ask_supervisor(store, {"do": "status"}).get("port") == port)
        except OSError:
            return survey(store, self.site.name, self._boot()).port == port

    # Asking.

    def invoke(self, endpoint: str, request: Request) -> Response:
        desired, _ = self._store(endpoint).read_desired() if usable_name(endpoint) else (None, None)
        if desired is None or desired.gone:
            raise NotFound(f"there is no endpoint {endpoint}", where=self.site.name, hint="deployer list")
        if desired.settings.port is None or not desired.traffic:
            raise TargetUnavailable(
                f"no revision of {endpoint} has traffic", transient=True, hint=f"deployer status {endpoint}"
            )
        return wire.send_to_port(desired.settings.host, desired.settings.port, request)

    def invoke_revision(self, endpoint: str, revision: str, request: Request) -> Response:
        store = self._store(endpoint)
        paths = sorted((store.path / "run").glob(f"{revision}.*.sock")) if usable_name(endpoint) else []
        if not paths:
            raise TargetUnavailable(f"no worker of {revision} listens yet", transient=True, where=endpoint)
        return wire.send_to_socket(paths[next(self._turn) % len(paths)], request)

    def logs(
        self,
        endpoint: str,
        *,
        revision: str | None = None,
        tail: int | None = None,
        since: float | None = None,
        follow: bool = False,
    ) -> Iterator[LogLine]:
        store = self._store(endpoint)
        read = logs.follow_lines if follow else logs.read_lines
        return read(store, revision, tail, since)

    def diagnose(self, endpoint: str, revision: str) -> Diagnosis | None:
        store = self._store(endpoint)
        facts = survey(store, self.site.name, self._boot())
        if facts.foreign or not facts.there:
            return None
        if facts.port_trouble and facts.desired and facts.desired.settings.port and routed(facts) in (revision, None):
            facts = replace(facts, port_owner=owner_of_port(facts.desired.settings.port))
        written = {
            each.number: logs.last_lines(store.path / "logs" / f"{revision}.{each.number}.log")
            for each in facts.of(revision)
        }
        return diagnosis_of(facts, revision, written, self.now())

    # Secrets.

    def holds_secret(self, endpoint: str, name: str, number: int, value: str) -> bool:
        return secrets.holds(self._store(endpoint), name, number, value)

    def keep_secrets(self, endpoint: str, values: Mapping[tuple[str, int], str], claim: Claim) -> None:
        store = self._store(endpoint)
        _remaining(store, store.read_desired()[0])
        store.ensure_ours()
        ensure_held(store.read_record().record, claim)
        secrets.keep(store, values)

    # Care.

    def preflight(self) -> Iterable[Check]:
        return checks(self.root)

    def orphans(self, *, older_than: float = 3600.0) -> Iterable[Orphan]:
        return orphans.find(self.root, now=self.now(), older_than=older_than)

    def remove_orphan(self, orphan: Orphan, *, older_than: float = 3600.0) -> bool:
        return orphans.remove(self.root, orphan, now=self.now(), older_than=older_than)

    @property
    def _endpoints(self) -> Path:
        return self.root / "endpoints"

    def _store(self, endpoint: str) -> Store:
        if not usable_name(endpoint):
            raise NotFound(f"there is no endpoint {endpoint!r}", where=self.site.name, hint="deployer list")
        return Store(self._endpoints, endpoint)


def _remaining(store: Store, desired: Desired | None) -> Desired | None:
    """The wish, unless the endpoint is being removed; raises Conflict then."""
    if desired is not None and desired.gone:
        raise Conflict(f"{store.name} is being removed", where=str(store.path), hint=f"deployer status {store.name}")
    return desired


def _await_port(store: Store) -> None:
    """Until the supervisor has chosen a port and written it down, so that whoever looks next sees it; not for long."""
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        desired, _ = store.read_desired()
        if desired is None or desired.settings.port is not None:
            return
        time.sleep(0.005)


def _refuse_taken(host: str, port: int, name: str) -> None:
    if is_free(host, port):
        return
    owner = owner_of_port(port)
    raise Conflict(
        f"port {port} is taken by {owner or 'another process'}", where=name,
        hint="end it, or take another port: --set config.port=PORT; without one, a free port is chosen",
    )  # fmt: skip
