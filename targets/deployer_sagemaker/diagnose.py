"""From evidence to a Diagnosis: AWS's FailureReason, and the lines that its containers wrote to CloudWatch. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from deployer.endpoint import Code, Diagnosis, Phase
from deployer.target.evidence import Subject, cut, diagnosis_of_event, failure_event, last_words
from deployer_sagemaker.causes import ARCHITECTURE, PING, cause_of
from deployer_sagemaker.facts import SERVING, EndpointFact, Facts
from deployer_sagemaker.observe import revision_of

__all__ = ["SLOW", "diagnosis_of", "log_group"]

MODEL_FOLDER = "/opt/ml/model"
SLOW = 600.0
"""Seconds from which on an endpoint that is still made is worth a word."""
_MORE = "give it a larger instance: --set resources.memory=SIZE, or config.instance_type=TYPE"
_UNSTARTED = re.compile(r"CannotStartContainerError", re.IGNORECASE)
_NO_PROGRAM = re.compile(r'executable file not found|exec: \\?"[^"]*\\?": |no such file or directory', re.IGNORECASE)
_MEMORY = re.compile(r"\bOut of memory\b|\boom-kill|\bMemoryError\b|^Killed$", re.IGNORECASE)


def log_group(endpoint: str) -> str:
    """Where an endpoint's containers write; each stream is ``VARIANT/INSTANCE``."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def diagnosis_of(facts: Facts, revision: str, lines: Sequence[str], now: float) -> Diagnosis | None:
    """Why a revision is not healthy; None when it is, or when nothing can be told.

    Args:
        facts: What was found of its endpoint.
        revision: Its id.
        lines: What its containers wrote last, the newest last.
        now: AWS's clock.
    """
    seen = revision_of(facts, revision)
    reverted = _reverted(facts, revision)
    if reverted is not None and seen.phase is Phase.FAILED:
        return _of_rollback(_stuck(_of_failure(facts, revision, reverted.reason, lines), reverted), reverted)
    where = _where(facts, revision)
    if where is None or seen.phase is Phase.HEALTHY:
        return None
    if seen.phase is Phase.FAILED or (seen.phase is Phase.DEGRADED and where.reason):
        return _stuck(_of_failure(facts, revision, where.reason, lines), where)
    if seen.phase is Phase.STARTING:
        return _unfinished(where, lines, now)
    return None


def _stuck(cause: Diagnosis, endpoint: EndpointFact) -> Diagnosis:
    """With the state that AWS left an endpoint in, where it could not take an update back either."""
    if endpoint.status != "UpdateRollbackFailed":
        return cause
    words = f"{endpoint.name} was UpdateRollbackFailed: AWS could not take the update back by itself"
    return cause.model_copy(update={"evidence": (*cause.evidence, words)})


def _where(facts: Facts, revision: str) -> EndpointFact | None:
    """The endpoint that runs it, or is to."""
    for each in (facts.endpoint, facts.verify):
        if each is not None and any(
            revision in facts.run_by(config).values() for config in (each.config, each.pending)
        ):
            return each
    return None


def _reverted(facts: Facts, revision: str) -> EndpointFact | None:
    main = facts.endpoint
    if main is None or not main.reverted or revision not in facts.run_by(main.reverted).values():
        return None
    return main


def _of_rollback(cause: Diagnosis, endpoint: EndpointFact) -> Diagnosis:
    """An update that AWS accepted, and then took back.

    What is no fault of the revision (no capacity, a quota) keeps its own code, so that it is not held against it; so
    does what has left nothing serving, which was not taken back.
    """
    if not cause.is_verdict or endpoint.status not in SERVING:
        return cause
    why = cause.summary if cause.code is not Code.UNKNOWN else endpoint.reason or "it does not say why"
    return Diagnosis(
        code=Code.SILENT_ROLLBACK,
        summary=cut(f"AWS took the update back, and serves what it served before: {why}"),
        subject=cause.subject if cause.code is Code.SILENT_ROLLBACK else cause.code.value,
        evidence=cause.evidence,
        hint=cause.hint,
    )


def _of_failure(facts: Facts, revision: str, reason: str, lines: Sequence[str]) -> Diagnosis:
    """By AWS's reason where it tells one, else by what the containers wrote."""
    known = cause_of(reason) if reason else None
    if known is not None:
        return known
    release = facts.record.releases.get(revision) if facts.record else None
    subject = Subject(facts.name, release.model.resolved if release else "", MODEL_FOLDER, _MORE)
    evidence = (*last_words(lines), *((cut(reason),) if reason else ()))
    if any(ARCHITECTURE.search(line) for line in lines[-5:]):
        found = cause_of("exec format error")
        return found.model_copy(update={"evidence": evidence}) if found is not None else _unknown(reason, evidence)
    event = failure_event(lines)
    if event is not None:
        told = _missing_right(event) or diagnosis_of_event(event, subject)
        return told.model_copy(update={"evidence": (*told.evidence, *((cut(reason),) if reason else ()))})
    if any(_MEMORY.search(line) for line in lines[-5:]):
        return Diagnosis(code=Code.OUT_OF_MEMORY, summary="it ran out of memory", evidence=evidence, hint=_MORE)
    if _UNSTARTED.search(reason) or any(_NO_PROGRAM.search(line) for line in lines[-3:]):
        return Diagnosis(
            code=Code.IMAGE_MANIFEST, summary="its image cannot be started as `docker run IMAGE serve`",
            evidence=evidence, hint="does it have a program serve on its PATH, or an entrypoint that takes that word?",
        )  # fmt: skip
    if PING.search(reason):
        return _no_ping(facts, evidence, said=bool(lines))
    return _unknown(reason, evidence)


def _missing_right(event: Mapping[str, Any]) -> Diagnosis | None:
    """Where our server may not read a secret by the execution role; it tells that in AWS's words."""
    found = cause_of(str(event.get("error", ""))) if event.get("event") == "start-failed" else None
    return found if found is not None and found.code is Code.PERMISSION else None


def _no_ping(facts: Facts, evidence: tuple[str, ...], *, said: bool) -> Diagnosis:
    group = log_group(facts.name)
    return Diagnosis(
        code=Code.PROBE_TIMEOUT,
        summary="it did not answer GET /ping with 200 in time" + ("" if said else ", and wrote nothing to CloudWatch"),
        evidence=evidence,
        hint=f"if it only needs longer: --set config.startup=20m; see deployer logs {facts.name}"
        if said else f"may the execution role write logs (logs:CreateLogStream, logs:PutLogEvents on {group}*)?",
    )  # fmt: skip


def _unknown(reason: str, evidence: tuple[str, ...]) -> Diagnosis:
    return Diagnosis(
        code=Code.UNKNOWN, summary=cut(reason or "AWS does not say why"), evidence=evidence,
        hint="aws sagemaker describe-endpoint --endpoint-name NAME has all that AWS tells",
    )  # fmt: skip


def _unfinished(endpoint: EndpointFact, lines: Sequence[str], now: float) -> Diagnosis | None:
    since = endpoint.modified if endpoint.pending and endpoint.status != "Creating" else endpoint.created
    if now - since < SLOW:
        return None
    event = failure_event(lines)
    words = f"; its container said: {event.get('error')}" if event is not None and event.get("error") else ""
    return Diagnosis(
        code=Code.PROBE_TIMEOUT,
        summary=cut(f"{endpoint.name} is still {endpoint.status} after {now - since:.0f} s{words}"),
        evidence=last_words(lines), hint="AWS gives it up by itself; --set config.startup=SECONDS says when",
    )  # fmt: skip
