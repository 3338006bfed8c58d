"""What is due so that an endpoint has the labels that are wished. Pure."""

from __future__ import annotations

from deployer.spec import DeploymentSpec
from deployer_sagemaker.calls import Call, Due, add_tags
from deployer_sagemaker.facts import Facts
from deployer_sagemaker.marks import as_tags, labels_of
from deployer_sagemaker.models import Place

__all__ = ["labels_due"]


def labels_due(facts: Facts, spec: DeploymentSpec, place: Place) -> Due:
    """Of the endpoint that clients ask; its models and configurations keep the labels that they were made with."""
    main = facts.main
    if main is None or main.status == "Deleting":
        return Due()
    wished = {**labels_of(place.tags), **spec.labels}
    missing = {key: value for key, value in wished.items() if main.labels.get(key) != value}
    extra = sorted(key for key in main.labels if key not in wished)
    calls = [add_tags(main.arn, as_tags(missing))] if missing else []
    if extra:
        calls.append(Call("DeleteTags", {"ResourceArn": main.arn, "TagKeys": extra}))
    return Due(tuple(calls))
