"""Small files beside the tables, on whatever file system the lake lies: a folder, or a bucket by Hadoop's client."""

from typing import Any

from jobs.errors import OperatorError
from jobs.lake.lake import Lake


def exists(lake: Lake, path: str) -> bool:
    place, system = _at(lake, path)
    return bool(system.exists(place))


def names(lake: Lake, folder: str) -> list[str]:
    """The names of what lies in a folder, in order; none where there is no such folder."""
    place, system = _at(lake, folder)
    if not system.exists(place):
        return []
    return sorted(status.getPath().getName() for status in system.listStatus(place))


def read_text(lake: Lake, path: str) -> str:
    place, system = _at(lake, path)
    stream = system.open(place)
    try:
        return str(lake.spark._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))  # type: ignore[union-attr]
    finally:
        stream.close()


def write_text(lake: Lake, path: str, text: str) -> None:
    """Writes a file whole or not at all, by way of another name. Raises OperatorError where that fails."""
    place, system = _at(lake, path)
    part, _ = _at(lake, f"{path}.part")
    stream = system.create(part, True)
    try:
        stream.write(bytearray(text.encode()))
    finally:
        stream.close()
    if not system.rename(part, place):
        raise OperatorError(f"{path} cannot be written: see what lies there, and that no other process writes it")


def rename(lake: Lake, path: str, to: str) -> None:
    """Gives a file or folder another name, in one step. Raises OperatorError where something has that name."""
    place, system = _at(lake, path)
    target, _ = _at(lake, to)
    if system.exists(target) or not system.rename(place, target):
        raise OperatorError(f"{path} cannot be renamed to {to}: see what lies there")


def _at(lake: Lake, path: str) -> tuple[Any, Any]:
    place = lake.spark._jvm.org.apache.hadoop.fs.Path(path)  # type: ignore[union-attr]
    return place, place.getFileSystem(lake.spark._jsc.hadoopConfiguration())
