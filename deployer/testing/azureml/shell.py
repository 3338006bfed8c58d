"""Takes a request from the wire to its answer: who is it for, may it, does something go wrong, who does it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from traceback import format_exception
from typing import TYPE_CHECKING

from deployer.testing.azureml import acr, identity, scoring, storage, versions
from deployer.testing.azureml.admin import Admin
from deployer.testing.azureml.answers import Answer, Refusal, refused
from deployer.testing.azureml.deployments import vanish as vanish_deployment
from deployer.testing.azureml.endpoints import vanish as vanish_endpoint
from deployer.testing.azureml.journal import Recorded
from deployer.testing.azureml.routes import Route, find
from deployer.testing.azureml.wire import Asked, Call

if TYPE_CHECKING:
    from deployer.testing.azureml.faults import Fault
    from deployer.testing.azureml.world import World

__all__ = ["Lost", "Shell", "vanish"]

_CHANGES = frozenset(
    {"PutEndpoint", "PatchEndpoint", "DeleteEndpoint", "PutDeployment", "PatchDeployment", "DeleteDeployment"}
)
"""What begins an operation: a fault's delay, outcome and so on are of that."""


class Lost(Exception):
    """The answer is lost, as was asked: the connection is closed."""


def vanish(world: World, name: str) -> None:
    """Let an endpoint, or ``ENDPOINT/DEPLOYMENT``, be gone as if somebody had deleted it; nothing where it is gone."""
    endpoint, _, deployment = name.partition("/")
    found = world.endpoint(endpoint)
    if found is None:
        return
    if not deployment:
        vanish_endpoint(world, *found)
    elif deployment.lower() in found[1].deployments:
        vanish_deployment(world, found[1], found[1].deployments[deployment.lower()])


class Shell:
    """The double as a function of calls.

    Args:
        world: The double.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._admin = Admin(world)
        self._stale: dict[tuple[str, str], tuple[float, Answer]] = {}

    def answer(self, call: Call) -> Answer:
        """The answer to a call.

        Raises:
            Lost: There is none.
        """
        service, path = call.service(self._world.options.account)
        if service == "admin":
            return self._admin.answer(call)
        found = find(service, call.method, path, call.query)
        if found is None:
            refusal = Refusal(404, "InvalidResourceType", f"the double has no {call.method} {path}")
            self._note(Asked(call, path), None, service, (refusal.status, refusal.code))
            return self._signed(refused(refusal, service), service)
        route, names = found
        asked = Asked(call, path, names, version=call.query.get("api-version", "") if service == "arm" else "")
        return self._signed(self._answered(asked, route), service)

    def _answered(self, asked: Asked, route: Route) -> Answer:
        world, name = self._world, route.name.format(**asked.names)
        fault = world.faults.take(route.operation, name)
        try:
            if fault is not None and fault.vanish:
                vanish(world, fault.name or name)
            asked.action, by_role = self._authenticated(asked, route)
            self._spoil(asked, route, fault)
            if by_role:
                asked.allowed = world.rights.check(
                    asked.action, data=route.data, principal=asked.principal, scope=asked.path
                )
            answer = self._done(asked, route, name, fault)
            if fault is not None and fault.error:
                raise _asked_for(fault)
        except Refusal as refusal:
            self._note(asked, route, route.service, (refusal.status, refusal.code))
            return refused(refusal, route.service)
        except Exception as error:  # a bug of the double's: told, and seen by whoever looks at its figures
            world.trouble.append(f"{route.operation}: {''.join(format_exception(error))}")
            self._note(asked, route, route.service, (500, "InternalServerError"))
            return refused(Refusal(500, "InternalServerError", f"the double: {error!r}"), route.service)
        if fault is not None and fault.lost:
            self._note(asked, route, route.service, (0, ""))
            raise Lost(route.operation)
        self._note(asked, route, route.service, (answer.status, ""))
        return answer

    def _authenticated(self, asked: Asked, route: Route) -> tuple[str, bool]:
        """The action that is needed, and whether roles say if it is allowed; the caller's name is noted."""
        world, kind = self._world, asked.names.get("kind", "").lower()
        action = route.action.replace("{kind}", kind)
        if route.service == "arm" and action:
            asked.principal = identity.bearer(world, asked, "arm")
            versions.check(asked.version, asked.path)
            if asked.names.get("subscription", world.options.subscription).lower() != world.options.subscription:
                raise Refusal(
                    404, "SubscriptionNotFound", f"The subscription '{asked.names['subscription']}' could not be found."
                )
            return action, True
        if route.service == "blob":
            asked.principal, by_role = storage.authorize(world, asked, route.operation)
            return (action, True) if by_role else ("", False)
        if route.service == "registry" and route.operation in ("UseRegistry", "PingRegistry"):
            asked.principal = acr.authorize(world, asked)
            needed = acr.action(asked.call.method, asked.names["what"]) if action else ""
            return needed, bool(needed)
        if route.service == "scoring":
            asked.principal, by_role = scoring.authorize(world, asked)
            return (action, True) if by_role else ("", False)
        return "", False

    def _spoil(self, asked: Asked, route: Route, fault: Fault | None) -> None:
        if fault is None:
            return
        if fault.delay and route.operation not in _CHANGES:
            self._world.clock.wait(fault.delay, self._world.closing)
        if fault.error and not fault.done:
            raise _asked_for(fault)
        asked.outcome = fault

    def _done(self, asked: Asked, route: Route, name: str, fault: Fault | None) -> Answer:
        world, about = self._world, (route.operation, name)
        until, kept = self._stale.get(about, (0.0, None))
        if kept is not None and world.clock.monotonic() < until:
            return kept
        answer = route.work(world, asked)
        if fault is not None and fault.stale:
            self._stale[about] = (world.clock.monotonic() + fault.stale, answer)
        if fault is not None and fault.headerless:
            headers = {
                key: value for key, value in answer.headers.items() if key not in ("Azure-AsyncOperation", "Location")
            }
            answer = replace(answer, headers=headers)
        return answer

    def _note(self, asked: Asked, route: Route | None, service: str, outcome: tuple[int, str]) -> None:
        status, error = outcome
        self._world.journal.add(
            Recorded(
                at=self._world.now(),
                service=service,
                operation=route.operation if route is not None else "",
                method=asked.call.method,
                path=asked.path,
                version=asked.version,
                action=asked.action,
                data=route.data if route is not None else False,
                name=route.name.format(**asked.names) if route is not None else "",
                principal=asked.principal,
                status=status,
                error=error,
                allowed=asked.allowed,
            )
        )

    def _signed(self, answer: Answer, service: str) -> Answer:
        """The ids that each answer has."""
        ids = {"x-ms-request-id": str(uuid.uuid4())}
        if service == "arm":
            ids["x-ms-correlation-request-id"] = str(uuid.uuid4())
        return replace(answer, headers={**ids, **answer.headers})


def _asked_for(fault: Fault) -> Refusal:
    return Refusal(
        fault.status, fault.error, fault.message, headers={"Retry-After": str(fault.retry)} if fault.retry else {}
    )
