"""What a verb began and could not end, since AWS was at something else: gone on with at each later look.

AWS refuses nearly every change of an endpoint that it is changing, for minutes. A verb returns at once all the same;
what is due of it follows from the facts, so that its duty is only to be asked again. A process that is killed loses
nothing: whoever calls the same verb again is told the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from deployer.endpoint import Claim
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer_sagemaker.calls import Due
from deployer_sagemaker.facts import Facts
from deployer_sagemaker.making import Maker

__all__ = ["Duties", "Duty"]

ROUNDS = 3
"""How often one look goes through all of them, since what one has done may be what another waited for."""


@dataclass(frozen=True)
class Duty:
    """One verb's.

    Attributes:
        verb: ``stage``, ``route``, ``retire``, ``destroy``.
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


class Duties:
    """Those of one endpoint, under one claim.

    Args:
        claim: Whose verbs began them.
        maker: Makes the calls.
        look: Finds out how it is.
    """

    def __init__(self, claim: Claim, maker: Maker, look: Callable[[], Facts]) -> None:
        self.claim = claim
        self._maker = maker
        self._look = look
        self._waiting: dict[tuple[str, str], Duty] = {}
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return not self._waiting

    def begin(self, duty: Duty, facts: Facts) -> None:
        """Do what can be done of a verb now, and remember the rest."""
        with self._lock:
            self._begin(duty, facts)

    def _begin(self, duty: Duty, facts: Facts) -> None:
        if duty.verb == "destroy":
            self._waiting.clear()
        elif duty.verb == "route":
            for key in [key for key, each in self._waiting.items() if each.verb == "route" or each.kept]:
                del self._waiting[key]
        else:  # to stage a revision and to retire it are each other's opposite
            for verb in ("stage", "retire"):
                self._waiting.pop((verb, duty.revision), None)
        self._leave(duty, self._do(duty, facts)[0])

    def _leave(self, duty: Duty, done: bool) -> None:
        """Remember what is left of it."""
        key = duty.verb, duty.revision
        if not done:
            self._waiting[key] = duty
        elif duty.keep is not None:
            self._waiting[key] = replace(duty, due=duty.keep, keep=None, kept=True)
        else:
            self._waiting.pop(key, None)

    def forgive(self, *revisions: str) -> None:
        """Retire none of these any more, since they get traffic."""
        for revision in revisions:
            self._waiting.pop(("retire", revision), None)

    def go_on(self, facts: Facts) -> Facts:
        """Do what can be done by now; how it is then.

        Raises:
            ClaimLost: Another writer has the endpoint; nothing was changed.
            DeployerError: AWS refuses something for good. It is not asked again.
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
                    done, asked = self._do(duty, facts)
                except TargetUnavailable as error:
                    if not error.transient:
                        del self._waiting[key]
                        raise
                    return self._look()
                except Exception as error:
                    del self._waiting[key]
                    if duty.verb == "retire" and isinstance(error, Conflict) and not isinstance(error, ClaimLost):
                        continue  # AWS has taken its last change back: it goes on having traffic
                    raise
                self._leave(duty, done)
                if asked:
                    facts, changed = self._look(), True
            if not changed:
                break
        return facts

    def _do(self, duty: Duty, facts: Facts) -> tuple[bool, bool]:
        """Make the calls that are due; whether that was all, and whether there was any."""
        found = duty.due(facts)
        made = [self._maker.make(call) for call in found.calls]
        done = found.is_last and all(made)
        if done and duty.end is not None:
            duty.end()
        return done, bool(found.calls) or (done and duty.end is not None)
