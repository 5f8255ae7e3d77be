"""Small files beside the tables, on whatever file system the lake lies: a folder, or a bucket by Hadoop's client."""

from typing import Any

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
    """Writes the whole file or nothing: under another name first, then renamed."""
    place, system = _at(lake, path)
    part, _ = _at(lake, f"{path}.part")
    stream = system.create(part, True)
    try:
        stream.write(bytearray(text.encode()))
    finally:
        stream.close()
    system.delete(place, False)
    system.rename(part, place)


def _at(lake: Lake, path: str) -> tuple[Any, Any]:
    place = lake.spark._jvm.org.apache.hadoop.fs.Path(path)  # type: ignore[union-attr]
    return place, place.getFileSystem(lake.spark._jsc.hadoopConfiguration())
