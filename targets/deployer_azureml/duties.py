"""What a verb began and could not end, since Azure was at something else: gone on with at each later look.

Azure takes no change of what it is changing, for minutes. A verb returns at once all the same; what is due of it
follows from the facts, so that its duty is only to be asked again. A process that is killed loses nothing: whoever
calls the same verb again is told the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from deployer.endpoint import Claim
from deployer.errors import ClaimLost, TargetUnavailable
from deployer_azureml.calls import Call, Due
from deployer_azureml.errors import failed_operation
from deployer_azureml.facts import Facts
from deployer_azureml.making import Maker

__all__ = ["Duties", "Duty"]

ROUNDS = 3
"""How often one look goes through all of them, since what one has done may be what another waited for."""


@dataclass(frozen=True)
class Duty:
    """One verb's.

    Attributes:
        verb: ``configure``, ``stage``, ``route``, ``mirror``, ``retire``, ``destroy``, ``adopt``.
        due: What is left to do, by the facts.
        revision: Whose it is, of ``stage`` and ``retire``.
        keep: What is left to do from then on, so that what was done stays so, until another verb ends it.
        kept: Whether that is what it is at.
        end: Done once nothing is left to do.
    """

    verb: str
    due: Callable[[Facts], Due]
    revision: str = ""
    keep: Callable[[Facts], Due] | None = None
    kept: bool = False
    end: Callable[[], None] | None = None


@dataclass
class Duties:
    """Those of one endpoint, under one claim.

    Attributes:
        claim: Whose verbs began them.
        maker: Makes the calls.
        look: Finds out how it is.
    """

    claim: Claim
    maker: Maker
    look: Callable[[], Facts]
    _waiting: dict[tuple[str, str], Duty] = field(default_factory=dict)
    _made: set[str] = field(default_factory=set)
    """Paths of what was made by these verbs: where that failed it is told, and not made again and again."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return not self._waiting

    def left_of(self, verb: str) -> Duty | None:
        """What is left to do of a verb of the whole endpoint."""
        return self._waiting.get((verb, ""))

    def begin(self, duty: Duty, facts: Facts) -> None:
        """Do what can be done of a verb now, and remember the rest."""
        with self._lock:
            if duty.verb == "destroy":
                self._waiting.clear()
            for key in [key for key, each in self._waiting.items() if _is_over_by(each, duty)]:
                del self._waiting[key]
            found = duty.due(facts)
            self._made -= {each.path for each in found.calls}  # asked for anew, by whoever knows that it has failed
            self._leave(duty, self._do(duty, found)[0])

    @staticmethod
    def in_turn(first: Duty | None, due: Callable[[Facts], Due]) -> Callable[[Facts], Due]:
        """What is due once nothing is left of another verb."""
        if first is None:
            return due
        before = first.due

        def both(facts: Facts) -> Due:
            left = before(facts)
            return due(facts) if not left.calls and left.is_last else Due(left.calls, left.waits or "and then the rest")

        return both

    def forgive(self, *revisions: str) -> None:
        """Retire none of these any more, since they get traffic."""
        for revision in revisions:
            self._waiting.pop(("retire", revision), None)

    def drop(self) -> None:
        """Leave it all, to whoever has the endpoint now."""
        self._waiting.clear()

    def go_on(self, facts: Facts) -> Facts:
        """Do what can be done by now; how it is then.

        Raises:
            ClaimLost: Another writer has the endpoint; nothing was changed.
            DeployerError: Azure refuses something for good. It is not asked again.
        """
        if not self._waiting or not self._lock.acquire(blocking=False):  # somebody else is at it
            return facts
        try:
            return self._go_on(facts)
        except ClaimLost:
            self._waiting.clear()
            raise
        finally:
            self._lock.release()

    def _go_on(self, facts: Facts) -> Facts:
        for _ in range(ROUNDS):
            changed = False
            for key, duty in [*self._waiting.items()]:
                try:
                    found = duty.due(facts)
                    if (failed := self._failed(found)) is not None:
                        del self._waiting[key]
                        _refuse(failed, facts)
                        continue
                    done, asked = self._do(duty, found)
                except TargetUnavailable as error:
                    if not error.transient:
                        self._waiting.pop(key, None)
                        raise
                    return self.look()
                except Exception:
                    self._waiting.pop(key, None)
                    raise
                if self._waiting.get(key) is duty:  # else another verb has ended it meanwhile
                    self._leave(duty, done)
                if asked:
                    facts, changed = self.look(), True
            if not changed:
                break
        return facts

    def _failed(self, found: Due) -> Call | None:
        """The removal of what these verbs have made, where that is due since it failed: that is for who looks."""
        return next((each for each in found.calls if each.method == "DELETE" and each.path in self._made), None)

    def _leave(self, duty: Duty, done: bool) -> None:
        """Remember what is left of it."""
        key = duty.verb, duty.revision
        if not done:
            self._waiting[key] = duty
        elif duty.keep is not None:
            self._waiting[key] = replace(duty, due=duty.keep, keep=None, kept=True)
        else:
            self._waiting.pop(key, None)

    def _do(self, duty: Duty, found: Due) -> tuple[bool, bool]:
        """Make the calls that are due, up to one that cannot be made; whether that was all, and whether any was."""
        asked = False
        for call in found.calls:
            if not self.maker.make(call):
                return False, asked
            asked = True
            if _makes(call):
                self._made.add(call.path)
        if not found.is_last:
            return False, asked
        if duty.end is not None:
            duty.end()
            asked = True
        return True, asked


def _refuse(removal: Call, facts: Facts) -> None:
    """What failed of a revision is seen as that; of an endpoint that could not be made there is no revision to see."""
    if removal.thing == "Endpoint" and facts.main is not None:
        raise failed_operation(facts.main.trouble, f"make the endpoint {facts.name}", facts.name)


def _makes(call: Call) -> bool:
    return call.method == "PUT" and call.thing in ("Endpoint", "Deployment") and not call.basis


def _is_over_by(each: Duty, duty: Duty) -> bool:
    """Whether a duty is over, now that another one begins."""
    if duty.verb in ("stage", "retire"):  # of one revision these are each other's opposite
        return each.verb in ("stage", "retire") and each.revision == duty.revision
    return each.verb == duty.verb
