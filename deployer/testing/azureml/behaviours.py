"""What the double does, and how we know: documented, recorded, or guessed; a guess can be turned the other way.

*Documented* is what Microsoft's documents say, *recorded* what a real service answered (in a public issue, or in the
recordings that Microsoft publishes of azure-ai-ml's tests), *guessed* is neither. A client that is right must be so
with a guess either way.
"""

from __future__ import annotations

from collections.abc import Mapping

from deployer.testing.cloud.behaviours import Behaviour, Guesses

__all__ = ["BEHAVIOURS", "Behaviour", "guesses"]

_REC = "Azure/azure-sdk-assets, python/sdk/ml/azure-ai-ml/tests/recordings/online_services"
_LEARN = "learn.microsoft.com/azure/machine-learning/"
_REST = "Azure ML REST reference, "

BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        "async-operation",
        "a change is 201, 200 or 202 with Azure-AsyncOperation and Location; no Retry-After",
        "recorded",
        _REC,
    ),
    Behaviour(
        "operation-tells-the-error",
        "a failed operation answers 200 with status Failed and the error; the resource says Failed and no reason",
        "recorded",
        _REC + "; Azure/azureml-examples#3983",
    ),
    Behaviour(
        "operation-in-properties",
        "properties.properties.AzureAsyncOperationUri of a resource is its last operation, without a signature",
        "recorded",
        _REC,
    ),
    Behaviour("delete-of-nothing", "DELETE of what is not there is 204", "recorded", _REC),
    Behaviour(
        "put-replaces",
        "PUT is the whole resource: tags, description, traffic and mirror traffic that it lacks are gone",
        "documented",
        _REST + "Online Endpoints, Create Or Update",
    ),
    Behaviour(
        "patch-by-version",
        "PATCH of an endpoint takes tags, identity and sku; of 2022-02-01-preview also traffic",
        "recorded",
        _REST + "Online Endpoints, Update; azureml-mlflow 1.62.0.post6",
    ),
    Behaviour(
        "names",
        "an endpoint's and a deployment's name is 3 to 32 letters, digits, hyphens; it begins with a letter",
        "documented",
        _LEARN + "reference-yaml-endpoint-online",
    ),
    Behaviour(
        "traffic-sums",
        "traffic sums up to 0 or 100, of deployments that exist; mirror traffic is of one deployment, up to 50",
        "documented",
        _LEARN + "how-to-safely-rollout-online-endpoints",
    ),
    Behaviour(
        "mirror-has-no-live-traffic",
        "a deployment has live or mirror traffic, not both; Kubernetes endpoints have no mirror traffic",
        "documented",
        _LEARN + "how-to-safely-rollout-online-endpoints",
    ),
    Behaviour(
        "name-taken",
        "`There is already an endpoint with this name, Endpoint name needs to be unique within a region. ...`",
        "recorded",
        "Azure/azureml-examples#1931, Azure/mlops-project-template#29",
    ),
    Behaviour(
        "name-lingers",
        "a name whose endpoint is still being removed: 404 InferencingClientCallFailed `Not Found` at its creation",
        "recorded",
        "Azure/azure-cli-extensions#7660",
    ),
    Behaviour(
        "busy-endpoint-text",
        "`Cannot create a deployment in endpoint X because it is in Updating provisioning state.`",
        "recorded",
        "Azure/azure-sdk-for-net#36961 (the text; the status is a guess, `busy-is-conflict`)",
    ),
    Behaviour(
        "identity-immutable",
        "an endpoint's identity cannot be changed",
        "documented",
        _LEARN + "how-to-access-resources-from-endpoints-managed-identities",
    ),
    Behaviour(
        "delete-endpoint-deletes-deployments",
        "deleting an endpoint deletes its deployments",
        "documented",
        _LEARN + "how-to-deploy-online-endpoints",
    ),
    Behaviour(
        "scoring-uri-follows-route",
        "a deployment that succeeds makes its scoring route the path of the endpoint's scoring URI",
        "documented",
        _LEARN + "how-to-deploy-custom-container",
    ),
    Behaviour(
        "quota-text",
        "400 at the PUT: `Not enough quota available for ...`, with 20% of the instances more",
        "recorded",
        "MicrosoftLearning/mslearn-azure-ml#30, MicrosoftDocs/azure-docs#101942",
    ),
    Behaviour(
        "crash-text",
        "`User container has crashed or terminated: ...`, oe-tsg#error-resourcenotready",
        "recorded",
        "MicrosoftLearning/mslearn-azure-ml#100, Azure/mlops-v2#120",
    ),
    Behaviour(
        "log-layout",
        "getLogs: instance status, container events, then the container's output",
        "recorded",
        "Azure/azureml-examples#1595",
    ),
    Behaviour(
        "scoring-statuses",
        "401 403 404 408 424 429 502 503 of the scoring URI; 429 above twice the concurrency of all instances",
        "documented",
        _LEARN + "how-to-troubleshoot-online-endpoints, HTTP status codes",
    ),
    Behaviour(
        "environment-immutable",
        "image and routes of an environment's version cannot be changed",
        "documented",
        _LEARN + "how-to-manage-environments-v2",
    ),
    Behaviour(
        "blob-conditions",
        "If-Match, If-None-Match: 412 ConditionNotMet, 409 BlobAlreadyExists of `*` at a PUT, 304 at a GET",
        "documented",
        "Blob service REST API, conditional headers",
    ),
    Behaviour(
        "registry-login",
        "an Entra token is exchanged at /oauth2/exchange for a refresh token, that at /oauth2/token for one of a scope",
        "documented",
        "Azure/acr docs/AAD-OAuth.md",
    ),
    Behaviour(
        "registry-without-rights",
        "a registry token leaves out what no role allows: the push is `unauthorized: authentication required, ...`",
        "recorded",
        "learn.microsoft.com/troubleshoot/azure/azure-container-registry/authentication-required",
    ),
    Behaviour(
        "operation-canceled",
        "an operation that another one with higher priority ends is Failed with OperationCanceled",
        "documented",
        _LEARN + "how-to-troubleshoot-online-endpoints",
    ),
    Behaviour(
        "busy-is-conflict",
        "a change of what is being changed is 409",
        "guessed",
        "otherwise 400 UserError",
    ),
    Behaviour(
        "delete-with-traffic",
        "a deployment that has traffic can be deleted",
        "guessed",
        "otherwise 400 UserError",
        default=False,
    ),
    Behaviour(
        "delete-deployment-in-progress",
        "DELETE of a deployment that is being created ends its operation as canceled",
        "guessed",
        "otherwise refused as busy",
    ),
    Behaviour(
        "traffic-to-failed",
        "traffic can be given to a deployment that has not succeeded",
        "guessed",
        "otherwise 400 UserError",
        default=False,
    ),
    Behaviour(
        "traffic-while-deploying",
        "an endpoint's traffic can be changed while one of its deployments is being changed",
        "guessed",
        "otherwise refused as busy",
    ),
    Behaviour(
        "failed-update-keeps-serving",
        "of a deployment whose update fails the old instances serve on, though it is Failed",
        "guessed",
        "otherwise nothing of it serves",
    ),
    Behaviour(
        "auth-mode-immutable",
        "an endpoint's authMode cannot be changed",
        "guessed",
        "otherwise it is changed",
    ),
    Behaviour(
        "unsigned-operation",
        "an operation's status can be asked for without the signature of its URL",
        "guessed",
        "otherwise 403",
    ),
    Behaviour(
        "created-as-updating",
        "the first answer of a deployment's creation says Updating",
        "guessed",
        "recorded of one api-version; otherwise Creating",
        default=False,
    ),
    Behaviour(
        "keys-of-other-modes",
        "listKeys answers for an endpoint of another authMode than Key",
        "guessed",
        "otherwise 400 UserError",
        default=False,
    ),
    Behaviour(
        "regenerated-key-is-given",
        "keyValue of regenerateKeys is the new key",
        "guessed",
        "documented so, but azure-ai-ml sends the present key there and is said to work; otherwise it is passed over",
        default=False,
    ),
    Behaviour(
        "deployment-header-picks-failed",
        "azureml-model-deployment may name a deployment that is Failed but still runs",
        "guessed",
        "otherwise 404",
    ),
    Behaviour(
        "unroutable-is-404",
        "an endpoint with no traffic answers 404 and a text",
        "guessed",
        "documented for no deployment with traffic; otherwise 503 while one is there",
    ),
)
"""All that has a name. What has none is told where it is done."""


def guesses(changed: Mapping[str, bool]) -> Guesses:
    """Which way each guess goes; as it is told above, where nothing else is said."""
    return Guesses(BEHAVIOURS, changed)
