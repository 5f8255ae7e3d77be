"""The demo's printed report: tables, quarantine, models and Redis, from what build/demo.json holds."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FIGURES = ("recall@10", "ndcg@10", "map@10", "hit@10", "coverage")


def show(figures: dict[str, Any], target: Path, console: Console) -> None:
    rows = Table("table", "rows", title="Lake")
    for name, count in figures["tables"].items():
        rows.add_row(name, f"{count:,}")
    reasons = Table("reason", "messages", title=f"Quarantine; {figures['duplicates']} duplicates left out")
    for reason, count in sorted(figures["quarantined"].items()):
        reasons.add_row(reason, str(count))
    models = Table("model", "items", *FIGURES, title="Models, judged on the last 28 days")
    for name, parts in figures["metrics"].items():
        for part in ("all", "new"):
            models.add_row(name, part, *[f"{parts[part][figure]:.4f}" for figure in FIGURES])
    for table in (rows, reasons, models):
        console.print(table)
    redis = figures["redis"]
    console.print(f"Redis: version {redis['version']}, {redis['people']:,} people, {redis['bytes']:,} bytes")
    console.print(f"{figures['seconds']:.0f} s, at most {figures['peak_mib']:,} MiB; the same figures: {target.name}")
    console.print("Next: .venv/bin/lakehouse recommend 900")
