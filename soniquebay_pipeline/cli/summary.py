"""What the catalogue holds, for `status` and for the end of a run."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table
from sqlalchemy import Engine, text


def catalogue_numbers(engine: Engine) -> dict[str, Any]:
    """Files by status, rejected files by reason, sizes of the entity tables, when it was last scanned."""
    with engine.connect() as connection:
        by_status = {
            row[0]: row[1] for row in connection.execute(text("SELECT status, count(*) FROM raw_files GROUP BY 1"))
        }
        reasons = {
            row[0]: row[1]
            for row in connection.execute(
                text(
                    "SELECT reject_reason, count(*) FROM raw_files WHERE status = 'rejected'"
                    " GROUP BY 1 ORDER BY 2 DESC, 1"
                )
            )
        }
        sizes = {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("tracks", "artists", "albums", "genres")
        }
        pending = connection.execute(
            text(
                "SELECT count(*) FROM raw_files f LEFT JOIN raw_metadata m ON m.file_id = f.id"
                " LEFT JOIN tracks t ON t.file_id = f.id"
                " WHERE f.status = 'present' AND t.revision IS DISTINCT FROM m.revision OR"
                " (f.status = 'present' AND m.file_id IS NULL)"
            )
        ).scalar_one()
        covers = {
            row[0]: row[1]
            for row in connection.execute(
                text(
                    "SELECT coalesce(c.source, 'none'), count(*) FROM albums b LEFT JOIN covers c"
                    " ON c.entity_type = 'album' AND c.entity_id = b.id GROUP BY 1 ORDER BY 2 DESC, 1"
                )
            )
        }
        scanned = connection.execute(text("SELECT min(scanned_at), count(*) FROM shard_scans")).one()
    return {
        "files": {
            "present": by_status.get("present", 0),
            "rejected": by_status.get("rejected", 0),
            "missing": by_status.get("missing", 0),
            "pending": pending,
            "rejected_by_reason": reasons,
        },
        "catalogue": sizes,
        "album_covers": covers,
        "scanned_shards": scanned[1],
        "oldest_scan": scanned[0].isoformat() if scanned[0] else None,
    }


def summary_table(numbers: dict[str, Any], title: str) -> Table:
    """The numbers as a person reads them."""
    table = Table(title=escape(title), show_header=False, title_justify="left", box=None, padding=(0, 2))
    files = numbers["files"]
    if "seen" in files:
        table.add_row("files seen", f"{files['seen']:,}")
    table.add_row("files indexed", f"{files['present']:,}")
    reasons = ", ".join(f"{n:,} {reason}" for reason, n in files["rejected_by_reason"].items())
    table.add_row("files rejected", f"{files['rejected']:,}" + (f"  ({reasons})" if reasons else ""))
    if files["missing"]:
        table.add_row("files missing", f"{files['missing']:,}  (kept; `soniquebay purge` removes them)")
    if files["pending"]:
        table.add_row("files waiting", f"{files['pending']:,}")
    for name, count in numbers["catalogue"].items():
        table.add_row(name, f"{count:,}")
    covers = dict(numbers["album_covers"])
    lacking = covers.pop("none", 0)
    if covers or lacking:
        by_source = ", ".join(f"{n:,} {source}" for source, n in covers.items())
        table.add_row(
            "album covers",
            f"{sum(covers.values()):,}  ({'; '.join(filter(None, (by_source, f'{lacking:,} without')))})",
        )
    if "seconds" in numbers:
        table.add_row("seconds", f"{numbers['seconds']:.1f}")
    return table
