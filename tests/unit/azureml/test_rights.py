"""What must be allowed."""

from __future__ import annotations

from deployer_azureml.calls import Call
from deployer_azureml.rights import DEPLOYING, ENDPOINT_ROLES, Scope, actions
from tests.unit.azureml.cloud import Cloud


def test_each_action_is_named_once() -> None:
    assert len({each.action.lower() for each in DEPLOYING}) == len(DEPLOYING)
    assert all(each.why for each in DEPLOYING)
    assert all(why for _, _, why in ENDPOINT_ROLES)


def test_every_call_that_is_due_of_a_verb_is_among_them() -> None:
    operations = {name[1:] for name in vars(Cloud) if name.startswith("_") and name[1:2].isupper()}
    assert len(operations) == 10
    allowed = {each.action for each in DEPLOYING}
    for operation in operations:
        call = Call(operation, "x")
        assert call.action in allowed, call.action
        assert call.method == {"Put": "PUT", "Sca": "PATCH", "Tag": "PATCH", "Del": "DELETE"}[operation[:3]]


def test_data_actions_are_apart() -> None:
    # "Authenticate clients for online endpoints" lists it among a role's actions.
    assert "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action" in actions(data=False)
    assert not set(actions(data=True)) & set(actions(data=False))
    assert set(actions(data=True, on=Scope.STORE)) == set(actions(data=True))
    assert all("Microsoft.ContainerRegistry" in each for each in actions(data=False, on=Scope.REGISTRY))
