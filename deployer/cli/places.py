"""Shows back ends and named targets, read from their models; nothing is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployer.cli.render.fields import FIELDS, field_rows, fields_of_model
from deployer.cli.render.layout import Column, markdown_table, table
from deployer.cli.screen import Form
from deployer.registry import Broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployer.cli.session import Session
    from deployer.target import TargetKind

__all__ = ["show_target", "show_targets"]

_KINDS = (Column("TARGET"), Column("WHAT IT IS", yields=1), Column("CAN", yields=2), Column("NEEDS", yields=3))
_NAMED = (Column("NAME"), Column("KIND"), Column("OPTIONS", yields=1), Column("PROTECTED"), Column("FROM", yields=2))


def show_targets(now: Session) -> int:
    """Write all of them to stdout."""
    screen, found = now.screen, now.registry.all()
    if screen.documents:
        kinds = [_kind_document(now, each) for each in found]
        named = [_named_document(now, name) for name in now.settings.targets]
        screen.document({"targets": kinds, "named": named, "default": now.settings.default_target})
        return 0
    _write(now, _KINDS, [_kind_row(now, each) for each in found])
    if now.settings.targets:
        screen.data("")
        _write(now, _NAMED, [_named_row(now, name) for name in now.settings.targets])
    if screen.form is Form.TABLE:
        screen.data("", f"Without -t: {now.settings.default_target}.  Options of one:  deployer targets NAME")
    return 0


def _write(now: Session, columns: Sequence[Column], rows: list[list[str]]) -> None:
    screen = now.screen
    if screen.form is Form.MARKDOWN:
        screen.data(*markdown_table(columns, rows))
    else:
        screen.data(*table(columns, rows, width=screen.width, paint=screen.paint_out, dots=screen.marks.dots))


def _capabilities(kind: TargetKind) -> list[str]:
    return sorted(each.word for each in kind.capabilities)


def _needs(now: Session, kind: TargetKind) -> str:
    missing = now.registry.missing(kind)
    return f"{', '.join(missing)}: {now.registry.install_line(kind)}" if missing else ""


def _kind_row(now: Session, found: TargetKind | Broken) -> list[str]:
    if isinstance(found, Broken):
        return [found.name, f"cannot be used: {found.reason}", "", found.hint or ""]
    return [found.name, found.summary, ", ".join(_capabilities(found)), _needs(now, found)]


def _kind_document(now: Session, found: TargetKind | Broken) -> dict[str, Any]:
    if isinstance(found, Broken):
        return {
            "name": found.name,
            "usable": False,
            "from": found.distribution,
            "reason": found.reason,
            "hint": found.hint,
        }
    missing = list(now.registry.missing(found))
    return {
        "name": found.name,
        "usable": not missing,
        "from": now.registry.distribution(found.name),
        "summary": found.summary,
        "capabilities": _capabilities(found),
        "delivers": found.delivers,
        "missing": missing,
        "install": now.registry.install_line(found) if missing else None,
    }


def _named_row(now: Session, name: str) -> list[str]:
    named = now.settings.targets[name]
    given = ", ".join(f"{key}={value}" for key, value in named.options.items())
    return [name, named.kind, given, "yes" if named.protected else "", named.source or ""]


def _named_document(now: Session, name: str) -> dict[str, Any]:
    named = now.settings.targets[name]
    return {
        "name": name,
        "kind": named.kind,
        "options": dict(named.options),
        "defaults": dict(named.defaults),
        "protected": named.protected,
        "from": named.source,
    }


def show_target(now: Session, name: str) -> int:
    """Write one back end's options and fields to stdout, and a named target's settings.

    Raises:
        NotFound: There is none of that name.
        SpecError: It is installed and cannot be used.
    """
    screen, named = now.screen, now.place(name)
    kind = now.registry.kind(named.kind)
    options, config = fields_of_model(kind.options), fields_of_model(kind.config, scopes=True)
    if screen.documents:
        configured = _named_document(now, name) if name in now.settings.targets else None
        screen.document({**_kind_document(now, kind), "named": configured, "options": options, "config": config})
        return 0
    screen.data(f"{screen.paint_out(name, 'bold')}: {kind.summary}" + (f" ({kind.name})" if kind.name != name else ""))
    screen.data(f"can: {', '.join(_capabilities(kind)) or 'the eight verbs'}")
    needs = _needs(now, kind)
    if needs:
        screen.data(f"needs {needs}")
    if name in now.settings.targets:
        _, _, given, protected, source = _named_row(now, name)
        screen.data(f"configured in {source}: {given or 'no options'}{', protected' if protected else ''}")
    for title, rows in (
        (f'Options, in deployer.toml under [targets.NAME] with kind = "{kind.name}":', field_rows(options)),
        ("Fields of a spec's config, or --set config.FIELD=VALUE:", field_rows(config)),
    ):
        screen.data("", title)
        if rows:
            _write(now, FIELDS, [[f"  {row[0]}", *row[1:]] for row in rows])
        else:
            screen.data("  none")
    return 0
