"""A wish for InferenceServices on a real cluster that does not know KServe's kinds.

In a module of its own: those of another module's fixture are gone when that ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployer.errors import SpecError
from tests.integration.kubernetes.bay import Bay, left_of

if TYPE_CHECKING:
    from tests.cluster.api import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.xdist_group("kubernetes-kserve")]


def test_a_cluster_without_kserve_is_told_in_the_plan(bay: Bay, cluster: Cluster) -> None:
    found = cluster.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "inferenceservices.serving.kserve.io")
    if found is not None:
        pytest.skip("this cluster has KServe's kinds")
    with pytest.raises(SpecError, match="the cluster has no KServe") as failed:
        bay.deployer.plan(bay.wish("well", "one", config={"kserve": True}))
    assert failed.value.where == "config.kserve"
    assert left_of(bay.namespace, bay.name) == []
