"""The roles of infra/azure: they allow all that the target does, and no action of them is there in vain.

That every call is allowed, each test of the target on the double shows (conftest's ``kept_double``, and the conformance
suite). That each action is needed, one life of endpoints shows here, in one process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deployer.endpoint import Code, Phase
from deployer_azureml.rights import DEPLOYING
from deployer_azureml.roles import permissions
from deployer_azureml.target import AzureMLTarget
from tests.unit.azureml.living import ASKED, OTHER, REVISION, Living

if TYPE_CHECKING:
    from deployer.testing.azureml import Double

_ML, _ACR = "Microsoft.MachineLearningServices/workspaces", "Microsoft.ContainerRegistry/registries"
_MODELS = "what has files goes by the SDK: test_asset_models.py, test_weights.py, test_no_code.py"
_PUSH = "the registry's own protocol: tests/integration/azureml/test_acr.py, tests/e2e/test_azureml.py"
ELSEWHERE: Mapping[str, str] = {
    f"{_ACR}/artifacts/delete": _PUSH,
    f"{_ACR}/metadata/read": _PUSH,
    f"{_ACR}/pull/read": _PUSH,
    f"{_ACR}/push/write": _PUSH,
    f"{_ML}/connections/listsecrets/action": "the double has no connections; Azure asks it of whoever lets one at them",
    f"{_ML}/datastores/listSecrets/action": "a store that lets nobody in by role: test_records.py",
    f"{_ML}/models/read": _MODELS,
    f"{_ML}/models/versions/delete": _MODELS,
    f"{_ML}/models/versions/read": _MODELS,
    f"{_ML}/models/versions/write": _MODELS,
}
"""What no call of this life needs, and where it is seen to be needed."""


def test_each_action_is_needed_by_some_call(on_double: Double, new_living: Callable[..., Living]) -> None:
    on_double.tell("PUT", "rights", [*permissions()])  # from nothing
    _rehearse_releases(new_living())
    _rehearse_a_range(new_living())
    for mode in ("aml_token", "aad_token"):
        living = new_living().begin(config={"auth_mode": mode}).serve(config={"auth_mode": mode})
        assert living.answer() == REVISION
    _rehearse_a_failure(new_living(), on_double)
    _rehearse_care(new_living())
    told = on_double.tell("GET", "rights")
    assert told["refused"] == []
    assert sorted(told["unused"]) == sorted(ELSEWHERE)
    assert set(ELSEWHERE) <= {each.action for each in DEPLOYING}


def _rehearse_releases(living: Living) -> None:
    """From nothing to nothing: releases, traffic, a count, labels, predictions, logs, figures."""
    living.begin(labels={"team": "risk"}).serve(labels={"team": "risk"})
    living.stage(replicas=2).healthy()
    living.configure(labels={})
    assert living.answer() == REVISION
    living.target.invoke(living.name, replace(ASKED, passed=bytearray().extend))
    for _ in living.target.logs(living.name):
        break
    assert living.target.measure(living.name, REVISION, window=600) is not None
    assert living.name in {each.name for each in living.target.list()}
    living.stage(OTHER).healthy(OTHER)
    living.route({OTHER: 100}).retire(REVISION)
    living.destroy()


def _rehearse_a_range(living: Living) -> None:
    fields: dict[str, Any] = {"replicas": {"min": 1, "max": 2, "value": 100}}
    living.begin(**fields).serve(**fields)
    living.stage(replicas=1).rest()


def _rehearse_a_failure(living: Living, on_double: Double) -> None:
    """Why, somebody else asks too, who has no signed address of the operation."""
    on_double.fault("PutDeployment", name=f"{living.name}/{REVISION}", outcome="Failed", reason="capacity")
    living.begin().stage().phase(REVISION, Phase.FAILED)
    other = AzureMLTarget(living.target.options, living.target.site)
    found = other.diagnose(living.name, REVISION)
    assert found is not None
    assert found.code is Code.CAPACITY


def _rehearse_care(living: Living) -> None:
    """Doctor and gc."""
    assert [each.what for each in living.target.preflight() if each.ok is False] == []
    assert living.name not in {each.endpoint for each in living.target.orphans(older_than=0.0)}
