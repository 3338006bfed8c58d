"""An endpoint's Ingress, and where the endpoint is asked then."""

from __future__ import annotations

from typing import Any

import pytest

from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.ingress import ingress, ingress_url
from deployer_kubernetes.observe import endpoint_of
from deployer_kubernetes.refusing import refuse
from deployer_kubernetes.rendering import documents
from tests.unit.kubernetes.values import facts, record, release, spec

HOST = "iris.example.com"
PEERS = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}]


def wish(config: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"allow_from": PEERS, "ingress": {"host": HOST, **fields}, **(config or {})}


def test_a_host_leads_to_the_service() -> None:
    found = ingress(spec(config=wish()), "team")
    assert found is not None
    assert (found["kind"], found["metadata"]["name"]) == ("Ingress", "iris")
    assert found["metadata"]["labels"]["deployer.io/endpoint"] == "iris"
    backend = {"service": {"name": "iris", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    assert found["spec"] == {"rules": [{"host": HOST, "http": {"paths": paths}}]}
    assert ingress(spec(), "team") is None


def test_its_class_certificate_and_what_its_controller_is_told() -> None:
    notes = {"nginx.ingress.kubernetes.io/proxy-body-size": "100m"}
    ports = [{"$patch": "replace"}, {"port": 8000, "targetPort": "http"}]
    patches = {"Service": {"spec": {"ports": ports}}, "Ingress": {"metadata": {"labels": {"team": "a"}}}}
    given = wish({"patches": patches}, class_name="nginx", tls_secret="iris-tls", annotations=notes)
    found = ingress(spec(config=given), "team")
    assert found is not None
    assert (found["spec"]["ingressClassName"], found["metadata"]["annotations"]) == ("nginx", notes)
    assert found["spec"]["tls"] == [{"hosts": [HOST], "secretName": "iris-tls"}]
    assert found["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] == {"number": 8000}
    assert found["metadata"]["labels"]["team"] == "a"
    shown = [each["kind"] for each in documents(spec(config=given), release(), KubernetesOptions(), "team")]
    assert shown.index("Service") < shown.index("Ingress")


@pytest.mark.parametrize(("fields", "url"), [({}, f"http://{HOST}"), ({"tls_secret": "iris-tls"}, f"https://{HOST}")])
def test_it_is_asked_there(fields: dict[str, Any], url: str) -> None:
    given = spec(config=wish(**fields)).wish()
    assert ingress_url(given) == url
    seen = endpoint_of(facts(record=record(spec=given)))
    assert seen is not None
    assert seen.url == url
    assert ingress_url(spec().wish()) == ingress_url(None) == ingress_url({"config": {"ingress": {"x": 1}}}) == ""


def test_what_it_could_not_lead_to_is_refused() -> None:
    shut = spec(config={"ingress": {"host": HOST}})
    assert [field for field, _ in refuse(shut)] == ["config.allow_from"]
    assert [*refuse(spec(config=wish()))] == []
    twice = spec(config=wish({"gateway": {"ref": "outer"}}))
    assert [field for field, _ in refuse(twice)] == ["config.ingress"]
