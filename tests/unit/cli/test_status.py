"""One endpoint on one screen."""

from __future__ import annotations

from deployer.cli.render.status import status_lines, status_markdown
from deployer.endpoint import Code, Diagnosis, Endpoint, Observed, Phase, Revision, Traffic
from tests.unit.cli.values import NEW, NOW, endpoint, observed


def lines_of(found: Endpoint, seen: Observed, **options: object) -> list[str]:
    given = {"diagnoses": {}, "curl": "curl http://x", "address": ["iris"], "now": NOW, **options}
    return status_lines(found, seen, **given)  # type: ignore[arg-type]


def test_it_is_well() -> None:
    assert lines_of(endpoint(), observed()) == [
        "iris on local: healthy",
        "  address   http://127.0.0.1:8321",
        "  runs      re02b774, models:/iris/4, 100 % of traffic, 2 of 2 replicas, healthy for 4 m",
        "  released  10 minutes ago by ci@release: answers its own example (3 of 3)",
        "  last      rb81f3d0: rejected, 1 minute ago by you: MISSING_DEPENDENCY: no category_encoders",
        "  kept      r7c1e09a, for: deployer rollback iris",
        "  call      curl http://x",
    ]


def test_it_is_not_well_and_why() -> None:
    sick = Revision(id=NEW, phase=Phase.DEGRADED, wanted=3, ready=2, restarts=4, detail="1 of 3 restarts")
    why = Diagnosis(
        code=Code.OUT_OF_MEMORY, summary="killed at 512 MB", evidence=("oom-kill: [/x]",), hint="raise resources.memory"
    )
    found = endpoint(phase=Phase.DEGRADED, detail="1 of 3 replicas restarts", revisions=(sick,))
    lines = lines_of(found, Observed(endpoint=found), diagnoses={NEW: why}, address=["iris", "-t", "prod"])
    assert lines == [
        "iris on local: degraded  (1 of 3 replicas restarts)",
        "  address   http://127.0.0.1:8321",
        "  runs      re02b774, 100 % of traffic, 2 of 3 replicas, degraded, 4 restarts, 1 of 3 restarts",
        "  why       re02b774: killed at 512 MB (OUT_OF_MEMORY)",
        "                oom-kill: [/x]",
        "              raise resources.memory",
        "  more      deployer logs iris -t prod --tail 50",
        "  call      curl http://x",
    ]


def test_what_is_not_ours_is_said_to_be() -> None:
    found = endpoint(managed=False, revisions=(), traffic=Traffic())
    assert "  made by   somebody else: deployer neither changes nor deletes it" in lines_of(
        found, Observed(endpoint=found)
    )


def test_markdown_is_fenced() -> None:
    lines = status_markdown(endpoint(), observed(), {}, curl=None, address=["iris"], now=NOW)
    assert (lines[0], lines[-1]) == ("```text", "```")
