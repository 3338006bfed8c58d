"""The suite has teeth: each of these targets breaks one promise, and the test that is named with it fails."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

BROKEN = Path(__file__).with_name("broken_targets.py")

CAUGHT = {
    "IgnoresClaims": "test_verbs_of_a_writer_that_was_overtaken_change_nothing",
    "IgnoresGenerations": "test_verbs_of_another_generation_or_token_change_nothing",
    "WritesUnconditionally": "test_a_write_on_an_old_version_loses",
    "OverwritesTheFirst": "test_a_second_first_write_loses",
    "RetiresWhatIsRouted": "test_retire_of_what_has_traffic_is_refused",
    "RoutesAnywhere": "test_route_to_what_was_not_staged_is_refused",
    "RoutesWhenItStages": "test_an_endpoint_lives_from_configure_to_destroy",
    "RestartsWhenItStages": "test_stage_again_changes_nothing",
    "NeverRestarts": "test_a_failed_revision_is_staged_anew",
    "HidesHalfMade": "test_the_record_alone_is_observed_and_listed",
    "LeavesTheRecord": "test_destroy_finishes_from_every_half_state[record]",
    "LeavesSecrets": "test_secrets_are_kept_and_never_shown",
    "ShowsSecrets": "test_secrets_are_kept_and_never_shown",
    "TakesForeignThings": "test_a_foreign_name_gets_no_record",
    "ClaimsForeignThings": "test_what_is_foreign_is_seen_and_never_touched",
    "LetsErrorsOut": "test_reading_fails_in_our_own_words[timeout]",
    "ForgetsRevisionHeader": "test_an_answer_names_its_revision_and_refuses_another_s",
    "DeclaresTooMuch": "test_the_kind_declares_what_the_target_implements",
    "CopiesOntoTheServed": "test_copies_go_where_they_are_wished_and_nobody_gets_their_answers",
    "NeverEndsCopies": "test_copies_go_where_they_are_wished_and_nobody_gets_their_answers",
    "TellsNoEvidence": "test_a_failure_is_diagnosed_with_evidence[load-fails]",
    "LooksOnlyOnce": "test_an_orphan_is_what_nothing_refers_to_at_both_looks",
    "MistakesPrefixes": "test_what_is_done_to_one_name_leaves_longer_names_alone",
    "AdoptsWhateverIsThere": "test_only_the_very_thing_that_was_told_is_adopted",
    "AdoptsUnconditionally": "test_the_second_of_two_who_adopt_loses",
    "AdoptsByTheRecordAlone": "test_what_is_adopted_is_ours_and_runs_on",
    "CountsNothing": "test_a_revision_s_requests_are_counted",
    "RendersWhatIsThere": "test_what_is_rendered_is_a_pure_matter",
    "LosesRequests": "test_route_moves_traffic_and_loses_no_request",
}


@pytest.mark.timeout(170)
def test_every_broken_promise_is_caught(tmp_path: Path) -> None:
    nodes = [f"{BROKEN}::Test{name}::{test}" for name, test in CAUGHT.items()]
    controls = [f"{BROKEN}::TestUnbroken::{test}" for test in sorted(set(CAUGHT.values()))]
    found = _outcomes([*nodes, *controls], tmp_path)
    assert {name: found.get((f"Test{name}", test)) for name, test in CAUGHT.items()} == dict.fromkeys(CAUGHT, "failed")
    passed = {test: found.get(("TestUnbroken", test)) for test in CAUGHT.values()}
    assert passed == dict.fromkeys(CAUGHT.values(), "passed")


def _outcomes(nodes: list[str], folder: Path) -> dict[tuple[str, str], str]:
    """(class, test) -> how it ended, of a pytest in a process of its own."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options = [f"--junit-xml={report}", f"--rootdir={folder}", "-c", "/dev/null", f"--basetemp={folder / 'tmp'}"]
    done = subprocess.run([*command, *options, *nodes], capture_output=True, text=True, timeout=160, check=False)
    assert report.exists(), done.stdout + done.stderr
    ended = {}
    for case in ET.parse(report).iter("testcase"):
        outcome = next((each.tag for each in case if each.tag in ("failure", "error", "skipped")), "passed")
        word = {"failure": "failed"}.get(outcome, outcome)
        ended[case.get("classname", "").rpartition(".")[2], case.get("name", "")] = word
    return ended
