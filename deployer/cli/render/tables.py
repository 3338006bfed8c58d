"""Endpoints, histories, targets, checks and what gc found, as tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from deployer.cli.render.escape import one_line
from deployer.cli.render.layout import Column, Paint, markdown_table, plain, table
from deployer.cli.render.words import ago, shorter, since
from deployer.endpoint import Endpoint, HistoryEntry, Phase, Record, Result
from deployer.plan import ADOPT

if TYPE_CHECKING:
    from deployer.client import Listing

__all__ = [
    "ENDPOINTS",
    "HISTORY",
    "endpoint_rows",
    "history_rows",
    "listing_lines",
    "listing_markdown",
    "phase_style",
    "result_words",
]


def phase_style(phase: str) -> str:
    """The colour of a phase."""
    return (
        {Phase.HEALTHY: "good", Phase.DEGRADED: "warn", Phase.FAILED: "bad"}.get(Phase(phase), "")
        if phase in tuple(Phase)
        else "bad"
    )


ENDPOINTS = (
    Column("NAME"),
    Column("TARGET"),
    Column("REVISION", yields=1),
    Column("MODEL", yields=2),
    Column("REPLICAS", yields=3),
    Column("STATE", style=phase_style),
    Column("SINCE", yields=4),
    Column("URL", yields=5),
    Column("", yields=6),
)


def endpoint_rows(endpoints: Iterable[Endpoint], now: float) -> list[list[str]]:
    """One row for each, sorted by name and target."""
    return [_row(each, now) for each in sorted(endpoints, key=lambda e: (e.name, e.target))]


def _row(endpoint: Endpoint, now: float) -> list[str]:
    serving = endpoint.revision
    shares = endpoint.traffic.served
    more = f" +{len(shares) - 1}" if len(shares) > 1 else ""
    detail = endpoint.detail or (serving.detail if serving and endpoint.phase is not Phase.HEALTHY else "")
    if not endpoint.managed:
        detail = detail or "not made by deployer"
    cells = [
        endpoint.name,
        endpoint.target,
        f"{serving.id}{more}" if serving else "",
        shorter(serving.model or "") if serving else "",
        f"{serving.ready}/{serving.wanted}" if serving else "",
        endpoint.phase.value,
        since(endpoint.since, now),
        endpoint.url or "",
        detail,
    ]
    return [one_line(each, 200) for each in cells]


def listing_lines(
    listing: Listing, now: float, *, width: int | None = None, paint: Paint = plain, dots: str = "…"
) -> list[str]:
    """The table, with a line for each target that could not be asked."""
    rows = endpoint_rows(listing.endpoints, now)
    lines = table(ENDPOINTS, rows, width=width, paint=paint, dots=dots) if rows else []
    for each in listing.unreachable:
        hint = f"  {one_line(each.hint)}" if each.hint else ""
        lines.append(f"{one_line(each.target)}: {paint('not reachable', 'bad')}: {one_line(each.reason)}{hint}")
    return lines


def listing_markdown(listing: Listing, now: float) -> list[str]:
    """The same as Markdown."""
    rows = endpoint_rows(listing.endpoints, now)
    notes = [f"- {one_line(each.target)}: not reachable: {one_line(each.reason)}" for each in listing.unreachable]
    return [*(markdown_table(ENDPOINTS, rows) if rows else []), *(["", *notes] if notes else [])]


HISTORY = (
    Column("REVISION"),
    Column("MODEL", yields=2),
    Column("WHEN"),
    Column("BY", yields=1),
    Column("TRAFFIC", right=True),
    Column("RESULT", yields=3),
)


def history_rows(
    history: Sequence[HistoryEntry], record: Record | None, endpoint: Endpoint, now: float
) -> list[list[str]]:
    """The newest first; the share of traffic stands at a revision's newest entry only."""
    rows: list[list[str]] = []
    newest: set[str] = set()
    kept = record.releases if record else {}
    for entry in history:
        counts = entry.result in (Result.RELEASED, Result.CHANGED)
        first = counts and entry.revision not in newest
        newest |= {entry.revision} if counts else set()
        share = endpoint.traffic.share(entry.revision) if first else 0
        result = _result(entry, _standing(share=share, kept=entry.revision in kept) if first else "released")
        cells = [
            entry.revision,
            shorter(entry.model),
            ago(entry.at, now),
            entry.by,
            f"{share} %" if share else "",
            result,
        ]
        rows.append([one_line(each, 300) for each in cells])
    return rows


def result_words(entry: HistoryEntry) -> str:
    """How a release ended, whatever became of it since."""
    if entry.verb == ADOPT:
        return "adopted"
    return "changed in place" if entry.result is Result.CHANGED else entry.result.value


def _standing(*, share: int, kept: bool) -> str:
    """What became of a release."""
    return "healthy" if share else "retired, kept for rollback" if kept else "retired"


def _result(entry: HistoryEntry, standing: str) -> str:
    words = standing if entry.result is Result.RELEASED else result_words(entry)
    if entry.verb == ADOPT and entry.result is Result.RELEASED:
        return f"{words}: {entry.detail}"
    detail = "" if standing.startswith("retired") and entry.result is Result.RELEASED else entry.detail
    return f"{words}: {detail}" if detail else words
