"""The files that settings come from: conf/base.toml and the overlays."""

import importlib.resources
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from jobs.errors import OperatorError


def _conf() -> Any:
    """conf/ beside the package `jobs`: a folder in a checkout, a folder inside app.zip on a cluster."""
    folder = os.environ.get("LAKEHOUSE_CONF")
    return Path(folder) if folder else importlib.resources.files("jobs").parent / "conf"  # type: ignore[attr-defined]


def project_folder() -> Path:
    """The folder that holds conf/. In app.zip it is the one that the submitted job file lies in, whatever the working
    directory, which under Airflow is Airflow's; where the file came alone, as to a cluster's node, that directory."""
    conf = _conf()
    if isinstance(conf, Path):
        return conf.absolute().parent
    script = getattr(sys.modules["__main__"], "__file__", None)
    for folder in Path(script).absolute().parents if script else ():
        if (folder / "conf" / "base.toml").is_file():
            return folder
    return Path.cwd()


def read_named(name: str) -> dict[str, Any]:
    """What conf/<name>.toml holds. Raises OperatorError where there is none."""
    file = _conf() / f"{name}.toml"
    if not file.is_file():
        raise OperatorError(
            f"no conf/{name}.toml for --env {name}; write one, or choose local, cluster or the path of a .toml file"
        )
    return read(file, f"conf/{name}.toml")


def read(file: Any, name: str) -> dict[str, Any]:
    """What the file holds; errors call it `name`. Raises OperatorError where it cannot be read or is no TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise OperatorError(f"cannot read {name}: {error.strerror}; `lakehouse init DIR` writes one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"{name} is not TOML: {error}") from None


def merged(base: Any, value: Any) -> Any:
    """`base` with the keys of `value` over it, section by section."""
    if not (isinstance(base, dict) and isinstance(value, dict)):
        return value
    return {**base, **{key: merged(base.get(key), inner) for key, inner in value.items()}}
