"""Lines of pods, as the kubelet answers."""

from __future__ import annotations

import pytest

from deployer_kubernetes.logs import readable, split_line


def test_the_time_before_a_line_is_the_kubelets() -> None:
    line = split_line("2026-01-02T03:04:05.123456789Z hello  there\r", "r1a2b3c4", "pod")
    assert (line.text, line.replica, line.at) == ("hello  there", "pod", 1767323045.123456)
    assert split_line("no time at all", "r1a2b3c4", "pod").text == "no time at all"
    assert split_line("7 is no time", "r1a2b3c4", "pod").text == "7 is no time"


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_log_that_has_been_removed_is_none(end: str) -> None:
    said = f"unable to retrieve container logs for containerd://c56ddb{end}"
    assert (
        readable(f'failed to try resolving symlinks in path "/pods/server/0.log": lstat /pods: no such file{end}') == ""
    )
    assert readable(said) == ""
    assert readable(f"{said}\nand more") != ""
    assert readable("2026-01-02T03:04:05Z hello") == "2026-01-02T03:04:05Z hello"
