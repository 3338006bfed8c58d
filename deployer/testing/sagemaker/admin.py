"""``/_double/...``: what a test tells the double, and what the double tells a test. JSON in, JSON out.

| route | does |
|---|---|
| GET, POST, DELETE /_double/faults | what is to go wrong: all, one more (or a list), none |
| GET, DELETE /_double/calls | the calls: all, forget them |
| GET, DELETE /_double/figures | instances now and at the peak; count peaks anew; containers' trouble |
| GET /_double/behaviours | what it does and how we know, and which way the guesses go |
| GET, POST /_double/clock | nominal now; ``{"advance": seconds}`` |
| GET, PUT, DELETE /_double/policy | the policy: what of it was used, what refused; set; none |
| POST /_double/vanish | ``{"kind": "endpoint", "name": N}``: deleted under us |
| POST /_double/status | ``{"name": N, "status": "SystemUpdating"}``: an endpoint is said to be in that state |
| POST /_double/crash | ``{"name": N}``: the containers of an endpoint end; they are started again at the next call |
| PUT /_double/quotas | ``{"ml.m5.large": 0}`` |
| POST /_double/owner | ``{"bucket": B, "account": A}``: another account has that bucket |
| POST /_double/autoscaling | the autoscaler looks once |
| GET /_double/endpoints/NAME | every state that the endpoint was in, with its time |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from deployer.testing.sagemaker import autoscaling
from deployer.testing.sagemaker.answers import Answer, Refusal
from deployer.testing.sagemaker.behaviours import BEHAVIOURS
from deployer.testing.sagemaker.endpoints import remove
from deployer.testing.sagemaker.faults import Fault
from deployer.testing.sagemaker.shapes import model

if TYPE_CHECKING:
    from deployer.testing.sagemaker.control import Control
    from deployer.testing.sagemaker.guard import Guard
    from deployer.testing.sagemaker.world import World

__all__ = ["Admin"]


class Admin:
    """The admin routes.

    Args:
        world: The double.
        control: Its control plane.
        guard: Its policy.
    """

    def __init__(self, world: World, control: Control, guard: Guard) -> None:
        self._world, self._control, self._guard = world, control, guard

    def answer(self, environ: Mapping[str, Any], body: bytes) -> Answer:
        """Do it; 400 with the reason where it cannot be done, 404 for another route."""
        method, path = str(environ["REQUEST_METHOD"]), str(environ["PATH_INFO"]).removeprefix("/_double/").rstrip("/")
        query = {key: values[0] for key, values in parse_qs(str(environ.get("QUERY_STRING", ""))).items()}
        head, _, rest = path.partition("/")
        work = getattr(self, f"_{method.lower()}_{head}", None)
        if work is None:
            return _told({"error": f"no such route: {method} /_double/{path}"}, 404)
        try:
            asked = json.loads(body) if body else {}
            if rest:
                asked = {**asked, "name": rest}
            return _told(work({**query, **asked} if isinstance(asked, dict) else asked))
        except (ValueError, KeyError, TypeError, Refusal) as error:
            return _told({"error": f"{type(error).__name__}: {error}"}, 400)

    def _where(self, asked: Mapping[str, Any]) -> tuple[str, str]:
        options = self._world.options
        return str(asked.get("account") or options.account), str(asked.get("region") or options.region)

    def _get_faults(self, asked: Any) -> Any:
        del asked
        return self._world.faults.all()

    def _post_faults(self, asked: Any) -> Any:
        for each in asked if isinstance(asked, list) else [asked]:
            where = self._where(each)
            fault = Fault.of({key: value for key, value in each.items() if key not in ("account", "region")})
            if fault.stale:
                self._control.lie(*where, fault.operation, fault.name, fault.stale)
            else:
                self._world.faults.add(fault)
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
        return {"instances": self._world.ledger.json(), "trouble": list(self._world.trouble)}

    def _delete_figures(self, asked: Any) -> Any:
        self._world.ledger.restart()
        self._world.trouble.clear()
        return self._get_figures(asked)

    def _get_behaviours(self, asked: Any) -> Any:
        del asked
        return [{**asdict(each), "holds": self._world.guesses.all().get(each.name, True)} for each in BEHAVIOURS]

    def _get_clock(self, asked: Any) -> Any:
        del asked
        return {"now": self._world.clock.now(), "scale": self._world.clock.scale}

    def _post_clock(self, asked: Any) -> Any:
        self._world.clock.advance(float(asked["advance"]))
        return self._get_clock(asked)

    def _get_policy(self, asked: Any) -> Any:
        del asked
        names = self._guard.policy.names if self._guard.policy is not None else []
        used = {statement for statement, _ in self._guard.used}
        return {
            "used": sorted(used),
            "unused": [each for each in names if each not in used],
            "actions": [f"{statement} {action}" for statement, action in sorted(self._guard.used)],
            "refused": list(self._guard.refused),
        }

    def _put_policy(self, asked: Any) -> Any:
        self._guard.set(asked)
        return self._get_policy(asked)

    def _delete_policy(self, asked: Any) -> Any:
        self._guard.set(None)
        return self._get_policy(asked)

    def _post_vanish(self, asked: Any) -> Any:
        region, kind, name = self._world.region(*self._where(asked)), str(asked["kind"]), str(asked["name"])
        if kind == "endpoint":
            remove(self._world, region, region.endpoint(name))
        elif kind == "endpoint-config":
            del region.configs[region.config(name).name]
        elif kind == "model":
            del region.models[region.model(name).name]
        else:
            raise ValueError(f"nothing that can vanish: {kind}")
        return {}

    def _post_status(self, asked: Any) -> Any:
        endpoint = self._world.region(*self._where(asked)).endpoint(str(asked["name"]))
        states = model("sagemaker").shape_for("EndpointStatus").enum
        if asked["status"] not in states:
            raise ValueError(f"no EndpointStatus: {asked['status']}; there are {', '.join(states)}")
        with self._world.lock:
            endpoint.become(str(asked["status"]), self._world.clock.now())
            endpoint.reason = asked.get("reason", endpoint.reason)
        return {}

    def _post_crash(self, asked: Any) -> Any:
        endpoint = self._world.region(*self._where(asked)).endpoint(str(asked["name"]))
        for instance in endpoint.instances:
            instance.crash()
        return {"instances": [each.id for each in endpoint.instances]}

    def _put_quotas(self, asked: Any) -> Any:
        self._world.quotas.update({str(key): int(value) for key, value in asked.items()})
        return self._world.quotas

    def _post_owner(self, asked: Any) -> Any:
        self._world.owners.set(str(asked["bucket"]), str(asked["account"]))
        return {}

    def _post_autoscaling(self, asked: Any) -> Any:
        del asked
        return autoscaling.look(self._world)

    def _get_endpoints(self, asked: Any) -> Any:
        endpoint = self._world.region(*self._where(asked)).endpoint(str(asked["name"]))
        return {"history": [{"at": at, "status": status} for at, status in endpoint.history]}


def _told(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, [json.dumps(value).encode()])
