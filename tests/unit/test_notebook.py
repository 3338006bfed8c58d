"""What a notebook shows of an Endpoint and a Plan: complete, and with nothing in it that a browser would run."""

from __future__ import annotations

from deployer.endpoint import Endpoint, Phase, Revision, Traffic
from deployer.plan import Change, Plan, Sign


def test_an_endpoint_shows_what_serves() -> None:
    endpoint = Endpoint(
        name="iris",
        target="local",
        phase=Phase.HEALTHY,
        url="http://127.0.0.1:8321",
        revisions=(Revision(id="r1234567", phase=Phase.HEALTHY, wanted=2, ready=2, model="models:/iris/4"),),
        traffic=Traffic.all_to("r1234567"),
    )
    shown = endpoint._repr_html_()
    for word in ("iris on local", "healthy", "http://127.0.0.1:8321", "models:/iris/4", "2 of 2", "r1234567"):
        assert word in shown


def test_untrusted_text_is_escaped() -> None:
    endpoint = Endpoint(name="iris", target="local", phase=Phase.FAILED, detail="<script>alert(1)</script>")
    assert "<script>" not in endpoint._repr_html_()


def test_a_plan_shows_its_changes() -> None:
    change = Change(sign=Sign.CHANGE, what="replicas", before="2", after="3")
    plan = Plan(verb="update", endpoint="iris", target="local", owner="default", changes=(change,))
    shown = plan._repr_html_()
    assert "iris on local: update" in shown
    assert "2 -&gt; 3" in shown
