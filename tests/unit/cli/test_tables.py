"""Lists and histories."""

from __future__ import annotations

from deployer.cli.render.layout import table, width_of
from deployer.cli.render.tables import HISTORY, history_rows, listing_lines, listing_markdown
from deployer.client import Listing, Unreachable
from deployer.endpoint import Phase, Result, Revision, Traffic
from tests.unit.cli.values import NEW, NOW, OLD, endpoint, record


def listing() -> Listing:
    sick = endpoint(
        name="fraud", target="staging", phase=Phase.DEGRADED, since=NOW - 120, detail="1 restarts",
        revisions=(
            Revision(id="r58c7d02", phase=Phase.DEGRADED, wanted=3, ready=2, model="models:/fraud/4"),
            Revision(id="r58c7d03", phase=Phase.HEALTHY, wanted=1, ready=1),
        ),
        traffic=Traffic({"r58c7d02": 90, "r58c7d03": 10}), url="https://ml.test/fraud",
    )  # fmt: skip
    foreign = endpoint(
        name="theirs", managed=False, revisions=(), traffic=Traffic(), url=None, since=None, phase=Phase.HEALTHY
    )
    down = Unreachable(target="prod", reason="no route\nto host", hint="deployer doctor -t prod")
    return Listing(endpoints=(endpoint(), sick, foreign), unreachable=(down,))


def test_scene_six() -> None:
    assert listing_lines(listing(), NOW) == [
        "NAME    TARGET   REVISION     MODEL            REPLICAS  STATE     SINCE  URL",
        "fraud   staging  r58c7d02 +1  models:/fraud/4  2/3       degraded  2 m    https://ml.test/fraud  1 restarts",
        "iris    local    re02b774     models:/iris/4   2/2       healthy   4 m    http://127.0.0.1:8321",
        f"theirs  local  {' ' * 42}healthy  {' ' * 29}  not made by deployer",
        "prod: not reachable: no route to host  deployer doctor -t prod",
    ]


def test_it_fits_the_terminal() -> None:
    for width in (40, 60, 80, 100, 120):
        assert all(width_of(line) <= width for line in listing_lines(listing(), NOW, width=width)[:-1])


def test_markdown_has_a_line_for_a_target_that_is_down() -> None:
    assert listing_markdown(listing(), NOW)[-1] == "- prod: not reachable: no route to host"


def test_scene_four() -> None:
    rows = history_rows(record().history, record(), endpoint(), NOW)
    assert [line.replace("answers its own example (3 of 3)", "...") for line in table(HISTORY, rows)] == [
        "REVISION  MODEL           WHEN            BY          TRAFFIC  RESULT",
        f"rb81f3d0  models:/iris/5  1 minute ago    you                  rejected: {rows[0][5][10:]}",
        "re02b774  models:/iris/4  10 minutes ago  ci@release    100 %  healthy: ...",
        "r7c1e09a  models:/iris/3  3 days ago      you                  retired, kept for rollback",
        "r0a6e833  models:/iris/2  4 days ago      you                  retired",
    ]


def test_a_revision_that_was_released_twice_serves_once() -> None:
    newest = record().history[1]
    changed = newest.model_copy(update={"result": Result.CHANGED, "detail": "replicas 2 -> 3", "verb": "update"})
    rows = history_rows((changed, newest), record(), endpoint(), NOW)
    assert [(row[0], row[4], row[5]) for row in rows] == [
        (NEW, "100 %", "changed in place: replicas 2 -> 3"),
        (NEW, "", "released: answers its own example (3 of 3)"),
    ]
    assert OLD in record().releases
