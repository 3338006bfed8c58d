"""``/_double/...``: what a test tells the double, and what the double tells a test. JSON in, JSON out.

| route | does |
|---|---|
| GET, POST, DELETE /_double/faults | what is to go wrong: all, one more (or a list), none |
| GET, DELETE /_double/calls | the calls, each with the action that a role must allow: all, forget them |
| GET, DELETE /_double/figures | instances now and at the peak, requests; count anew; the double's own trouble |
| GET /_double/behaviours | what it does and how we know, and which way the guesses go |
| GET, POST /_double/clock | now, and how fast it is; ``{"advance": seconds}`` |
| GET, PUT, DELETE /_double/rights | the permissions: what of them was used, what refused; a list of them; none |
| POST /_double/vanish | ``{"name": "ENDPOINT"}`` or ``ENDPOINT/DEPLOYMENT``: deleted under us |
| POST /_double/crash | ``{"name": "ENDPOINT/DEPLOYMENT"}``: its containers end, and start again at a request |
| PUT /_double/quotas | ``{"standardDSv2Family": 6}`` |
| PUT /_double/taken | ``["name"]``: somebody else in the region has these endpoints |
| PUT /_double/unregistered | ``["Microsoft.MachineLearningServices"]``: resource providers that are not registered |
| POST /_double/token | ``{"scope": S, "seconds": N}``: an access token that ends after N nominal seconds |
| POST /_double/autoscaling | Azure Monitor brings deployments within the limits of their autoscale settings once |
| GET /_double/endpoints/NAME | every state that the endpoint and its deployments were in, with its time |
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from deployer.testing.azureml import autoscaler, identity
from deployer.testing.azureml.answers import Answer, Refusal, told
from deployer.testing.azureml.behaviours import BEHAVIOURS
from deployer.testing.azureml.faults import Fault

if TYPE_CHECKING:
    from deployer.testing.azureml.wire import Call
    from deployer.testing.azureml.world import World

__all__ = ["Admin"]


class Admin:
    """The admin routes.

    Args:
        world: The double.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call) -> Answer:
        """Do it; 400 with the reason where it cannot be done, 404 for another route."""
        head, _, rest = call.path.removeprefix("/_double/").strip("/").partition("/")
        work = getattr(self, f"_{call.method.lower()}_{head}", None)
        if work is None:
            return told({"error": f"no such route: {call.method} {call.path}"}, 404)
        try:
            asked = json.loads(call.body) if call.body else {}
            if rest:
                asked = {**asked, "name": rest}
            return told(work(asked))
        except (ValueError, KeyError, TypeError, Refusal) as error:
            return told({"error": f"{type(error).__name__}: {error}"}, 400)

    def _get_faults(self, asked: Any) -> Any:
        del asked
        return self._world.faults.all()

    def _post_faults(self, asked: Any) -> Any:
        for each in asked if isinstance(asked, list) else [asked]:
            self._world.faults.add(Fault.of(each))
        return self._world.faults.all()

    def _delete_faults(self, asked: Any) -> Any:
        del asked
        self._world.faults.clear()
        return []

    def _get_calls(self, asked: Any) -> Any:
        del asked
        return self._world.journal.json()

    def _delete_calls(self, asked: Any) -> Any:
        del asked
        self._world.journal.clear()
        return []

    def _get_figures(self, asked: Any) -> Any:
        del asked
        return {**self._world.figures.json(), "trouble": list(self._world.trouble)}

    def _delete_figures(self, asked: Any) -> Any:
        self._world.figures.restart()
        self._world.trouble.clear()
        return self._get_figures(asked)

    def _get_behaviours(self, asked: Any) -> Any:
        del asked
        return [{**asdict(each), "holds": self._world.guesses.all().get(each.name, True)} for each in BEHAVIOURS]

    def _get_clock(self, asked: Any) -> Any:
        del asked
        return {"now": self._world.now(), "scale": self._world.clock.scale}

    def _post_clock(self, asked: Any) -> Any:
        self._world.advance(float(asked["advance"]))
        return self._get_clock(asked)

    def _get_rights(self, asked: Any) -> Any:
        del asked
        return self._world.rights.json()

    def _put_rights(self, asked: Any) -> Any:
        if not isinstance(asked, list) or not all(isinstance(each, dict) for each in asked):
            raise ValueError("rights are a list of permissions")
        self._world.rights.set(asked)
        return self._get_rights(asked)

    def _delete_rights(self, asked: Any) -> Any:
        self._world.rights.set(None)
        return self._get_rights(asked)

    def _post_vanish(self, asked: Any) -> Any:
        from deployer.testing.azureml.shell import vanish

        vanish(self._world, str(asked["name"]))
        return {}

    def _post_crash(self, asked: Any) -> Any:
        endpoint, _, deployment = str(asked["name"]).partition("/")
        found = self._world.endpoint(endpoint)
        if found is None:
            raise ValueError(f"no such endpoint: {endpoint}")
        instances = found[1].deployment(deployment).instances
        for each in instances:
            each.crash()
        return {"instances": [each.id for each in instances]}

    def _put_quotas(self, asked: Any) -> Any:
        self._world.quotas.update({str(key): int(value) for key, value in asked.items()})
        return self._world.quotas

    def _put_taken(self, asked: Any) -> Any:
        self._world.taken = {str(each).lower() for each in asked}
        return sorted(self._world.taken)

    def _put_unregistered(self, asked: Any) -> Any:
        self._world.unregistered = {str(each).lower() for each in asked}
        return sorted(self._world.unregistered)

    def _post_token(self, asked: Any) -> Any:
        seconds = float(asked["seconds"]) if "seconds" in asked else None
        token, until = identity.mint(self._world, str(asked["scope"]), seconds)
        return {"token": token, "expires_on": until}

    def _post_autoscaling(self, asked: Any) -> Any:
        del asked
        return autoscaler.look(self._world)

    def _get_endpoints(self, asked: Any) -> Any:
        found = self._world.endpoint(str(asked["name"]))
        if found is None:
            raise ValueError(f"no such endpoint: {asked['name']}")
        histories = {"": found[1].history, **{each.name: each.history for each in found[1].deployments.values()}}
        return {name: [{"at": at, "state": state} for at, state in history] for name, history in histories.items()}
