"""An endpoint's Ingress, taken by a real API server; no controller of the test cluster serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.kubernetes.bay import left_of

if TYPE_CHECKING:
    from deployer.value import JSON
    from tests.integration.kubernetes.bay import Bay

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_it_comes_changes_and_goes_and_the_endpoint_is_asked_all_the_same(bay: Bay) -> None:
    host = f"{bay.namespace.name}.invalid"
    outside: dict[str, JSON] = {"host": host, "tls_secret": "iris-tls"}
    config: dict[str, JSON] = {"allow_from": [{"namespaceSelector": {}}], "ingress": outside}
    made = bay.deployer.apply(bay.wish("well", "one", config=config))
    assert made.url == f"https://{host}"
    found = bay.namespace.get("networking.k8s.io/v1", "Ingress", bay.name)
    assert found is not None
    assert found["spec"]["tls"] == [{"hosts": [host], "secretName": "iris-tls"}]
    # Nobody is reached by that host from here, so by a port-forward.
    assert bay.deployer.predict(bay.name, {"inputs": "how?"})

    changed = bay.deployer.update(bay.name, {"config": {"ingress": {"tls_secret": None, "class_name": "outer"}}})
    assert changed.url == f"http://{host}"
    found = bay.namespace.get("networking.k8s.io/v1", "Ingress", bay.name)
    assert found is not None
    assert ("tls" not in found["spec"], found["spec"]["ingressClassName"]) == (True, "outer")
    assert changed.revision == made.revision

    inside = bay.deployer.update(bay.name, {"config": {"ingress": None}})
    assert inside.url == f"http://{bay.name}.{bay.namespace.name}.svc"
    assert bay.namespace.get("networking.k8s.io/v1", "Ingress", bay.name) is None
    bay.deployer.update(bay.name, {"config": {"ingress": outside}})
    bay.deployer.delete(bay.name)
    assert bay.namespace.get("networking.k8s.io/v1", "Ingress", bay.name) is None
    assert left_of(bay.namespace, bay.name) == []
