"""Labels of an endpoint, changed in place."""

from __future__ import annotations

from deployer_sagemaker.labelling import labels_due
from tests.unit.sagemaker.values import ARN, endpoint, facts, place, spec


def test_labels_are_set_and_taken_away() -> None:
    there = facts(endpoint=endpoint(labels={"team": "risk", "old": "1", "cost": "7"}))
    due = labels_due(there, spec(labels={"team": "fraud"}), place(tags={"cost": "7", "deployer:records": "0123abcd"}))
    assert [(each.operation, each.request) for each in due.calls] == [
        ("AddTags", {"ResourceArn": ARN, "Tags": [{"Key": "team", "Value": "fraud"}]}),
        ("DeleteTags", {"ResourceArn": ARN, "TagKeys": ["old"]}),
    ]
    assert due.is_last


def test_nothing_is_due_where_they_are_as_wished_or_nothing_is_there() -> None:
    there = facts(endpoint=endpoint(labels={"team": "risk"}))
    assert not labels_due(there, spec(labels={"team": "risk"}), place()).calls
    assert not labels_due(facts(endpoint=None), spec(labels={"team": "risk"}), place()).calls
    assert not labels_due(facts(endpoint=endpoint(status="Deleting")), spec(labels={"a": "b"}), place()).calls
