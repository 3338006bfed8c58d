"""What ssh is called with, and what its words mean."""

from __future__ import annotations

import pytest

from deployer.errors import SpecError
from deployer_docker.ssh import ssh_command, ssh_error


def test_the_address_becomes_a_command() -> None:
    assert ssh_command("ssh://ada@Far:2222")[-6:] == ["ada", "-p", "2222", "--", "Far", "docker system dial-stdio"]
    (host, command) = ssh_command("ssh://far/run/the engine.sock")[-2:]
    assert (host, command) == ("far", "docker --host 'unix:///run/the engine.sock' system dial-stdio")
    assert ssh_command("ssh://[::1]:22")[-2] == "::1"


@pytest.mark.parametrize(
    "url", ["ssh://", "ssh://-oProxyCommand=x", "ssh://ada:secret@far", "ssh://far:no", "ssh://f?x"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SpecError):
        ssh_command(url)


@pytest.mark.parametrize(
    ("written", "code", "transient"),
    [
        ("ada@far: Permission denied (publickey).\n", 255, False),
        ("Host key verification failed.", 255, False),
        ("ssh: connect to host far port 22: Connection refused", 255, True),
        ("bash: docker: command not found", 127, False),
        ("", None, True),
    ],
)
def test_what_ssh_says_is_told(written: str, code: int | None, transient: bool) -> None:
    error = ssh_error("ssh://ada@far", written, code)
    assert error.transient is transient
    assert written.strip() in error.message
    assert "ssh far docker info" in str(error.hint)
