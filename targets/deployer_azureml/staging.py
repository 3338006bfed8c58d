"""What is due so that a revision is staged: it runs, and can be asked, and traffic stays where it is. Pure.

The same facts give the same calls, so a verb that is called twice, or gone on with by another process, does once what
it says.
"""

from __future__ import annotations

from deployer.endpoint import Release
from deployer.spec import DeploymentSpec
from deployer_azureml.calls import Call, Due, busy_with, delete_deployment, delete_scaler
from deployer_azureml.configuring import endpoint_due
from deployer_azureml.counting import count_due, scales_later
from deployer_azureml.facts import GONE_WRONG, DeploymentFact, Facts
from deployer_azureml.names import deployment_path, environment_path
from deployer_azureml.requests import Place, config_of
from deployer_azureml.revisions import deployment_body, environment_body, environment_of

__all__ = ["Staging"]


class Staging:
    """One `deployer.target.Target.stage`.

    Args:
        spec: The wish.
        release: The revision.
        place: Where.
    """

    def __init__(self, spec: DeploymentSpec, release: Release, place: Place) -> None:
        self.spec = spec
        self.release = release
        self.place = place
        self._config = config_of(spec)

    @property
    def revision(self) -> str:
        """Its id."""
        return self.release.revision

    def due(self, facts: Facts) -> Due:
        """What is left to do.

        Raises:
            Conflict: Something that is not ours has one of its names.
            SpecError: It has no image, or no instance type fits.
        """
        making = endpoint_due(facts, self.spec, self.place)
        main = facts.main
        # An environment is no part of the endpoint: it can be made while that is.
        calls = (*making.calls, *self._environment(facts))
        if main is None or making.calls or main.state == "Deleting":
            return Due(calls, making.waits)
        found = facts.find(self.revision)
        if found is not None:
            return self._running(facts, found)
        if not main.settled:
            return Due(calls, busy_with(main))
        return Due((*calls, self._deployment(facts)), scales_later(self.spec))

    def kept(self, facts: Facts) -> Due:
        """What is left to do once it was staged: it is made again where somebody else has deleted it.

        What failed is left for whoever looks.
        """
        found = facts.find(self.revision)
        if facts.main is None or found is None or found.state == "Deleting":
            return self.due(facts)
        return Due((), f"{found.name} is staged")

    def _environment(self, facts: Facts) -> tuple[Call, ...]:
        """What it runs; an environment can be made once and never changed, and an equal name is an equal thing."""
        if self._config.no_code or facts.find(self.revision) is not None:
            return ()
        version = environment_of(self.spec, self.release)
        if facts.environment(version) is not None:
            return ()
        body = environment_body(self.spec, self.release, self.place)
        return (Call("PutEnvironment", environment_path(self.spec.name, version), body, fine=("there",)),)

    def _deployment(self, facts: Facts) -> Call:
        serving = max((each.count for each in facts.mine if facts.share(each)), default=0)
        body = deployment_body(self.spec, self.release, self.place, serving)
        path = deployment_path(self.spec.name, self.revision)
        return Call("PutDeployment", path, body, fine=("there", "busy"))

    def _running(self, facts: Facts, found: DeploymentFact) -> Due:
        """It is there: its count; what failed before it served is removed, since Azure takes no change of it.

        "Specified deployment failed during initial provisioning and is in an unrecoverable state. Delete and
        re-create." What failed while it has traffic was a change of its count, and serves on.
        """
        again = f"{found.name} has to be gone before it can be made anew"
        if found.state == "Deleting":
            return Due((), again)
        if found.state in GONE_WRONG and not facts.share(found):
            scaler = facts.scaler(found)
            calls = (delete_scaler(scaler.name),) if scaler is not None else ()
            return Due((*calls, delete_deployment(facts, found.name)), again)
        # What it runs stays as it was made, also by a newer deployer, whose document differs.
        return count_due(facts, found, self.spec, self.place)
