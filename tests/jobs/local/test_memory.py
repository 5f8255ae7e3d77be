"""What counts as memory of its own."""

import subprocess
import time

import psutil
import pytest

from jobs.local import memory
from tests.processes import answers


@pytest.mark.parametrize(("command", "is_starting"), [("java", True), ("/usr/bin/java", True), ("python", False)])
def test_what_a_jvm_has_forked_is_its_own_memory(command: str, is_starting: bool) -> None:
    """Until it has become another program; a worker that Python forks has memory of its own."""
    with subprocess.Popen(
        [command, "-c", "(while read -r -t 60 line; do :; done < <(sleep 60)) & wait"], executable="/bin/bash"
    ) as parent:
        try:
            while not (children := psutil.Process(parent.pid).children()):
                time.sleep(0.01)
            assert children[0].name() != "java"
            assert memory._is_starting(children[0]) is is_starting
        finally:
            answers(psutil.Process(parent.pid).children(recursive=True), psutil.Process.kill)
            parent.kill()
