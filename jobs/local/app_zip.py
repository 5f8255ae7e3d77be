"""`python -m jobs.local.app_zip` makes dist/app.zip, what spark-submit --py-files hands to executors."""

import sys
import zipfile
from pathlib import Path

FOLDERS = ("conf", "expectations", "jobs", "models")


def build(project: Path, target: Path) -> Path:
    """Zip the packages and conf/ of `project` into `target`, byte for byte the same for the same files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    files = sorted(
        file
        for folder in FOLDERS
        for file in (project / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    )
    with zipfile.ZipFile(part, "w") as archive:
        for file in files:
            # A fixed date and fixed rights, so that the zip changes only when a file does.
            entry = zipfile.ZipInfo(file.relative_to(project).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes(), compress_type=zipfile.ZIP_DEFLATED)
    part.replace(target)
    return target


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    app_zip = build(root, root / "dist" / "app.zip")
    sys.stdout.write(f"{app_zip.relative_to(root)}: {app_zip.stat().st_size:,} bytes\n")
