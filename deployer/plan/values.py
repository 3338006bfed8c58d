"""Plan, Change and Step: immutable, and the same as JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from deployer.endpoint import Before, Release, Traffic
from deployer.notebook import table
from deployer.value import JSON, Value

__all__ = [
    "Adopts",
    "Change",
    "Configure",
    "Deliver",
    "Destroy",
    "Effect",
    "Outlook",
    "Plan",
    "Retire",
    "Route",
    "Sign",
    "Stage",
    "Step",
    "Undo",
    "Verify",
    "Wish",
]


class Sign(StrEnum):
    """What becomes of a thing."""

    ADD = "+"
    CHANGE = "~"
    REMOVE = "-"
    NOTE = " "


class Effect(StrEnum):
    """What a change costs."""

    IN_PLACE = "in place"
    NEW_REVISION = "new revision"
    DOWNTIME = "downtime"
    RECORD = "recorded only"
    """Concerns how the client works; nothing on the target changes but the Record."""
    REPAIR = "repair"
    """What is there is not what was wished."""


class Change(Value):
    """One difference between what is and what is wished."""

    sign: Sign
    what: str
    """The dotted field, or ``endpoint``, ``revision``, ``traffic``."""
    before: str | None = None
    after: str | None = None
    note: str = ""
    effect: Effect = Effect.NEW_REVISION


class Deliver(Value):
    """Make the revision's artifacts and carry them to the target's sink."""

    step: Literal["deliver"] = "deliver"
    revision: str


class Configure(Value):
    """Bring the endpoint-scope fields to the wish."""

    step: Literal["configure"] = "configure"


class Stage(Value):
    """Make the revision run, or bring its count to the wish."""

    step: Literal["stage"] = "stage"
    revision: str


class Verify(Value):
    """Wait until the revision is healthy by the spec's policy."""

    step: Literal["verify"] = "verify"
    revision: str
    answers: bool = True
    """Whether it must answer, or only have its replicas ready (a change of the count)."""


class Route(Value):
    """Move traffic."""

    step: Literal["route"] = "route"
    traffic: Traffic


class Retire(Value):
    """Stop a revision, the old ones last."""

    step: Literal["retire"] = "retire"
    revision: str
    keep: bool
    """Its artifacts, for a rollback."""


class Undo(Value):
    """Take back what an interrupted roll-out left: its revision goes, and the spec before it counts again."""

    step: Literal["undo"] = "undo"
    revision: str


class Destroy(Value):
    """Remove everything, the Record last."""

    step: Literal["destroy"] = "destroy"


Step = Annotated[Deliver | Configure | Stage | Verify | Route | Retire | Undo | Destroy, Field(discriminator="step")]


class Wish(Value):
    """What is asked for, every alias, path and requirement resolved to versions and digests."""

    spec: dict[str, JSON]
    """`DeploymentSpec.wish()`."""
    release: Release
    lock: str
    """Text of the environment's lock; empty where there is none."""
    alias: str | None = None
    """The alias or stage through which the model was found, for people."""
    verifiable: bool = True
    """Whether there is an example or a request that the new revision can be asked."""
    other_keys: bool = False
    """Whether the API keys that the spec refers to have other values than those that are stored."""


class Adopts(Value):
    """What is taken over before anything else is done: it runs already, and somebody else made it."""

    identity: str | None = None
    """Of exactly that thing, where it carries no marks; None where another owner's marks name it."""
    whose: str | None = None
    """The owner before, None where it is nobody's."""
    release: Release | None = None
    """What runs, as a revision; None where a Record tells."""
    spec: dict[str, JSON] = Field(default_factory=dict)
    """What runs, as a wish."""
    lock: str = ""
    """Text of the release's lock, where it is known."""


class Outlook(StrEnum):
    """What a plan amounts to."""

    UNCHANGED = "unchanged"
    CHANGES = "changes"
    REJECTED = "rejected"
    """This very revision was refused before, and nobody asked to try again."""


class Plan(Value):
    """What a command would do, and exactly what its execution does.

    It is refused when the Record's generation has moved since it was made.
    """

    format: Literal[1] = 1
    verb: str
    endpoint: str
    target: str
    owner: str
    generation: int | None = None
    """The Record's generation when it was made; None when there was no Record."""
    standing: str = ""
    """`Record.standing` when it was made: who was in the midst of something then may have ended it."""
    outlook: Outlook = Outlook.CHANGES
    wish: Wish | None = None
    adopts: Adopts | None = None
    """What is taken over first; ``before`` and the steps begin from how it runs."""
    before: Before = Before(spec=None)
    """What to go back to when it fails."""
    continues: bool = False
    """Goes on with a roll-out that was begun before."""
    moved: bool = False
    """Of a roll-out that it goes on with: whether traffic had begun to move."""
    resumed: bool = False
    """Made by ``wait``: it only goes on with what is under way, and leaves it as it is when its time is out."""
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    exit_code: int = 0
    """Of a rejected revision: the recorded one."""

    @property
    def has_changes(self) -> bool:
        """Whether executing it would change anything."""
        return self.outlook is Outlook.CHANGES

    @property
    def downtime(self) -> bool:
        """Whether the endpoint does not answer for a while."""
        return any(change.effect is Effect.DOWNTIME for change in self.changes)

    def _repr_html_(self) -> str:
        """In a notebook."""
        rows = [
            (
                f"{change.sign} {change.what}",
                " -> ".join(filter(None, (change.before, change.after))) + f" {change.note}",
            )
            for change in self.changes
        ]
        return table(f"{self.endpoint} on {self.target}: {self.verb if self.has_changes else self.outlook}", rows)

    def count(self, kind: type[Value]) -> int:
        """How many steps of one kind it has."""
        return sum(isinstance(step, kind) for step in self.steps)
