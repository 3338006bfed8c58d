"""Looking at one endpoint: gathers the facts that `observe` and `diagnose` judge. Changes nothing."""

from __future__ import annotations

import contextlib
from typing import Any

from deployer.endpoint import Record
from deployer.errors import TargetUnavailable
from deployer_local.facts import Facts, Supervision, WorkerFact
from deployer_local.launch import ask_supervisor
from deployer_local.ports import owner_of_port
from deployer_local.store import Store
from deployer_local.supervisor import control
from deployer_local.supervisor.files import read_object
from deployer_local.supervisor.system import resident_bytes
from deployer_local.supervisor.worker import slot_of

__all__ = ["survey"]

PATIENCE = 1.0


def survey(store: Store, target: str, boot: str) -> Facts:
    """All that can be told of an endpoint's folder at this moment."""
    if store.is_foreign():
        return Facts(name=store.name, target=target, foreign=True)
    record, trouble_of_record = _record(store)
    desired, version = store.read_desired()
    supervision, status = _ask(store)
    state = read_object(store.path / "run" / "state.json") or {}
    told = status if status is not None else state
    live = None if status is not None else _ask_workers(store)
    workers = tuple(_workers(told, live))
    port, trouble = told.get("port"), str(told.get("port_trouble") or "")
    revisions: dict[str, dict[str, Any]] = told.get("revisions") or {}
    wished = desired.settings.port if desired else None
    return Facts(
        name=store.name,
        target=target,
        there=bool(store.contents()),
        record=record,
        record_trouble=trouble_of_record,
        desired=desired,
        seen=version.token if version is not None else None,
        supervision=supervision,
        acted=told.get("acted"),
        changes=int(told.get("changes", 0)) if status is not None else None,
        rebooted=status is None and bool(state) and state.get("boot") not in (None, boot),
        host=told.get("host"),
        port=port,
        port_trouble=trouble,
        port_owner=owner_of_port(wished) if trouble == "taken" and wished else "",
        trouble=str(told.get("trouble") or ""),
        removing=bool(told.get("removing")),
        serials={name: int(each.get("serial", 0)) for name, each in revisions.items()},
        began={name: each.get("began") for name, each in revisions.items()},
        was_ready=frozenset(name for name, each in revisions.items() if each.get("was_ready")),
        workers=workers,
        memory={each.pid: resident_bytes(each.pid) for each in workers if each.pid and each.alive},
    )


def _record(store: Store) -> tuple[Record | None, str]:
    try:
        found = store.read_record()
    except TargetUnavailable as error:
        return None, error.message
    return found.record, "its record cannot be read; apply writes it anew" if found.unreadable else ""


def _ask(store: Store) -> tuple[Supervision, dict[str, Any] | None]:
    try:
        status = ask_supervisor(store, {"do": "status"}, PATIENCE)
    except TimeoutError:
        return Supervision.SILENT, None
    except OSError:
        return Supervision.GONE, None
    return Supervision.ANSWERS, status


def _ask_workers(store: Store) -> dict[tuple[str, int], dict[str, Any]]:
    found: dict[tuple[str, int], dict[str, Any]] = {}
    with contextlib.suppress(OSError):
        for path in sorted((store.path / "run").glob("*.ctl")):
            key = slot_of(path)
            if key is not None:
                with contextlib.suppress(OSError):
                    found[key] = control.ask_now(path, {"do": "status"}, PATIENCE)
    return found


def _workers(told: dict[str, Any], live: dict[tuple[str, int], dict[str, Any]] | None) -> list[WorkerFact]:
    found: dict[tuple[str, int], WorkerFact] = {}
    for revision, each in (told.get("revisions") or {}).items():
        for slot in each.get("workers") or ():
            key = (revision, int(slot["number"]))
            found[key] = _from_supervisor(key, slot, alive=live is None and slot.get("pid") is not None)
    for key, status in (live or {}).items():
        found[key] = _from_worker(key, status, found.get(key))
    return [found[key] for key in sorted(found)]


def _from_supervisor(key: tuple[str, int], slot: dict[str, Any], *, alive: bool) -> WorkerFact:
    return WorkerFact(
        revision=key[0],
        number=key[1],
        phase=str(slot.get("phase", "")),
        state=str(slot.get("state", "")) if alive else "",
        accepting=bool(slot.get("accepting")) and alive,
        pid=slot.get("pid"),
        alive=alive,
        began=slot.get("began"),
        restarts=int(slot.get("restarts", 0)),
        looping=bool(slot.get("looping")),
        last_exit=slot.get("last_exit"),
        trouble=str(slot.get("trouble") or ""),
    )


def _from_worker(key: tuple[str, int], status: dict[str, Any], known: WorkerFact | None) -> WorkerFact:
    return WorkerFact(
        revision=key[0],
        number=key[1],
        phase="stopping" if status.get("state") == "draining" else "running",
        state=str(status.get("state", "")),
        accepting=bool(status.get("accepting")),
        pid=status.get("pid"),
        alive=True,
        began=known.began if known else None,
        restarts=known.restarts if known else 0,
        last_exit=known.last_exit if known else None,
    )
