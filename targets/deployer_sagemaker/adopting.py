"""Takes over an endpoint that somebody else made, and what another owner has: by tags alone, its instances run on.

The endpoint itself is marked last: as long as it is not, it is not taken over, and the same command goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from deployer.endpoint import Claim, Record, Traffic
from deployer.errors import Conflict
from deployer.target import Adoption
from deployer_sagemaker.calls import add_tags
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.facts import Facts
from deployer_sagemaker.foreign import adoption_of, identity_of, unadoptable
from deployer_sagemaker.making import Maker
from deployer_sagemaker.marks import Marks, Role, State, as_tags, read_marks, shares_text
from deployer_sagemaker.names import usable_name
from deployer_sagemaker.records import Records
from deployer_sagemaker.scaling import NAMESPACE
from deployer_sagemaker.survey import Surveyor

__all__ = ["Adopting"]


class Adopting:
    """Takes endpoints over.

    Args:
        aws: The connection.
        records: Where Records lie.
        surveyor: Looks at endpoints.
        held: The Record, if the claim holds it.
    """

    def __init__(self, aws: Aws, records: Records, surveyor: Surveyor, held: Callable[[str, Claim], Record]) -> None:
        self._aws = aws
        self._records = records
        self._surveyor = surveyor
        self._held = held

    def told_of(self, endpoint: str) -> Adoption | None:
        """As `deployer.target.Adoptable.adoptable`.

        Raises:
            Conflict: It cannot be taken over.
        """
        if not usable_name(endpoint):
            return None
        with told(f"look at {endpoint}", endpoint):
            described = self._endpoint(endpoint)
            if described is None or self._marks(described["EndpointArn"]) is not None:
                return None
            config, model = self._parts(described)
            why = unadoptable(described, config, model)
            if why is not None:
                raise Conflict(f"the endpoint {endpoint} cannot be taken over: {why}", where=endpoint)
            return adoption_of(described, config, model, self._bounds(endpoint, config))

    def adopt(self, record: Record, expected: str | None, identity: str | None) -> str:
        """As `deployer.target.Adoptable.adopt`."""
        name = record.endpoint
        described: Mapping[str, Any] | None = None
        if identity is not None:
            with told(f"look at {name}", name):
                described = self._endpoint(name)
            if described is None or identity_of(described) != identity:
                raise Conflict(
                    f"the endpoint {name} is another one by now, or is changed", where=name,
                    hint="look again: deployer import",
                )  # fmt: skip
        version = self._records.write(record, expected)
        claim = record.claim
        held = partial(self._held, name, claim) if claim is not None else lambda: record
        maker = Maker(self._aws, held)
        facts = self._surveyor.survey(name, record=(record, version))
        if described is not None and not (facts.main is not None and facts.configs):
            self._mark(maker, record, described)
        else:
            _hand_on(maker, partial(Marks, record.owner, record.endpoint, records=self._records.place), facts)
        return version

    # Looking.

    def _endpoint(self, name: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._aws.ask("sagemaker", "DescribeEndpoint", {"EndpointName": name})
        except Refused as refused:
            if refused.missing:
                return None
            raise
        return found

    def _marks(self, arn: str) -> Marks | None:
        return read_marks(self._surveyor.tags(arn) or {})

    def _parts(self, described: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Its configuration, and the model of its first variant."""
        asked = {"EndpointConfigName": described["EndpointConfigName"]}
        config: Mapping[str, Any] = self._aws.ask("sagemaker", "DescribeEndpointConfig", asked)
        name = (config.get("ProductionVariants") or [{}])[0].get("ModelName")
        model: Mapping[str, Any] = self._aws.ask("sagemaker", "DescribeModel", {"ModelName": name}) if name else {}
        return config, model

    def _bounds(self, endpoint: str, config: Mapping[str, Any]) -> tuple[int, int] | None:
        """Least and most of what scales its variant."""
        variant = config["ProductionVariants"][0]["VariantName"]
        asked = {"ServiceNamespace": NAMESPACE, "ResourceIds": [f"endpoint/{endpoint}/variant/{variant}"]}
        found = self._aws.all("application-autoscaling", "DescribeScalableTargets", "ScalableTargets", asked)
        return next(((int(each["MinCapacity"]), int(each["MaxCapacity"])) for each in found), None)

    # Marking.

    def _mark(self, maker: Maker, record: Record, described: Mapping[str, Any]) -> None:
        with told(f"take over {record.endpoint}", record.endpoint):
            config, model = self._parts(described)
        revision = record.traffic.served[0] if record.traffic else None
        self._records.keep_adopted(record.endpoint, [str(described["EndpointConfigName"])])
        given = partial(Marks, record.owner, record.endpoint, records=self._records.place)
        arns = (
            (str(model["ModelArn"]), given(Role.MODEL, revision)),
            (str(config["EndpointConfigArn"]), given(Role.CONFIG, revision, State.STAGED)),
            (str(described["EndpointArn"]), given(Role.ENDPOINT, traffic=_text(record))),
        )
        for arn, marks in arns:
            maker.make(add_tags(arn, as_tags(marks.tags())))


def _hand_on(maker: Maker, given: Callable[..., Marks], facts: Facts) -> None:
    """What carries our marks gets its new owner, the endpoint last."""
    for model in facts.models:
        maker.make(add_tags(model.arn, as_tags(given(Role.MODEL, model.revision).tags())))
    for config in facts.configs:
        role = Role.CONFIG if config.state is not None else Role.VERIFY
        revision = config.revisions[-1] if config.revisions else None
        maker.make(add_tags(config.arn, as_tags(given(role, revision, config.state).tags())))
    for endpoint in (facts.verify, facts.main):
        if endpoint is not None and endpoint.marks is not None:
            marks = endpoint.marks
            tags = given(marks.role, marks.revision, traffic=marks.traffic, asked=marks.asked).tags()
            maker.make(add_tags(endpoint.arn, as_tags(tags)))


def _text(record: Record) -> str | None:
    traffic: Traffic = record.traffic
    return shares_text(traffic) if traffic else None
