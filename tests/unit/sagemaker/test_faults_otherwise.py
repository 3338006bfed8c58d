"""The faults that hang on what AWS does and documents nowhere, with the double's guesses the other way."""

from __future__ import annotations

from deployer.endpoint import Code
from tests.unit.sagemaker import test_faults
from tests.unit.sagemaker.test_target_otherwise import GUESSES

__all__ = ["CONTAINERS", "GUESSES", "commands", "folder", "kept", "served"]

CONTAINERS = test_faults.CONTAINERS
pytestmark = test_faults.pytestmark
commands, folder, kept, served = test_faults.commands, test_faults.folder, test_faults.kept, test_faults.served

test_mended = test_faults.test_an_update_that_cannot_even_be_taken_back_is_mended
test_unsent = test_faults.test_what_was_marked_and_not_sent_is_taken_back
test_quota = test_faults.test_a_quota_is_told_with_what_is_lacking
test_lost = test_faults.test_lost_answers_are_found_out
test_verified_on = test_faults.test_what_a_revision_is_verified_on_is_made_again
test_deleted = test_faults.test_an_endpoint_that_was_deleted_is_made_again
test_deletion = test_faults.test_a_deletion_goes_on_whatever_comes_between


def test_taken_back(served: test_faults.Served, faults: test_faults.Fail) -> None:
    test_faults.test_an_update_that_is_taken_back_is_told_so(
        served, faults, "ping", Code.SILENT_ROLLBACK, "PROBE_TIMEOUT"
    )
