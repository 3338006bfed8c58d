"""Fields of the endpoint that its pods carry reach those that serve, without a new revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.kubernetes.bay import Bay

pytestmark = [pytest.mark.slow, pytest.mark.real("cluster"), pytest.mark.timeout(300)]


def test_who_may_ask_and_what_it_is_called_reach_what_serves(bay: Bay) -> None:
    revision = bay.serve()
    peers = [{"namespaceSelector": {"matchLabels": {"team": "risk"}}}]
    done = bay.deployer.apply(bay.wish("well", "one", labels={"team": "risk"}, config={"allow_from": peers})).revision
    assert done is not None
    assert done.id == revision
    policy = bay.namespace.get("networking.k8s.io/v1", "NetworkPolicy", f"{bay.name}--{revision}")
    server = bay.namespace.get("apps/v1", "Deployment", f"{bay.name}--{revision}")
    assert policy is not None
    assert server is not None
    assert peers[0] in policy["spec"]["ingress"][0]["from"]
    assert {"podSelector": {}} not in policy["spec"]["ingress"][0]["from"]
    assert server["metadata"]["labels"]["team"] == "risk"
    bay.untouched(revision)  # the same pods
