"""What the double does, and how we know: documented, recorded, or guessed; a guess can be turned the other way.

*Documented* is what AWS's documents say, *recorded* what a real service answered (in a public issue, or in the service
model that AWS ships in botocore), *guessed* is neither. A client that is right must be so with a guess either way.
"""

from __future__ import annotations

from collections.abc import Mapping

from deployer.testing.cloud.behaviours import Behaviour, Guesses

__all__ = ["BEHAVIOURS", "Behaviour", "guesses"]


_DEVELOPER = "SageMaker Developer Guide, "
_SHAPE = "botocore service model, "

BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        "container-contract",
        "`docker run IMAGE serve`, port 8080, /ping within 2 s, SIGTERM and after 30 s SIGKILL",
        "documented",
        _DEVELOPER + "your-algorithms-inference-code",
    ),
    Behaviour("nine-states", "EndpointStatus has nine values", "documented", "API reference, DescribeEndpoint"),
    Behaviour(
        "failed-only-deleted",
        "an endpoint that is Failed can only be deleted",
        "documented",
        "API reference, DescribeEndpoint",
    ),
    Behaviour(
        "update-replaces-fleet",
        "UpdateEndpoint starts the whole new fleet beside the old one, then removes the old one",
        "documented",
        "API reference, UpdateEndpoint; " + _DEVELOPER + "deployment-guardrails",
    ),
    Behaviour(
        "silent-rollback",
        "a failed update ends as InService with the old configuration and a FailureReason",
        "recorded",
        "hashicorp/terraform-provider-aws#39099",
    ),
    Behaviour(
        "not-found-is-validation",
        "what is not there is a ValidationException that begins with `Could not find`",
        "recorded",
        "hashicorp/terraform-provider-aws#40048",
    ),
    Behaviour(
        "already-existing",
        "a second creation is a ValidationException `Cannot create already existing ...`",
        "recorded",
        "aws/sagemaker-python-sdk#101, awslabs/spot-tagging-bot-for-digital-assets#2",
    ),
    Behaviour(
        "ping-failure-text",
        "`The primary container for production variant V did not pass the ping health check. ...`",
        "recorded",
        "aws/sagemaker-python-sdk#155, aws/sagemaker-scikit-learn-container#82",
    ),
    Behaviour(
        "cannot-start-text",
        "`CannotStartContainerError. Please ensure the model container for variant V starts correctly ...`",
        "recorded",
        "aws-samples/comfyui-on-amazon-sagemaker#2",
    ),
    Behaviour(
        "model-data-text",
        '`Failed to download model data for container "container_1" from URL: ...`',
        "recorded",
        "aws-solutions-library-samples/fraud-detection-using-machine-learning#9",
    ),
    Behaviour(
        "images-text",
        "`Please make sure all images included in the model for the production variant V exist, ...`",
        "recorded",
        "aws/amazon-sagemaker-examples#275, yuyasugano/terraform-sagemaker-sample-1#1",
    ),
    Behaviour(
        "quota-text",
        "ResourceLimitExceeded at CreateEndpoint: `The account-level service limit 'T for endpoint usage' is N ...`",
        "recorded",
        "aws/amazon-sagemaker-examples#307",
    ),
    Behaviour(
        "manifest-type",
        "CreateModel refuses an OCI index and an OCI manifest: `Unsupported manifest media type ...`",
        "recorded",
        "mlflow/mlflow#13834, aws/amazon-sagemaker-feedback#180",
    ),
    Behaviour(
        "role-text",
        "`Could not assume role R. Please ensure that the role exists and allows principal ...`",
        "recorded",
        "aws-samples/predictive-maintenance-using-machine-learning#3",
    ),
    Behaviour(
        "throttled",
        "ThrottlingException, HTTP 400, `Rate exceeded`",
        "recorded",
        "aws/sagemaker-python-sdk#645",
    ),
    Behaviour(
        "same-variants",
        "guardrails need the same variant names in the old and the new configuration",
        "documented",
        _DEVELOPER + "deployment-guardrails-exclusions",
    ),
    Behaviour("runtime-errors", "codes and HTTP statuses of the runtime's errors", "recorded", _SHAPE + "runtime"),
    Behaviour(
        "rolling-back-in-updates",
        "an update that fails shows RollingBack while the new fleet is removed",
        "guessed",
        "documented for changes of weight and capacity alone; otherwise it stays Updating",
        default=False,
    ),
    Behaviour(
        "variants-while-creating",
        "DescribeEndpoint tells ProductionVariants while the endpoint is Creating",
        "guessed",
        "otherwise only PendingDeploymentSummary does",
        default=False,
    ),
    Behaviour(
        "delete-in-progress",
        "DeleteEndpoint is accepted while the endpoint is created or updated",
        "guessed",
        "otherwise refused as `Cannot update in-progress endpoint` (told of Creating: amazon-sagemaker-examples#3432)",
        default=False,
    ),
    Behaviour(
        "delete-config-in-use",
        "DeleteEndpointConfig and DeleteModel succeed though an endpoint uses them",
        "guessed",
        "documented as what one must not do; otherwise refused",
    ),
    Behaviour(
        "unknown-fields-refused",
        "a field that the service model does not have is a ValidationException",
        "guessed",
        "otherwise it is passed over",
    ),
    Behaviour(
        "stops-answering-at-delete",
        "an endpoint that is Deleting is not found by InvokeEndpoint",
        "guessed",
        "otherwise it answers until its containers end",
    ),
    Behaviour(
        "quota-counts-old-fleet",
        "UpdateEndpoint is refused when old and new fleet together exceed the quota",
        "guessed",
        "otherwise it is accepted, and fails as for lack of capacity",
    ),
    Behaviour(
        "delete-deregisters",
        "DeleteEndpoint deregisters the scalable targets of its variants",
        "guessed",
        "otherwise they stay",
        default=False,
    ),
    Behaviour(
        "cold-start-refused",
        "a serverless endpoint's first invocation after a pause is a ModelNotReadyException",
        "guessed",
        "otherwise it waits",
        default=False,
    ),
    Behaviour(
        "image-checked-at-create-model",
        "CreateModel refuses an image that is not in the repository",
        "guessed",
        "otherwise the deployment fails with the text of `images-text`",
    ),
    Behaviour(
        "model-data-checked-at-create-model",
        "CreateModel refuses model data that is not in S3",
        "guessed",
        "otherwise the deployment fails with the text of `model-data-text`",
    ),
    Behaviour(
        "architecture-checked-at-create-model",
        "CreateModel refuses an image of another architecture than linux/amd64 or linux/arm64",
        "guessed",
        "otherwise the container does not start (`exec format error`)",
        default=False,
    ),
    Behaviour(
        "alarm-before-deployment",
        "an alarm in ALARM before the deployment begins makes UpdateEndpoint fail and roll back at once",
        "guessed",
        "otherwise only an alarm while it bakes does",
    ),
    Behaviour(
        "percentiles",
        "GetMetricData has p0 to p100 of the values as they were written, and none where one of them is negative",
        "documented",
        "CloudWatch API reference, GetMetricStatistics and MetricStat",
    ),
    Behaviour(
        "percentile-is-a-value",
        "a percentile is one of the values: the smallest that so many are not above",
        "guessed",
        "otherwise it lies between the two nearest, by their distance",
    ),
    Behaviour(
        "async-seconds",
        "InvocationTimeoutSeconds is 1 to 3600, RequestTTLSeconds 60 to 21600, of InvokeEndpointAsync",
        "recorded",
        _SHAPE + "runtime",
    ),
    Behaviour(
        "inconsistent-means-not-found",
        "what another call does not see yet is answered as not found",
        "documented",
        "API reference, CreateEndpoint: eventual consistency",
    ),
)
"""All that has a name. What has none is told where it is done."""


def guesses(changed: Mapping[str, bool]) -> Guesses:
    """Which way each guess goes; as it is told above, where nothing else is said."""
    return Guesses(BEHAVIOURS, changed)
