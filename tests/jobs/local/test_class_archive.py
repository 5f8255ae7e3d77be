"""Java's archive of Spark's classes: sessions start from it, and one that does not fit is passed over."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from jobs.lake import java_options
from jobs.local.setup import machine
from jobs.settings.loading import load

OPEN = """
from jobs.lake.session import open_lake
from jobs.settings.loading import load
open_lake("test", load("local"))
"""


def test_a_session_takes_its_classes_from_the_archive(tmp_path: Path) -> None:
    log = tmp_path / "classes.log"
    variables = {"SPARK_SUBMIT_OPTS": f"-Xlog:class+load:file={log}", "LAKEHOUSE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", OPEN], env={**os.environ, **variables}, check=True, capture_output=True)
    sources = dict(line.partition(" source: ")[::2] for line in log.read_text(encoding="utf-8").splitlines())
    of_spark = [source for name, source in sources.items() if "org.apache.spark." in name and "$$Lambda" not in name]
    archived = sum("shared objects file (top)" in source for source in of_spark)
    assert len(of_spark) > 3000 and archived / len(of_spark) > 0.9


def test_an_archive_of_other_jars_is_passed_over_without_a_word() -> None:
    options = shlex.split(java_options.shared_classes(load("local").project))
    assert len(options) == 2
    java = [str(machine.java()[0]), *options, "-version"]
    answer = subprocess.run(java, capture_output=True, text=True, check=True)
    assert "cds" not in answer.stdout + answer.stderr


def test_without_an_archive_there_is_no_option(tmp_path: Path) -> None:
    assert java_options.shared_classes(tmp_path) == ""
