"""Where things lie below the root of a lake: the only module that forms paths.

A table `layer.name` lies at <root>/layer/name; the stream that feeds it keeps its checkpoints at
<root>/_checkpoints/layer.name, layer.name.1 and so on (jobs/lake/checkpoints.py); whoever writes it holds
<root>/_locks/layer.name.lock.
"""


def table(root: str, name: str) -> str:
    return f"{root.rstrip('/')}/{name.replace('.', '/')}"


def checkpoints(root: str) -> str:
    return f"{root.rstrip('/')}/_checkpoints"


def checkpoint(root: str, name: str, number: int = 0) -> str:
    return f"{checkpoints(root)}/{name}{f'.{number}' if number else ''}"


def lock(root: str, job: str) -> str:
    """The file that says who runs a job."""
    return f"{root.rstrip('/')}/_locks/{job}.lock"


def folder(root: str) -> str | None:
    """The lake's folder on this machine, None where it is elsewhere."""
    path = root.removeprefix("file:")
    return None if ":" in path else path
