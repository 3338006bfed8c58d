"""What is due so that a revision is staged: it runs, and can be asked, and traffic stays where it is. Pure.

The same facts give the same calls, so a verb that is called twice, or gone on with by another process, does once what
it says.
"""

from __future__ import annotations

from deployer.endpoint import Release, Traffic
from deployer.spec import DeploymentSpec
from deployer_sagemaker.calls import Call, Due, add_tags, delete_endpoint, let_go, refuse_foreign
from deployer_sagemaker.configs import Side, config_of, create_config, first_count
from deployer_sagemaker.counting import count_due, scales_later
from deployer_sagemaker.facts import ConfigFact, EndpointFact, Facts
from deployer_sagemaker.marks import Marks, Role, State, as_tags
from deployer_sagemaker.models import Place, create_model
from deployer_sagemaker.names import CANDIDATE, PRIMARY, verify_name
from deployer_sagemaker.observe import traffic_of
from deployer_sagemaker.requests import create_endpoint, create_verify_endpoint, mark_asked, update_endpoint

__all__ = ["Staging"]


class Staging:
    """One `deployer.target.Target.stage`.

    Args:
        spec: The wish.
        release: The revision.
        place: Where.
        platform: What images are for, where the spec does not say.
    """

    def __init__(self, spec: DeploymentSpec, release: Release, place: Place, platform: str = "linux/amd64") -> None:
        self.spec = spec
        self.release = release
        self.place = place
        self.platform = platform
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
        refuse_foreign(facts)
        main = facts.main
        if main is None:
            return self._first(facts)
        if self.revision in facts.run_by(main.config).values():
            return self._running(facts, main)
        if self.revision in facts.run_by(main.pending).values():
            return Due()
        if main.status in ("Failed", "OutOfService", "Deleting"):
            calls = (*let_go(facts), *delete_endpoint(main)) if main.status != "Deleting" else ()
            return Due(calls, f"{main.name} has to be gone before it can be made anew")
        if self._config.verify == "variant":
            return self._beside(facts, main)
        made = (*self._take_back(facts, main), *self._model(), *self._configuration(facts))
        if self._config.verify == "none":
            return Due(made)
        return self._verifying(facts, made)

    def kept(self, facts: Facts) -> Due:
        """What is left to do once it was staged: it is made again where somebody else has deleted what it runs on.

        What failed, or what AWS took back, is left for whoever looks.
        """
        main, verify = facts.main, facts.verify
        if main is None:
            return self.due(facts)
        runs = {*facts.run_by(main.config).values(), *facts.run_by(main.pending).values()}
        if self.revision in runs or self._config.verify != "endpoint":
            return Due()
        if any(self.revision in facts.run_by(each).values() for each in (main.reverted, main.arriving, main.unseen)):
            return Due()
        if verify is not None:
            return Due((), f"it can be asked on {verify.name}")
        return Due(self.due(facts).calls, f"AWS makes {verify_name(facts.name)}")

    # What it runs.

    def _model(self, *, alone: bool = False) -> tuple[Call, ...]:
        return (Call("CreateModel", self._model_request(alone=alone), fine=("there",)),)

    def _model_request(self, *, alone: bool = False) -> dict[str, object]:
        return create_model(self.spec, self.release, self._config, self.place, alone=alone)

    def _side(self, facts: Facts, *, alone: bool = False) -> Side:
        serving = max((each.wanted for each in facts.main.variants), default=0) if facts.main is not None else 0
        count = 1 if alone else first_count(self.spec, serving)
        return Side(self.spec, self.release, str(self._model_request(alone=alone)["ModelName"]), count)

    def _request(self, facts: Facts) -> dict[str, object]:
        return create_config([self._side(facts)], self.place, platform=self.platform)

    def _configuration(self, facts: Facts) -> tuple[Call, ...]:
        """The one that it is to be given traffic by; others of it that are staged are not, from then on."""
        request = self._request(facts)
        wished = facts.config(str(request["EndpointConfigName"]))
        others = [
            each for each in facts.configs
            if each.state is State.STAGED and each.revisions == (self.revision,) and each is not wished
            and not facts.is_used(each.name)
        ]  # fmt: skip
        kept = tuple(self._state(each, State.KEPT) for each in others)
        if wished is None:
            return (Call("CreateEndpointConfig", request, fine=("there",)), *kept)
        return (*(() if wished.state is State.STAGED else (self._state(wished, State.STAGED),)), *kept)

    def _state(self, config: ConfigFact, state: State) -> Call:
        marks = Marks(self.place.owner, self.spec.name, Role.CONFIG, self.revision, state)
        return add_tags(config.arn, as_tags(marks.tags()))

    # Where it runs.

    def _first(self, facts: Facts) -> Due:
        """There is no endpoint yet: it is made, and not released."""
        config = str(self._request(facts)["EndpointConfigName"])
        made = Call("CreateEndpoint", create_endpoint(self.spec, config, self.place), fine=("there",))
        return Due((*self._model(), *self._configuration(facts), made), scales_later(self.spec))

    def _running(self, facts: Facts, main: EndpointFact) -> Due:
        """It is what the endpoint runs: its count."""
        # What failed can only be deleted (API reference, DescribeEndpoint).
        if main.status in ("Failed", "Deleting"):
            return Due(delete_endpoint(main), f"{main.name} has to be gone before it can be made anew")
        if main.pending and self.revision not in facts.run_by(main.pending).values():
            return Due((), f"AWS is on its way to {main.pending}, and cannot be called off")
        if main.status == "Updating" and not main.pending:
            # Its requests have moved, and nothing tells where to; what it served before is told still.
            return Due((), f"AWS changes {main.name} just now")
        counted = count_due(facts, main, self.spec, self.revision, self.place)
        return Due((*self._take_back(facts, main), *counted.calls), counted.waits)

    def _verifying(self, facts: Facts, made: tuple[Call, ...]) -> Due:
        """On an endpoint of one instance, beside what serves."""
        side = self._side(facts, alone=True)
        request = create_config([side], self.place, verify=True, platform=self.platform)
        name = str(request["EndpointConfigName"])
        verify = facts.verify
        if verify is not None and verify.config == name and verify.status in ("Creating", "InService", "Updating"):
            return Due(made)
        if verify is not None:
            return Due((*made, *delete_endpoint(verify)), f"{verify.name} has to be gone before it can be made anew")
        calls = [*made]
        if side.model != self._model_request()["ModelName"]:
            calls += self._model(alone=True)
        if facts.config(name) is None:
            calls.append(Call("CreateEndpointConfig", request, fine=("there",)))
        endpoint = create_verify_endpoint(self.spec, self.release, name, self.place)
        return Due((*calls, Call("CreateEndpoint", endpoint, fine=("there",))))

    def _beside(self, facts: Facts, main: EndpointFact) -> Due:
        """As a second variant, without weight: the whole fleet is replaced for it."""
        runs = facts.run_by(main.config)
        serving = runs.get(PRIMARY) or next(iter(runs.values()), "")
        record = facts.record
        old = record.releases.get(serving) if record is not None else None
        if old is None:
            return Due((), f"the record does not tell what {serving} is; deployer apply without config.verify goes on")
        before = next((each for each in main.variants if each.name == PRIMARY), None)
        wish = DeploymentSpec(**old.spec) if old.spec else self.spec
        config = facts.config(main.config)
        model = config.models[0] if config is not None and config.models else ""
        mine = str(self._model_request()["ModelName"])
        sides = [
            Side(wish, old, model, max(1, before.wanted if before is not None else 1), 1.0, PRIMARY),
            Side(self.spec, self.release, mine, first_count(self.spec), 0.0, CANDIDATE),
        ]
        request = create_config(sides, self.place, platform=self.platform)
        name = str(request["EndpointConfigName"])
        made = (*self._model(), *self._configuration(facts))
        if facts.config(name) is None:
            made = (*made, Call("CreateEndpointConfig", request, fine=("there",)))
        if not main.settled:
            return Due(made, f"AWS changes {main.name} just now ({main.status})")
        marked = mark_asked(self.spec, name, self.place, main.modified, _now(facts, main))
        update = update_endpoint(self.spec, name, same_variants=False)
        return Due((*made, add_tags(main.arn, marked), Call("UpdateEndpoint", update)))

    def _take_back(self, facts: Facts, main: EndpointFact) -> tuple[Call, ...]:
        """A revision that AWS took back before is begun anew: what was asked is forgotten.

        So is what was never sent, or is not seen yet, where the revision that serves is wished again: nothing would
        tell that it is settled.
        """
        again = bool(main.reverted) and self.revision in facts.run_by(main.reverted).values()
        unsent = bool(main.unseen) and self.revision in facts.run_by(main.config).values()
        if not again and not unsent:
            return ()
        marked = mark_asked(self.spec, main.config, self.place, main.modified, _now(facts, main))
        return (add_tags(main.arn, marked),)


def _now(facts: Facts, main: EndpointFact) -> Traffic:
    """The traffic as its mark has to go on saying it."""
    released = main.marks is not None and main.marks.traffic is not None
    return traffic_of(facts) if released else Traffic()
