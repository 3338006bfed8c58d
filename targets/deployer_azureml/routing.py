"""What is due so that traffic, and copies of it, go where it is wished. Pure: the same facts give the same calls."""

from __future__ import annotations

from deployer.endpoint import Mirrored, Traffic
from deployer.errors import Conflict
from deployer_azureml.calls import Due, busy_with, put_endpoint, refuse_foreign
from deployer_azureml.configuring import settled_due
from deployer_azureml.facts import GONE_WRONG, DeploymentFact, EndpointFact, Facts
from deployer_azureml.requests import with_mirror, with_traffic

__all__ = ["MOST_COPIES", "kept_traffic", "mirror_due", "route_due"]

MOST_COPIES = 50
"""Percent of the requests that Azure copies at most ("Perform safe rollout": limitations of mirroring)."""


def route_due(facts: Facts, traffic: Traffic) -> Due:
    """What is left to do.

    Args:
        facts: What was found.
        traffic: The wished one; empty: nobody is served, and what runs goes on running.

    Raises:
        Conflict: A revision was not staged, or has failed; or what is there is not ours.
    """
    refuse_foreign(facts)
    main = facts.main
    if main is None or main.state == "Deleting":
        if not traffic:
            return Due()
        raise Conflict(
            f"there is no endpoint {facts.name} to send traffic by", where=facts.name, hint="run the same command again"
        )
    coming = [_servable(facts, main, revision) for revision in traffic.served]
    shares = {each.key: traffic.share(each.revision) for each in coming}
    if dict(main.traffic) == shares and not (traffic and set(shares) & set(main.mirror)):
        again = bool(traffic) and main.state in GONE_WRONG
        return Due((put_endpoint(main, with_traffic(main, facts, traffic)),) if again else ())
    if not main.settled:
        return Due((), busy_with(main))
    unready = next((each for each in coming if not each.settled and not facts.share(each)), None)
    if unready is not None:
        return Due((), f"Azure makes {unready.name} just now ({unready.state})")
    return Due((put_endpoint(main, with_traffic(main, facts, traffic)),))


def kept_traffic(facts: Facts, traffic: Traffic) -> Due:
    """What is left to do once it was asked for: to see whether Azure does it, and to ask again for what was deleted.

    Raises:
        DeployerError: Azure took it on, and it did not end well; what served serves on.
    """
    coming = [facts.find(revision) for revision in traffic.served]
    gone = facts.main is None or facts.main.state == "Deleting"
    if traffic and (gone or any(each is None or each.state == "Deleting" for each in coming)):
        return Due((), f"what {facts.name} ran on was deleted, and is made again first")
    if any(each is not None and each.state in GONE_WRONG and not facts.share(each) for each in coming):
        return Due()  # whoever looks sees that it has failed
    seen = settled_due(facts, f"move the traffic of {facts.name}")
    return seen if seen.waits else route_due(facts, traffic)


def _servable(facts: Facts, main: EndpointFact, revision: str) -> DeploymentFact:
    found = facts.find(revision)
    if found is None or found.state == "Deleting":
        raise Conflict(
            f"{revision} was not staged, so that nothing can be sent to it", where=main.name,
            hint="run the same command again",
        )  # fmt: skip
    if found.state in GONE_WRONG and not facts.share(found):
        raise Conflict(f"{revision} has failed, so that nothing is sent to it", where=main.name, hint="deployer logs")
    return found


def mirror_due(facts: Facts, mirrored: Mirrored | None) -> Due:
    """What is left to do so that copies go to one revision, or to none.

    Raises:
        Conflict: The revision was not staged, has failed, or has traffic; or Azure copies no so many requests.
    """
    refuse_foreign(facts)
    main = facts.main
    if main is None or main.state == "Deleting":
        if mirrored is None:
            return Due()
        raise Conflict(f"there is no endpoint {facts.name} to copy requests of", where=facts.name)
    wished: dict[str, int] = {}
    if mirrored is not None:
        found = _servable(facts, main, mirrored.revision)
        _refuse_copies(facts, main, found, mirrored)
        wished = {found.key: mirrored.percent}
    if dict(main.mirror) == wished:
        return Due()
    if not main.settled:
        return Due((), busy_with(main))
    return Due((put_endpoint(main, with_mirror(main, facts, mirrored)),))


def _refuse_copies(facts: Facts, main: EndpointFact, found: DeploymentFact, mirrored: Mirrored) -> None:
    if main.compute:
        raise Conflict("Azure copies no requests on a Kubernetes compute", where=main.name)
    if facts.share(found):
        raise Conflict(f"{found.revision} has traffic, and Azure sends no copies beside it", where=main.name)
    if mirrored.percent > MOST_COPIES:
        raise Conflict(
            f"Azure copies at most {MOST_COPIES} % of the requests, and {mirrored.percent} % are wished",
            where=main.name, hint=f"--set rollout.steps={MOST_COPIES}",
        )  # fmt: skip
