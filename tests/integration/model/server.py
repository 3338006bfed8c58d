"""A real MLflow tracking server on loopback, from an environment of its own that is made once and kept."""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from uv import find_uv_bin

USER, PASSWORD = "admin", "correct-horse-battery"
VERSION = metadata.version("mlflow-skinny")  # asked without importing it, which takes two seconds
_START_SECONDS = 240.0


def environment(uv_cache: Path) -> Path:
    """The Python of an environment with all of MLflow, in the version of the client; made on first use.

    It lies under ``DEPLOYER_TEST_CACHE``, by default ``~/.cache/deployer-tests``: half a gigabyte that is not made for
    each run.
    """
    if sys.platform == "win32":
        raise NotImplementedError
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    cache = Path(os.environ.get("DEPLOYER_TEST_CACHE") or home / ".cache" / "deployer-tests")
    cache.mkdir(parents=True, exist_ok=True)
    name = f"mlflow-{VERSION}-python{sys.version_info[0]}.{sys.version_info[1]}"
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / name / "whole").exists():
            _make(cache / name, uv_cache)
    return cache / name / "bin" / "python"


def _make(place: Path, uv_cache: Path) -> None:
    uv = [find_uv_bin(), "--no-config", "--cache-dir", str(uv_cache)]
    wanted = [f"mlflow[auth]=={VERSION}"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)], check=True)
    python = str(place / "bin" / "python")
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--only-binary", ":all:", "--compile-bytecode", "--python", python, *wanted],
        check=True,
    )
    (place / "whole").touch()


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Args:
        url: Its address.
        python: A Python with all of MLflow.
        folder: Where it keeps its database and artifacts.
        log: What it says.
    """

    url: str
    python: Path
    folder: Path
    log: Path

    def run(self, script: Path, *arguments: str, **variables: str) -> str:
        """Runs a script against the server in the server's environment; answers what it printed."""
        done = subprocess.run(
            [str(self.python), str(script), *arguments],
            env=_variables(self.folder) | {"MLFLOW_TRACKING_URI": self.url} | variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def serving(python: Path, folder: Path, *, auth: bool = False) -> Generator[Server, None, None]:
    """A server with a database and artifacts of its own; `auth` lets in only `USER` with `PASSWORD`."""
    if sys.platform == "win32":
        raise NotImplementedError
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    command = [
        *(str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts")),
        *(("--app-name", "basic-auth") if auth else ()),
    ]
    variables = _variables(folder)
    if auth:
        settings = folder / "auth.ini"
        settings.write_text(
            f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///{folder}/auth.db\n"
            f"admin_username = {USER}\nadmin_password = {PASSWORD}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        variables |= {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex()}
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=variables, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process, log)
        yield Server(f"http://127.0.0.1:{port}", python, folder, log)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _variables(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven workers of 230 MB, which nothing here asks for
        "GIT_PYTHON_REFRESH": "quiet",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            opener.open(f"{url}/health", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the tracking server does not answer:\n{log.read_text()[-4000:]}") from None
            time.sleep(0.1)
        else:
            return
