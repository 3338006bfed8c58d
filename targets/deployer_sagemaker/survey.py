"""Asks AWS for all that there is of an endpoint, by names; whose a thing is, its tags tell.

What cannot change (what a configuration is made of, a model with its marks) is asked for once in a process. What one
call made another may not see for a while, so that a thing which is listed and not described, or the other way, is
passed over until it is.

While AWS is at work on an endpoint, for minutes, it is looked at often: as long as neither the endpoint nor its Record
changes, and we send no change, the rest is as it was a moment ago, and is not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from deployer.endpoint import Record
from deployer.errors import TargetUnavailable
from deployer.target.steady import Steady
from deployer_sagemaker.client import CHANGES, Aws, told
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.facts import (
    SETTLED,
    ConfigFact,
    EndpointFact,
    Facts,
    ModelFact,
    ScalerFact,
    read_config_fact,
    read_endpoint,
)
from deployer_sagemaker.marks import Role, read_marks, tags_of
from deployer_sagemaker.names import config_prefix, revisions_of, usable_name, verify_name
from deployer_sagemaker.records import Records
from deployer_sagemaker.scaling import NAMESPACE, identified

__all__ = ["Surveyor"]

_PAGE = 100
"""Things of a page of a listing; the most that AWS takes."""
_THREADS = 6
_ENDPOINT_OF = re.compile(r"(?P<endpoint>[a-z0-9]+(-[a-z0-9]+)*)--[a-z0-9-]+")


@dataclass(frozen=True)
class _Glimpse:
    """What tells that something happens.

    Attributes:
        described: DescribeEndpoint's answers, of the endpoint and of the one that verifies; None for none.
        record: The Record, and why there is none that can be read.
    """

    described: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]
    record: tuple[Record | None, str]

    @property
    def underway(self) -> bool:
        """Whether AWS is at work on one of them."""
        return any(each is not None and each["EndpointStatus"] not in SETTLED for each in self.described)


class Surveyor:
    """Looks at endpoints.

    Args:
        aws: The connection.
        records: Where their Records lie.
        target: The named target, for `Facts`.
    """

    def __init__(self, aws: Aws, records: Records, target: str) -> None:
        self._aws = aws
        self._records = records
        self._target = target
        self._configs: dict[tuple[str, float], Mapping[str, Any]] = {}
        self._models: dict[tuple[str, float], ModelFact | None] = {}
        self._steady: Steady[_Glimpse, Facts] = Steady()

    def survey(self, endpoint: str, *, record: tuple[Record, str] | None = None) -> Facts:
        """All that there is.

        Args:
            endpoint: Its name.
            record: Its Record, where it was read just now.
        """
        with told(f"look at {endpoint}", endpoint), ThreadPoolExecutor(_THREADS) as pool:
            look = CHANGES.look()
            main = pool.submit(self._described, endpoint)
            verify = pool.submit(self._described, verify_name(endpoint))
            stored = pool.submit(lambda: self._record(endpoint) if record is None else (record[0], ""))

            def glimpse() -> _Glimpse:
                return _Glimpse((main.result(), verify.result()), stored.result())

            # The glimpse alone is waited for only where there is one to compare it with.
            if endpoint in self._steady and (steady := self._steady.again(endpoint, look, glimpse())) is not None:
                return replace(steady, now=self._aws.now())
            verifying = pool.submit(lambda: self._marked(verify.result()))
            configs = pool.submit(lambda: [*self._listed_configs(endpoint)])
            models = pool.submit(lambda: [*self._listed_models(endpoint)])
            adopted = pool.submit(self._records.adopted, endpoint)
            seen, checked = self._marked(main.result()), verifying.result()
            scaler = self._scaler(endpoint) if seen is not None and seen.ours else None
            found = {each.name: each for each in configs.result()}
            for each in (seen, checked):
                self._add_unnamed(each, found)
            for name in adopted.result():
                if name not in found and (config := self.config(name)) is not None:
                    found[name] = config
            now = glimpse()
            kept, trouble = now.record
            facts = Facts(
                name=endpoint,
                target=self._target,
                owner=_owner(kept, (seen, checked)),
                endpoint=seen,
                verify=checked,
                configs=tuple(found.values()),
                models=(*models.result(), *self._unnamed_models(found.values(), endpoint)),
                record=kept,
                record_trouble=trouble,
                scaler=scaler,
                url=self.url(endpoint),
                common=frozenset(self._aws.options.tags),
                now=self._aws.now(),
            )
            whole = (seen is None, checked is None) == tuple(each is None for each in now.described)
            return self._steady.keep(endpoint, look, now, facts, underway=whole and now.underway)

    def glance(self, endpoint: str) -> Facts:
        """As much as it takes to send a request: the endpoint and its Record; all that there is where it is gone."""
        with told(f"look at {endpoint}", endpoint), ThreadPoolExecutor(_THREADS) as pool:
            stored = pool.submit(self._record, endpoint)
            seen = self.endpoint(endpoint)
            record, trouble = stored.result()
            if seen is None:
                return self.survey(endpoint)
            found: dict[str, ConfigFact] = {}
            if not revisions_of(seen.config, endpoint):
                self._add_unnamed(seen, found)
            return Facts(
                name=endpoint, target=self._target, endpoint=seen, configs=tuple(found.values()), record=record,
                record_trouble=trouble,
            )  # fmt: skip

    def endpoint(self, name: str) -> EndpointFact | None:
        """One endpoint, whoever made it; None when there is none.

        Raises:
            Refused: AWS answers with another error.
        """
        return self._marked(self._described(name))

    def _described(self, name: str) -> Mapping[str, Any] | None:
        try:
            answer = self._aws.ask("sagemaker", "DescribeEndpoint", {"EndpointName": name})
        except Refused as refused:
            if refused.missing:
                return None
            raise
        return {word: value for word, value in answer.items() if word != "ResponseMetadata"}

    def _marked(self, described: Mapping[str, Any] | None) -> EndpointFact | None:
        if described is None:
            return None
        # One that is just made, or is going, may have no tags (yet, any more): a look later there are some.
        tags = self.tags(str(described["EndpointArn"]))
        return read_endpoint(described, tags) if tags is not None else None

    def tags(self, arn: str) -> dict[str, str] | None:
        """Of a thing; None when there is no such thing.

        Raises:
            Refused: AWS answers with another error.
        """
        try:
            return tags_of(self._aws.all("sagemaker", "ListTags", "Tags", {"ResourceArn": arn}))
        except Refused as refused:
            if refused.missing:
                return None
            raise

    def url(self, endpoint: str) -> str:
        """Where requests go."""
        base = str(self._aws.client("sagemaker-runtime").meta.endpoint_url).rstrip("/")
        return f"{base}/endpoints/{endpoint}/invocations"

    def names(self) -> tuple[frozenset[str], tuple[EndpointFact, ...]]:
        """Names of endpoints that are ours or of which something is left, and the others', as a listing tells them."""
        with told("list endpoints"):
            listed = [*self._aws.all("sagemaker", "ListEndpoints", "Endpoints", {"MaxResults": _PAGE})]
            left = {name for _, name in self.left()}
            with ThreadPoolExecutor(_THREADS) as pool:
                marked = [*zip(listed, pool.map(lambda each: self.tags(each["EndpointArn"]), listed), strict=True)]
        ours, others = {*self._records.names(), *left}, []
        for each, tags in marked:
            marks = read_marks(tags or {})
            if marks is not None:
                ours.add(marks.endpoint)
            elif tags is not None and usable_name(str(each["EndpointName"])):
                others.append(read_endpoint(each, tags))
        names = frozenset(each for each in ours if usable_name(each))
        return names, tuple(each for each in others if each.name not in names)

    def left(self, endpoint: str | None = None) -> Iterator[tuple[str, str]]:
        """Configurations and models whose names are as ours, each as (its name, its endpoint's).

        Args:
            endpoint: Only of this one.

        Raises:
            Refused: AWS answers with an error.
        """
        contains = config_prefix(endpoint) if endpoint is not None else "--"
        request = {"NameContains": contains, "MaxResults": _PAGE}
        for operation, key, name in (
            ("ListEndpointConfigs", "EndpointConfigs", "EndpointConfigName"),
            ("ListModels", "Models", "ModelName"),
        ):
            for each in self._aws.all("sagemaker", operation, key, request):
                found = _ENDPOINT_OF.fullmatch(str(each[name]))
                if found is not None and endpoint in (None, found["endpoint"]):
                    yield str(each[name]), found["endpoint"]

    # Parts.

    def _record(self, endpoint: str) -> tuple[Record | None, str]:
        try:
            found = self._records.read(endpoint)
        except TargetUnavailable as error:
            if error.transient:
                raise
            return None, str(error)
        return (found[0] if found is not None else None), ""

    def _listed(self, operation: str, key: str, name: str, endpoint: str) -> list[Mapping[str, Any]]:
        request = {"NameContains": config_prefix(endpoint), "MaxResults": _PAGE}
        listed = self._aws.all("sagemaker", operation, key, request)
        return [each for each in listed if str(each[name]).startswith(config_prefix(endpoint))]

    def _listed_configs(self, endpoint: str) -> Iterator[ConfigFact]:
        for each in self._listed("ListEndpointConfigs", "EndpointConfigs", "EndpointConfigName", endpoint):
            found = self.config(str(each["EndpointConfigName"]), _created(each))
            if found is not None:
                yield found

    def config(self, name: str, created: float | None = None) -> ConfigFact | None:
        """A configuration of ours; None when there is none, or another's.

        Args:
            name: Its name.
            created: When it was made, so that it need not be asked for again what it is made of.

        Raises:
            Refused: AWS answers with an error.
        """
        described = self._configs.get((name, created)) if created is not None else None
        if described is None:
            try:
                described = self._aws.ask("sagemaker", "DescribeEndpointConfig", {"EndpointConfigName": name})
            except Refused as refused:
                if refused.missing:
                    return None
                raise
            self._configs[name, _created(described)] = described
        tags = self.tags(str(described["EndpointConfigArn"]))
        return read_config_fact(described, tags) if tags is not None else None

    def _add_unnamed(self, seen: EndpointFact | None, found: dict[str, ConfigFact]) -> None:
        """A configuration that has another's name, since it was taken over, or that is not listed yet."""
        if seen is None or not seen.ours:
            return
        for name in filter(None, (seen.config, seen.pending)):
            if name not in found and (config := self.config(name)) is not None:
                found[name] = config

    def _unnamed_models(self, configs: Iterable[ConfigFact], endpoint: str) -> Iterator[ModelFact]:
        """Models of configurations that were taken over."""
        names = {model for each in configs for model in each.models if not model.startswith(config_prefix(endpoint))}
        for name in sorted(filter(None, names)):
            arn = self._aws.arn("sagemaker", f"model/{name.lower()}")
            marks = read_marks(self.tags(arn) or {})
            if marks is not None and marks.endpoint == endpoint and marks.revision is not None:
                yield ModelFact(name, arn, 0.0, marks.revision, marks.records)

    def _listed_models(self, endpoint: str) -> Iterator[ModelFact]:
        for each in self._listed("ListModels", "Models", "ModelName", endpoint):
            known = (str(each["ModelName"]), _created(each))
            if known not in self._models:
                tags = self.tags(str(each["ModelArn"]))
                if not tags:  # it is going, or just made and its tags are not shown yet
                    continue
                self._models[known] = _model(each, tags)
            if (fact := self._models[known]) is not None:
                yield fact

    def _scaler(self, endpoint: str) -> ScalerFact | None:
        asked = {"ServiceNamespace": NAMESPACE, "ResourceIds": [identified(endpoint)["ResourceId"]]}
        for each in self._aws.all("application-autoscaling", "DescribeScalableTargets", "ScalableTargets", asked):
            return ScalerFact(int(each["MinCapacity"]), int(each["MaxCapacity"]))
        return None


def _created(described: Mapping[str, Any]) -> float:
    return float(described["CreationTime"].timestamp())


def _model(listed: Mapping[str, Any], tags: Mapping[str, str]) -> ModelFact | None:
    marks = read_marks(tags)
    if marks is None or marks.role is not Role.MODEL or marks.revision is None:
        return None
    about = str(listed["ModelName"]), str(listed["ModelArn"]), _created(listed)
    return ModelFact(*about, marks.revision, marks.records)


def _owner(record: Record | None, endpoints: Sequence[EndpointFact | None]) -> str | None:
    if record is not None:
        return record.owner
    return next((each.marks.owner for each in endpoints if each is not None and each.marks is not None), None)
