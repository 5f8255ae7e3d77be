"""The demo's printed report: tables, quarantine, models and Redis, from what build/demo.json holds."""

from pathlib import Path
from typing import Any

from jobs.errors import with_env
from jobs.output import show, table

SHOWN = 5
"""So many segments by rules, the largest."""

FIGURES = ("recall@10", "ndcg@10", "map@10", "hit@10", "coverage")


def show_report(figures: dict[str, Any], target: Path, env: str) -> None:
    show("Lake:")
    show(table(("table", "rows"), [(name, f"{count:,}") for name, count in figures["tables"].items()]))
    show(f"Quarantine, {figures['duplicates']} duplicates left out:")
    quarantined = [(reason, str(count)) for reason, count in sorted(figures["quarantined"].items())]
    show(table(("reason", "messages"), quarantined))
    show("Models, judged on the last 28 days:")
    judged = [
        (name, part, *[f"{parts[part][figure]:.4f}" for figure in FIGURES])
        for name, parts in figures["metrics"].items()
        for part in ("all", "new")
    ]
    show(table(("model", "items", *FIGURES), judged))
    _show_people(figures)
    redis = figures["redis"]
    show(f"Redis: version {redis['version']}, {redis['people']:,} people, visitors included, {redis['bytes']:,} bytes")
    file = f"{target.parent.name}/{target.name}"
    show(f"{figures['seconds']:.0f} s, at most {figures['peak_mib']:,} MiB; the same figures: {file}")
    show(with_env("Next: .venv/bin/lakehouse recommend 900", env))


def _show_people(figures: dict[str, Any]) -> None:
    known = ", ".join(f"{count:,} {name}" for name, count in figures["identifiers"].items())
    show(f"People: {figures['people']:,}, known by {known}")
    for title, source in (("persona", "personas"), ("segment by a rule", "rules")):
        rows = [(one["id"], one["name"], f"{one['people']:,}") for one in figures[source][:SHOWN]]
        show(table((title, "", "people"), rows))
    for one in figures["visit"]:
        verb = "enters" if one["kind"] == "enter" else "leaves"
        show(f"Live: {one['event']}, and {one['seconds']:.1f} s later a visitor {verb} {one['segment']} in Redis")
