"""What a registered model carries: a manifest (JSON) that says where its tables are and what they were made
of.

This file is copied into every MLflow model as its loader, so it imports nothing outside the standard
library.
"""

import json
from pathlib import Path
from typing import Any


class ManifestModel:
    """Answers keys of the manifest: predict on a frame with the column `key` gives one JSON text per row."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.manifest = manifest

    def predict(self, frame: Any, params: dict[str, Any] | None = None) -> list[str]:
        """JSON text of the manifest's entry for each `key`, "null" for one it does not have."""
        return [json.dumps(self.manifest.get(key), sort_keys=True) for key in frame["key"]]


def _load_pyfunc(data_path: str) -> ManifestModel:
    """The name MLflow looks for in a loader module."""
    return ManifestModel(json.loads(Path(data_path).read_text(encoding="utf-8")))
