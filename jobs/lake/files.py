"""Small files beside the tables, on whatever file system the lake lies: a folder, or a bucket by Hadoop's client."""

from typing import Any

from py4j.java_gateway import JavaClass

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
        return str(_java(lake, "org.apache.commons.io.IOUtils").toString(stream, "UTF-8"))
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


def remove(lake: Lake, path: str) -> None:
    """Removes a file, or a folder with all that is in it; nothing where there is none."""
    place, system = _at(lake, path)
    system.delete(place, True)


def _at(lake: Lake, path: str) -> tuple[Any, Any]:
    place = _java(lake, "org.apache.hadoop.fs.Path")(path)
    return place, place.getFileSystem(lake.spark._jsc.hadoopConfiguration())


def _java(lake: Lake, name: str) -> Any:
    """A class by its whole name. By way of `_jvm.org...` each part of it is looked for in every JAR: a millisecond."""
    return JavaClass(name, lake.spark.sparkContext._gateway._gateway_client)  # type: ignore[union-attr]
