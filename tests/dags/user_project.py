"""A copy of this project as a user has it: its files, its environments, its own .local, and no variable set."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

LAKEHOUSE = """#!{python}
from jobs.commands.app import app

app()
"""


def copied(project: Path, target: Path, home: Path, settings: str) -> None:
    """Copies what is committed or about to be into `target`, with `home` as its .local and `settings`, TOML, behind
    those of conf/local.toml, whose sources stay where they were landed from. The big environments are shared, except
    that the copy's own code is what runs in it."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listed, cwd=project, capture_output=True, text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        if (project / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(project / name, target / name)
    shutil.copytree(home, target / ".local", ignore=shutil.ignore_patterns("kafka", "redis", "run", "airflow"))
    overlay = target / "conf" / "local.toml"
    own = overlay.read_text(encoding="utf-8").replace("{home}/sources", f"{home}/sources")
    overlay.write_text(own + settings, encoding="utf-8")
    for name in (".jars", ".venv-airflow"):
        (target / name).symlink_to(project / name)
    _share_environment(target / ".venv")


def _share_environment(place: Path) -> None:
    """An environment that reads this one's packages, but for the project itself, which is installed here as a link."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    # Packages named in a .pth file are found, .pth files beside them are not read: so not the link to this project.
    (packages / "shared.pth").write_text(f"{place.parent}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    for program in Path(sys.executable).parent.iterdir():
        if not (place / "bin" / program.name).exists() and program.name != "lakehouse":
            (place / "bin" / program.name).symlink_to(program)
    lakehouse = place / "bin" / "lakehouse"
    lakehouse.write_text(LAKEHOUSE.format(python=place / "bin" / "python"), encoding="utf-8")
    lakehouse.chmod(0o755)
