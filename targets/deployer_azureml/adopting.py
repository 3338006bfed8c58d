"""What is due so that an endpoint of somebody else, or of another owner, is ours: tags alone, what runs runs on. Pure.

The endpoint is marked last: as long as it is not, it is not taken over, and the same command goes on.
"""

from __future__ import annotations

from deployer.endpoint import Record
from deployer.spec import DeploymentSpec
from deployer_azureml.calls import Call, Due, busy_with, put_endpoint
from deployer_azureml.facts import DeploymentFact, EndpointFact, Facts
from deployer_azureml.foreign import serving_one
from deployer_azureml.marks import Marks, Role
from deployer_azureml.names import deployment_path

__all__ = ["adopt_due"]


def adopt_due(facts: Facts, record: Record, records: str = "") -> Due:
    """What is left to do.

    Args:
        facts: What was found.
        record: The Record, which was written before: whose it is to be, and the revision that has its traffic.
        records: A digest of where it was written (`deployer_azureml.placing.Placing.records`).
    """
    found = facts.endpoint
    if found is None:
        return Due()
    if not found.settled:
        return Due((), busy_with(found))
    revision = record.traffic.served[0] if record.traffic else ""
    serving = serving_one(facts)
    told = (record.owner, records)
    taken = [each for each in facts.mine if each.marks is not None and (each.marks.owner, each.marks.records) != told]
    calls = [_tag(facts, each, told, each.revision) for each in taken]
    if serving is not None and revision and not serving.revision and facts.find(revision) is None:
        if not serving.settled:
            return Due(tuple(calls), f"Azure changes {serving.name} just now ({serving.state})")
        calls.append(_tag(facts, serving, told, revision))
    if calls:
        return Due(tuple(calls), f"{found.name} is marked last")
    busy = next((each for each in facts.mine if not each.settled), None)
    if busy is not None:
        return Due((), f"Azure changes {busy.name} just now ({busy.state})")
    return _mark(found, record, records)


def _mark(found: EndpointFact, record: Record, records: str) -> Due:
    labels = DeploymentSpec(**record.spec).labels
    marks = Marks(record.owner, record.endpoint, Role.ENDPOINT, records=records)
    if found.marks == marks:
        return Due()
    now = {str(key): str(value) for key, value in (found.document.get("tags") or {}).items()}
    own = {key: value for key, value in labels.items() if now.get(key) == value}
    return Due((put_endpoint(found, {**found.document, "tags": {**now, **marks.tags(own)}}),))


def _tag(facts: Facts, found: DeploymentFact, told: tuple[str, str], revision: str) -> Call:
    """PATCH takes tags and the count alone, so that no container is made anew."""
    now = {str(key): str(value) for key, value in (found.document.get("tags") or {}).items()}
    owner, records = told
    tags = {**now, **Marks(owner, facts.name, Role.DEPLOYMENT, revision, records).tags()}
    path = deployment_path(facts.name, found.name)
    return Call("TagDeployment", path, {"tags": tags}, found.basis, ("busy",))
