"""A job that dies between two of its tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jobs.lake import tables


@contextmanager
def crash_before(table: str) -> Iterator[None]:
    """While it lasts, what appends a micro-batch to the table raises RuntimeError; what stands before it is written."""
    whole = tables.append_once

    def until_there(lake: Any, name: str, frame: Any, query_id: str, batch: int) -> None:
        if name == table:
            raise RuntimeError("crash")
        whole(lake, name, frame, query_id, batch)

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(tables, "append_once", until_there)
        yield
