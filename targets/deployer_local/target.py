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
from deployer.errors import BuildError, Conflict, NotFound, TargetUnavailable
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
from deployer_local import logs, orphans, secrets, wire
from deployer_local.config import LocalOptions
from deployer_local.desired import Desired, Marks
from deployer_local.diagnose import diagnosis_of
from deployer_local.launch import ask_supervisor, ensure_supervisor
from deployer_local.observe import endpoint_of, routed
from deployer_local.place import root_folder, uv_platform
from deployer_local.ports import is_free, owner_of_port
from deployer_local.preflight import checks
from deployer_local.requests import artifacts_of, secret_numbers, settings_of, wanted_of
from deployer_local.store import Store, told, usable_name
from deployer_local.supervisor.files import make_folder, read_object
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
        return (found.record, found.version) if found.record is not None and found.version is not None else None

    def write_record(self, record: Record, expected: str | None) -> str:
        return self._store(record.endpoint).write_record(record, expected)

    # Delivering.

    def sink(self, endpoint: str) -> EnvironmentSink:
        store = self._store(endpoint)
        sink = EnvironmentSink(folder=store.path, cache=self.root / "cache", platform=uv_platform())
        if not store.path.is_dir():  # asked while planning: nothing is there yet, and nothing is made
            return sink
        with store.locked():
            desired, _ = store.read_desired()
            if desired is not None and desired.remove and not desired.gone:
                with told("put away what is not used any more", store.path):
                    store.put_away(path for path in desired.remove if path not in desired.needed())
                store.write_desired(desired.model_copy(update={"remove": ()}))
        with told("make its folders", store.path):
            for name in ("models", "environments", "runtimes"):
                make_folder(store.path / name)
            make_folder(self.root / "cache")
        return sink

    # Changing.

    def configure(self, spec: DeploymentSpec, claim: Claim) -> None:
        store = self._store(spec.name)
        with self._changing(store, claim) as (record, desired):
            before = desired or self._fresh(store, record)
            settings = settings_of(spec, before.settings.port)
            moved = (settings.host, settings.port) != (before.settings.host, before.settings.port)
            if settings.port is not None and (moved or desired is None) and not self._listens(store, settings.port):
                _refuse_taken(settings.host, settings.port, spec.name)
            marks = Marks(owner=record.owner, endpoint=spec.name)
            after = before.model_copy(update={"settings": settings, "marks": marks})
            if after != desired:
                store.write_desired(after)
        ensure_supervisor(store, self._boot())
        if settings.port is None:
            _await_port(store)

    def stage(self, spec: DeploymentSpec, release: Release, claim: Claim) -> None:
        store = self._store(spec.name)
        with self._changing(store, claim) as (record, desired):
            before = desired or self._fresh(store, record).model_copy(update={"settings": settings_of(spec, None)})
            _ensure_delivered(store, release)
            secrets.give_secrets(store, release.revision, secret_numbers(release))
            wanted = wanted_of(spec, release, now=self.now(), serial=time.time_ns() // 1_000_000)
            known = before.revisions.get(release.revision)
            if known is not None:
                wanted = wanted.model_copy(update={"since": known.since})
            revisions = {**before.revisions, release.revision: wanted}
            remove = tuple(path for path in before.remove if path not in wanted.artifacts())
            store.write_desired(before.model_copy(update={"revisions": revisions, "remove": remove}))
        ensure_supervisor(store, self._boot())

    def route(self, endpoint: str, traffic: Traffic, claim: Claim) -> None:
        store = self._store(endpoint)
        with self._changing(store, claim) as (_, desired):
            if len(traffic.served) > 1:
                raise Conflict(f"local sends all traffic to one revision, not {traffic}", where=endpoint)
            for revision in traffic.served:
                if desired is None or revision not in desired.revisions:
                    raise Conflict(f"{revision} was not staged, so it can take no traffic", where=endpoint)
            if desired is not None:
                store.write_desired(desired.model_copy(update={"traffic": dict(traffic.items())}))
        ensure_supervisor(store, self._boot())

    def retire(self, endpoint: str, revision: str, claim: Claim, *, keep: bool) -> None:
        store = self._store(endpoint)
        with self._changing(store, claim) as (record, desired):
            if desired is None:
                return
            if desired.traffic.get(revision):
                raise Conflict(f"{revision} has traffic, so it cannot be retired", where=endpoint)
            revisions = {name: wanted for name, wanted in desired.revisions.items() if name != revision}
            after = desired.model_copy(update={"revisions": revisions})
            remove = {f"secrets/{revision}"}
            if not keep:
                remove |= _only_of(store, revision, desired, after, record)
            after = after.model_copy(update={"remove": tuple(sorted({*desired.remove, *remove}))})
            store.write_desired(after)
        ensure_supervisor(store, self._boot())

    def destroy(self, endpoint: str, claim: Claim) -> None:
        store = self._store(endpoint)
        with store.locked():
            record = ensure_held(store.read_record().record, claim)
            desired = store.read_desired()[0] or self._fresh(store, record)
            if not desired.gone:
                store.write_desired(desired.model_copy(update={"gone": True, "traffic": {}}))
        ensure_supervisor(store, self._boot())

    @contextlib.contextmanager
    def _changing(self, store: Store, claim: Claim) -> Iterator[tuple[Record, Desired | None]]:
        with store.locked():
            record = ensure_held(store.read_record().record, claim)
            desired, _ = store.read_desired()
            if desired is not None and desired.gone:
                raise Conflict(
                    f"{store.name} is being removed", where=str(store.path), hint=f"deployer status {store.name}"
                )
            yield record, desired

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
        if not usable_name(endpoint) or not store.contents():
            raise NotFound(f"there is no endpoint {endpoint}", where=self.site.name, hint="deployer list")
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
        with self._changing(store, claim):
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


def _await_port(store: Store) -> None:
    """Until the supervisor has chosen a port and written it down, so that whoever looks next sees it; not for long."""
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        desired, _ = store.read_desired()
        if desired is None or desired.settings.port is not None:
            return
        time.sleep(0.005)


def _ensure_delivered(store: Store, release: Release) -> None:
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


def _refuse_taken(host: str, port: int, name: str) -> None:
    if is_free(host, port):
        return
    owner = owner_of_port(port)
    raise Conflict(
        f"port {port} is taken by {owner or 'another process'}", where=name,
        hint="end it, or take another port: --set config.port=PORT; without one, a free port is chosen",
    )  # fmt: skip


def _only_of(store: Store, revision: str, desired: Desired, after: Desired, record: Record) -> set[str]:
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
    return (mine - others) | (numbers - kept_numbers) | written
