"""The same verbs where the double's guesses go the other way: what AWS does is documented nowhere, so both must do."""

from __future__ import annotations

from tests.unit.sagemaker import test_target

GUESSES = {
    "rolling-back-in-updates": True,
    "variants-while-creating": True,
    "delete-in-progress": True,
    "delete-config-in-use": False,
    "stops-answering-at-delete": False,
    "quota-counts-old-fleet": False,
    "delete-deregisters": True,
    "unknown-fields-refused": False,
}

test_verified = test_target.test_an_update_is_verified_beside_what_serves_and_then_moved_at_once
test_taken_back = test_target.test_an_update_that_AWS_took_back_is_no_success
test_not_started = test_target.test_a_revision_that_does_not_start_is_diagnosed_by_what_it_wrote
test_later_look = test_target.test_what_cannot_be_asked_yet_is_asked_by_a_later_look
test_killed = test_target.test_a_process_that_comes_later_ends_what_was_begun
test_variants = test_target.test_two_variants_share_traffic_by_their_weights
test_range = test_target.test_a_range_is_an_autoscalers_from_when_it_serves
