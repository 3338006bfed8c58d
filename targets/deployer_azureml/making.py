"""Makes the calls that are due: each looks right before, what is no failure is passed over, the rest is in our words.

Azure's PUT and DELETE have no condition. So the claim is read again, and the thing itself: nothing is made over, or
removed, that is somebody else's, or that is another by now than what the call was made of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from deployer.errors import Conflict
from deployer_azureml.calls import Call
from deployer_azureml.client import Azure, told
from deployer_azureml.documents import read_deployment, read_endpoint
from deployer_azureml.errors import Refused, refused_of
from deployer_azureml.marks import Marks, read_marks

__all__ = ["Maker", "address_of", "words_of"]

_VERBS = {"Put": "write", "Scale": "scale", "Tag": "mark", "Delete": "remove"}
_KINDS = {"Autoscale": "autoscale setting"}
_BASES: dict[str, Callable[[Any], Any]] = {"Endpoint": read_endpoint, "Deployment": read_deployment}
_KEPT = frozenset({400, 405, 409})
"""Statuses of what Azure does not remove, since something needs it still."""


def words_of(call: Call) -> tuple[str, str]:
    """What a call does, for people, and the thing's name: ``remove the deployment r1a2b3c4``."""
    verb = re.findall(r"[A-Z][a-z]+", call.operation)[0]
    name = call.path.rpartition("/")[2]
    word = "make" if verb == "Put" and not call.basis else _VERBS[verb]
    return f"{word} the {_KINDS.get(call.thing, call.thing.lower())} {name}", name


def address_of(call: Call, azure: Azure) -> str:
    """Of the thing, as the manager has it."""
    return f"{azure.group if call.thing == 'Autoscale' else azure.workspace}/{call.path}"


class Maker:
    """Makes calls in the name of a claim.

    Args:
        azure: The connection.
        held: Raises ClaimLost unless the claim holds; called before each call.
        sign: Told where the operation that a call has begun may be asked for.
    """

    def __init__(self, azure: Azure, held: Callable[[], object], sign: Callable[[str], None]) -> None:
        self._azure = azure
        self._held = held
        self._sign = sign

    def make(self, call: Call) -> bool:
        """Make one; False when it was not made, since Azure is busy with the thing, or that is another by now.

        Raises:
            ClaimLost: Another writer has the endpoint; nothing was changed.
            Conflict: Something of that name is there that is not ours.
        """
        doing, name = words_of(call)
        with told(doing, name):
            if (made := self._is_made(call, name)) is not None:
                return made
            self._held()
            try:
                self._send(call)
            except Refused as refused:
                if ("busy" in call.fine and refused.busy) or ("lingers" in call.fine and refused.missing):
                    return False
                kept = "kept" in call.fine and refused.status in _KEPT
                if not kept and not ("gone" in call.fine and refused.missing):
                    raise
        return True

    def _is_made(self, call: Call, name: str) -> bool | None:
        """Whether there is nothing to do, or (False) nothing that may be done; None: it is to be made."""
        found = self._azure.get(address_of(call, self._azure))
        if found is None:
            if "gone" in call.fine:
                return True
            return False if call.basis else None
        if call.operation == "DeleteEndpoint" and self._has_others(call.path):
            return False  # it would go with it; who looks is told
        theirs, wished = _marks(found), _marks(call.body or {})
        if call.basis:  # the thing as it was looked at, whosever it was then
            return None if _BASES[call.thing](found).basis == call.basis else False
        if theirs is None or (wished is not None and not _are_alike(theirs, wished)):
            kind = _KINDS.get(call.thing, call.thing.lower())
            raise Conflict(
                f"there is {'an' if kind[0] in 'aeiou' else 'a'} {kind} {name} that deployer did not make; it is left "
                "as it is", where=name, hint="take another name, or remove it",
            )  # fmt: skip
        return True if "there" in call.fine else None

    def _has_others(self, endpoint: str) -> bool:
        """Whether somebody else has a deployment in it by now."""
        return any(_marks(each) is None for each in self._azure.all(f"{endpoint}/deployments"))

    def _send(self, call: Call) -> None:
        path = address_of(call, self._azure)
        answer = self._azure.send_to_manager(call.method, path, call.body)
        if not answer.good:
            raise refused_of(answer.status, answer.body, f"{call.method} {call.path}")
        if "azure-asyncoperation" in answer.headers:
            self._sign(answer.headers["azure-asyncoperation"])


def _marks(document: Mapping[str, Any]) -> Marks | None:
    """Of a document; those of an asset's version are among its properties."""
    inner: Mapping[str, Any] = document.get("properties") or {}
    return read_marks({**(document.get("tags") or {}), **(inner.get("tags") or {})})


def _are_alike(one: Marks, other: Marks) -> bool:
    return (one.endpoint, one.role, one.revision) == (other.endpoint, other.role, other.revision)
