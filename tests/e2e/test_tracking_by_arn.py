"""Models on a tracking server of SageMaker, named by its ARN: AWS's plug-in for MLflow signs what is asked of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.session
import pytest
import requests

from tests.e2e.commandline import deployer
from tests.e2e.kept import folder_with
from tests.plugins.tracking import Registry

pytestmark = [pytest.mark.index, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("mlflow-server")]

BUCKET = "team-artifacts"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"


class _Door(BaseHTTPRequestHandler):
    """Lets through what is signed for the ARN's server, as AWS's front does."""

    behind = ""
    refused: list[str] = []  # noqa: RUF012 - of each fixture's own class

    def _through(self) -> None:
        signed = self.headers.get("Authorization", "")
        named = self.headers.get("x-mlflow-sm-tracking-server-arn")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not (signed.startswith("AWS4-HMAC-SHA256 Credential=DOUBLE/") and "/eu-west-1/sagemaker-mlflow/" in signed):
            self.refused.append(self.path)
            self._answer(403, b'{"error_code": "PERMISSION_DENIED", "message": "not signed"}')
            return
        assert named == ARN
        kept = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "authorization")}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(self.command, f"{self.behind}{self.path}", data=body, headers=kept, timeout=60)
        # There, artifacts lie in S3, and the client reads them itself.
        told = answer.content.replace(b"mlflow-artifacts:/", f"s3://{BUCKET}/".encode())
        self._answer(answer.status_code, told, answer.headers.get("Content-Type", "application/json"))

    def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _through  # noqa: N815 - of the protocol

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def store(registry: Registry) -> Iterator[dict[str, str]]:
    """S3, with the artifacts of the server."""
    pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")
    from deployer.testing.sagemaker import Double, InProcess, Options

    with Double(Options(containers=InProcess({}), region="eu-west-1")) as double:
        secret = {"aws_access_key_id": "double", "aws_secret_access_key": "double"}
        s3 = botocore.session.get_session().create_client("s3", "eu-west-1", endpoint_url=double.url, **secret)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        folder = registry.server.folder / "artifacts"
        for each in folder.rglob("*"):
            if each.is_file():
                s3.put_object(Bucket=BUCKET, Key=str(each.relative_to(folder)), Body=each.read_bytes())
        yield {"MLFLOW_S3_ENDPOINT_URL": double.url, "AWS_DEFAULT_REGION": "eu-west-1"}


@pytest.fixture
def asked(registry: Registry, store: dict[str, str]) -> Iterator[dict[str, str]]:
    """What a command needs to reach the server by its ARN, but for the plug-in."""
    door = type("Door", (_Door,), {"behind": registry.url, "refused": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield {
        "MLFLOW_TRACKING_URI": ARN, "NO_PROXY": "127.0.0.1,localhost", "AWS_ACCESS_KEY_ID": "DOUBLE",
        "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        **store, "AWS_SECRET_ACCESS_KEY": "double", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def plugin(uv_cache: Path) -> Path:
    """A folder with the plug-in: where it is installed, MLflow asks every server its way."""
    return folder_with("sagemaker-mlflow==0.5.0", uv_cache=uv_cache)


def test_a_model_on_a_server_that_is_named_by_its_arn(asked: dict[str, str], plugin: Path) -> None:
    done = deployer("check", "models:/iris/1", "-o", "json", env={**asked, "PYTHONPATH": str(plugin)})
    assert done.code == 0, done.err
    stranger = {**asked, "PYTHONPATH": str(plugin), "AWS_ACCESS_KEY_ID": "STRANGER"}
    refused = deployer("check", "models:/iris/1", env=stranger)
    assert (refused.code, "does not let this user read the model" in refused.err) == (7, True), refused.err


def test_without_the_plug_in_the_error_says_what_to_install(asked: dict[str, str]) -> None:
    done = deployer("check", "models:/iris/1", env=asked)
    assert done.code == 2
    assert "pip install 'mlflow-deployer[sagemaker-mlflow]'" in done.err
