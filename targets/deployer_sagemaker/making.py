"""Makes the calls that are due: each is announced, what is no failure is passed over, the rest told in our words."""

from __future__ import annotations

import re
from collections.abc import Callable

from deployer.errors import Conflict, TargetUnavailable
from deployer_sagemaker.calls import Call
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.marks import Marks, read_marks, tags_of

__all__ = ["Maker", "words_of"]

_VERBS = {
    "Create": "make", "Update": "change", "Delete": "remove", "Add": "set", "Register": "set", "Put": "set",
    "Deregister": "remove",
}  # fmt: skip
_NAMES = ("EndpointConfigName", "ModelName", "EndpointName", "ResourceId", "ResourceArn", "logGroupName")
"""Of a request's parameters those that name the thing; a configuration's own before its endpoint's."""
_KINDS = {"CreateEndpoint": "endpoint", "CreateEndpointConfig": "endpoint-config", "CreateModel": "model"}


def words_of(call: Call) -> tuple[str, str]:
    """What a call does, for people, and the thing's name: ``make the endpoint config iris--...``."""
    verb, *rest = re.findall(r"[A-Z][a-z]+", call.operation)
    keys = ("EndpointName",) if call.operation in ("CreateEndpoint", "UpdateEndpoint") else _NAMES
    name = next((str(call.request[key]) for key in keys if key in call.request), "").rpartition(":")[2]
    return f"{_VERBS.get(verb, verb.lower())} the {' '.join(rest).lower()} {'of ' * (verb == 'Add')}{name}", name


class Maker:
    """Makes calls in the name of a claim.

    Args:
        aws: The connection.
        held: Raises ClaimLost unless the claim holds; called before each call.
    """

    def __init__(self, aws: Aws, held: Callable[[], object]) -> None:
        self._aws = aws
        self._held = held

    def make(self, call: Call) -> bool:
        """Make one; False when AWS is busy with the thing, so that it has to be made again.

        Raises:
            ClaimLost: Another writer has the endpoint; nothing was changed.
            Conflict: Something of that name is there that is not ours.
        """
        self._held()
        doing, name = words_of(call)
        with told(doing, name):
            try:
                self._aws.ask(call.service, call.operation, call.request)
            except Refused as refused:
                if refused.busy and "busy" in call.fine:
                    return False
                if refused.there and "there" in call.fine:
                    self._check_ours(call, name)
                elif "gone" not in call.fine or not (
                    refused.missing or _is_no_scaler(refused) or (refused.denied and self._is_gone(call, name))
                ):
                    raise
        return True

    def _is_gone(self, call: Call, name: str) -> bool:
        """A right that hangs on a thing's tags is none for what is gone: AWS denies its deletion instead."""
        kind = _KINDS.get(call.operation.replace("Delete", "Create"))
        if kind is None:
            return False
        try:
            [*self._aws.all("sagemaker", "ListTags", "Tags", {"ResourceArn": self._arn(kind, name)})]
        except Refused as refused:
            return refused.missing
        return False

    def _arn(self, kind: str, name: str) -> str:
        return self._aws.arn("sagemaker", f"{kind}/{name.lower()}")

    def _check_ours(self, call: Call, name: str) -> None:
        """An equal name is an equal thing, if it is ours; what another call does not see yet is asked for again."""
        wished = read_marks(tags_of(call.request.get("Tags") or ()))
        arn = self._arn(_KINDS[call.operation], name)
        try:
            found = read_marks(tags_of(self._aws.all("sagemaker", "ListTags", "Tags", {"ResourceArn": arn})))
        except Refused as refused:
            if not refused.missing:
                raise
            raise TargetUnavailable(
                f"AWS has {name} already, and does not tell of it yet", transient=True, where=name
            ) from refused
        if found is None or wished is None or not _are_alike(found, wished):
            raise Conflict(
                f"there is a {_KINDS[call.operation].replace('-', ' ')} {name} that deployer did not make",
                where=name, hint="take another name, or remove it",
            )  # fmt: skip


def _are_alike(one: Marks, other: Marks) -> bool:
    return (one.endpoint, one.role, one.revision) == (other.endpoint, other.role, other.revision)


def _is_no_scaler(refused: Refused) -> bool:
    """Application Auto Scaling's word for what is not registered (any more)."""
    return refused.code == "ObjectNotFoundException"
