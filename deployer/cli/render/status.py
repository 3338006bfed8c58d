"""One endpoint on one screen: is it well, what runs, since when, who did it, how it is called, and if not well, why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deployer.cli.render.commands import command
from deployer.cli.render.errors import diagnosis_lines
from deployer.cli.render.escape import one_line
from deployer.cli.render.figures import answered, places, used
from deployer.cli.render.layout import Paint, plain
from deployer.cli.render.tables import phase_style, result_words
from deployer.cli.render.words import ago, joined, shorter, since
from deployer.endpoint import Diagnosis, Endpoint, HistoryEntry, Observed, Phase, Result, Revision
from deployer.target import Figures

__all__ = ["status_lines", "status_markdown"]

_WIDTH = 10


def status_lines(
    endpoint: Endpoint, observed: Observed, diagnoses: Mapping[str, Diagnosis], *, curl: str | None,
    address: Sequence[str], now: float, figures: Mapping[str, Figures] | None = None, paint: Paint = plain,
) -> list[str]:  # fmt: skip
    """The screen, top to bottom.

    Args:
        endpoint: As it is.
        observed: With its Record.
        diagnoses: Of the revisions that are not well.
        curl: A line that calls it.
        address: How it is named on a command line.
        now: Seconds since the epoch.
        figures: How its revisions answered, as far as it is known.
        paint: Colours.
    """
    phase = endpoint.phase.value
    title = f"{endpoint.name} on {endpoint.target}: "
    head = f"{paint(title, 'bold')}{paint(phase, phase_style(phase))}"
    lines = [head + (f"  ({one_line(endpoint.detail)})" if endpoint.detail else "")]
    if endpoint.url:
        lines.append(_row("address", one_line(endpoint.url), paint))
    for number, revision in enumerate(endpoint.revisions):
        label = "runs" if number == 0 else ""
        lines.append(_row(label, _revision(revision, endpoint, now), paint))
        measured = (figures or {}).get(revision.id)
        more = (used(revision.facts, measured), answered(measured), *places(revision.facts))
        lines += [_row("", f"  {each}", paint) for each in more if each]
    if not endpoint.managed:
        lines.append(_row("made by", "somebody else: deployer neither changes nor deletes it", paint))
        lines.append(_row("adopt", command("import", *address) + " shows whether it can be taken over", paint))
    lines += _released(observed, endpoint, now, paint)
    kept = _kept(observed, endpoint)
    if kept:
        lines.append(_row("kept", f"{joined(kept)}, for: {command('rollback', *address)}", paint))
    for name, diagnosis in diagnoses.items():
        lines.append(_row("why", f"{name}: {one_line(diagnosis.summary)} ({diagnosis.code.value})", paint))
        lines += [f"  {' ' * _WIDTH}{line}" for line in diagnosis_lines(diagnosis, headline=diagnosis.summary)]
    if _unwell(endpoint) and endpoint.managed:
        lines.append(_row("more", command("logs", *address, "--tail", "50"), paint))
    if curl and endpoint.traffic:
        lines.append(_row("call", curl, paint))
    return lines


def _row(label: str, text: str, paint: Paint) -> str:
    return f"  {paint(label.ljust(_WIDTH), 'dim')}{text}"


def _unwell(endpoint: Endpoint) -> bool:
    return endpoint.phase in (Phase.FAILED, Phase.DEGRADED)


def _revision(revision: Revision, endpoint: Endpoint, now: float) -> str:
    share = endpoint.traffic.share(revision.id)
    parts = [
        revision.id,
        one_line(shorter(revision.model or ""), 120),
        f"{share} % of traffic" if share else "no traffic",
        f"{revision.ready} of {revision.wanted} replicas" if revision.wanted else "no replica",
        f"{revision.phase.value} for {since(revision.since, now)}" if revision.since else revision.phase.value,
        f"{revision.restarts} restarts" if revision.restarts else "",
        one_line(revision.detail, 120),
    ]
    return ", ".join(filter(None, parts))


def _released(observed: Observed, endpoint: Endpoint, now: float, paint: Paint) -> list[str]:
    history = observed.record.history if observed.record else ()
    if not history:
        return []
    serving = endpoint.traffic.served[0] if endpoint.traffic else None
    good = next((e for e in history if e.revision == serving and e.result is Result.RELEASED), None)
    lines = [_row("released", _entry(good, now), paint)] if good else []
    newest = history[0]
    if newest is not good:
        lines.append(_row("last", f"{newest.revision}: {result_words(newest)}, {_entry(newest, now)}", paint))
    return lines


def _entry(entry: HistoryEntry, now: float) -> str:
    detail = f": {one_line(entry.detail, 200)}" if entry.detail else ""
    return f"{ago(entry.at, now)} by {one_line(entry.by, 60)}{detail}"


def _kept(observed: Observed, endpoint: Endpoint) -> list[str]:
    record = observed.record
    if record is None:
        return []
    released = dict.fromkeys(e.revision for e in record.history if e.result is Result.RELEASED)
    return [each for each in released if each in record.releases and endpoint.find(each) is None]


def status_markdown(
    endpoint: Endpoint, observed: Observed, diagnoses: Mapping[str, Diagnosis], *, curl: str | None,
    address: Sequence[str], now: float, figures: Mapping[str, Figures] | None = None,
) -> list[str]:  # fmt: skip
    """The same, fenced."""
    lines = status_lines(endpoint, observed, diagnoses, curl=curl, address=address, now=now, figures=figures)
    return ["```text", *(line.replace("```", "'''") for line in lines), "```"]
