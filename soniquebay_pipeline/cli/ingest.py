"""`run`, `ingest`, `status`, `demo`: building the catalogue and saying what it holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from soniquebay_pipeline.cli.output import Bars, clear_errors, err, fail, out, print_json, read_settings
from soniquebay_pipeline.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from soniquebay_pipeline.library.record import Library

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")]
AllowMissing = Annotated[
    bool,
    typer.Option("--allow-missing", help="Believe the disk even when a large share of the known files is gone."),
]


def run(as_json: Json = False, allow_missing: AllowMissing = False) -> None:
    """Run every asset over the whole library: files, tags, artists, albums, genres, tracks.

    The library is SONIQUEBAY_MUSIC_DIR, else the one the catalogue was built from, else a small generated
    demo library.
    """
    settings = read_settings()
    with clear_errors():
        engine, library = _open(settings, or_demo=True)
        _execute(engine, library, "run_everything", None, as_json=as_json, allow_missing=allow_missing)


def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders or files to look at; without any, the whole library.")
    ] = None,
    as_json: Json = False,
    allow_missing: AllowMissing = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what a scan would change, and change nothing.")
    ] = False,
) -> None:
    """Bring the catalogue up to date with the files: the whole library, or the shards that PATHs are in."""
    settings = read_settings()
    with clear_errors():
        engine, library = _open(settings, or_demo=False, record=not dry_run)
        shards = _shards_of(engine, library, paths) if paths else None
        if dry_run:
            _dry_run(engine, library, shards, settings, as_json=as_json, allow_missing=allow_missing)
            return
        _execute(engine, library, "ingest", shards, as_json=as_json, allow_missing=allow_missing)


def status(as_json: Json = False) -> None:
    """Say what the catalogue holds and what waits."""
    from soniquebay_pipeline.cli.summary import catalogue_numbers, summary_table
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.library.record import read_record

    with clear_errors():
        engine = open_catalogue(read_settings())
        library = read_record(engine)
        numbers = catalogue_numbers(engine)
    if as_json:
        print_json({"library": str(library.root) if library else None, **numbers})
        return
    if library is None:
        out.print("The catalogue is empty. `soniquebay run` fills it.")
        return
    out.print(summary_table(numbers, f"{library.root}" + ("  (demo)" if library.is_demo else "")))
    if numbers["oldest_scan"]:
        out.print(f"All {numbers['scanned_shards']} shards scanned since {numbers['oldest_scan'][:16]}.")


def demo(
    folder: Annotated[Path | None, typer.Argument(help="Where to write it; default below SONIQUEBAY_HOME.")] = None,
) -> None:
    """Generate the demo library: about 60 tracks of real audio at known tempo and key, and a few broken files."""
    target = folder or _demo_root(read_settings())
    _build_demo(target)
    out.print(str(target), markup=False, soft_wrap=True)


def _demo_root(settings: Settings) -> Path:
    return settings.home / "demo" / "library"


def _build_demo(target: Path) -> None:
    from soniquebay_pipeline.demo import build_demo_library

    with Bars() as bars, bars.stage("making demo music") as stage:
        built = 0

        def report(done: int, total: int) -> None:
            nonlocal built
            stage(done - built)
            built = done

        try:
            build_demo_library(target, progress=report)
        except FileExistsError as error:
            fail(f"{error}. Nothing was changed; name another folder.")


def _open(settings: Settings, *, or_demo: bool, record: bool = True) -> tuple[Engine, Library]:
    """The migrated catalogue and the library it describes."""
    from soniquebay_pipeline.catalog.store.maintenance import forget_everything
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.library.record import Library, open_library, read_record
    from soniquebay_pipeline.library.walk import LibraryRootError

    music_dir, is_demo = settings.music_dir, False
    if music_dir is not None and not music_dir.is_dir():
        raise LibraryRootError(f"{music_dir} is not a folder. Nothing was changed. Is the disk mounted?")
    engine = open_catalogue(settings)
    known = read_record(engine)
    if music_dir is None and or_demo and (known is None or known.is_demo):
        music_dir, is_demo = _demo_root(settings), True
        err.print(
            "No music folder is set: using a generated demo library. Yours: make run MUSIC=~/Music", soft_wrap=True
        )
        _build_demo(music_dir)
    if not record and music_dir is not None:
        return engine, Library(music_dir, known.shards if known else settings.shards)
    library = open_library(engine, music_dir, settings.shards, is_demo=is_demo, forget=forget_everything)
    return engine, library


def _shards_of(engine: Engine, library: Library, paths: list[Path]) -> set[int]:
    """Shards of every folder at or below the paths, on disk or in the catalogue."""
    import os

    from sqlalchemy import text

    from soniquebay_pipeline.library.paths import shard_of, to_text
    from soniquebay_pipeline.library.walk import walk

    root = library.root.resolve()
    shards: set[int] = set()
    for path in paths:
        absolute = Path(os.path.abspath(path.expanduser())).parent.resolve() / Path(os.path.abspath(path)).name
        if absolute != root and root not in absolute.parents:
            fail(f"{path} is not in the library {library.root}.", code=2)
        if absolute == root:
            return set(range(library.shards))
        below = to_text(os.fsencode(absolute.relative_to(root)))
        if absolute.is_dir():
            shards |= {
                shard_of(below + ("/" + listing.folder if listing.folder else ""), library.shards)
                for listing in walk(absolute, want=lambda folder: False)
            }
        else:
            shards.add(shard_of(below.rpartition("/")[0], library.shards))
        with engine.connect() as connection:
            shards |= set(
                connection.execute(
                    text(
                        "SELECT DISTINCT shard FROM raw_files WHERE path = :p OR folder = :p"
                        " OR starts_with(folder, :p || '/')"
                    ),
                    {"p": below},
                ).scalars()
            )
    return shards


def _execute(
    engine: Engine,
    library: Library,
    job: str,
    shards: set[int] | None,
    *,
    as_json: bool,
    allow_missing: bool,
) -> None:
    from soniquebay_pipeline.cli.instance import execute, prepare_dagster_home
    from soniquebay_pipeline.cli.summary import catalogue_numbers, summary_table
    from soniquebay_pipeline.progress import shown_by

    started = time.monotonic()
    settings = read_settings()
    prepare_dagster_home(settings)
    with Bars() as bars, shown_by(bars):
        chosen = sorted(shards) if shards is not None else list(range(library.shards))
        outcome = execute(job, chosen, allow_missing=allow_missing)
    numbers = catalogue_numbers(engine)
    scan = outcome.numbers.get("raw_files", {})
    numbers["files"] = {"seen": int(scan.get("files_seen", 0)), **numbers["files"]}
    numbers["seconds"] = round(time.monotonic() - started, 2)
    numbers["stages"] = bars.stages
    if as_json:
        print_json(_json_of(outcome, library, numbers, scan))
    if outcome.error:
        fail(outcome.error)
    if as_json:
        return
    out.print(summary_table(numbers, f"{library.root}" + ("  (demo)" if library.is_demo else "")))
    for check in outcome.failed_checks:
        err.print(f"[yellow]check:[/] {escape(check)}", soft_wrap=True)
    out.print(
        f"\nNext:  [bold]make ui[/]                         every asset in Dagster, on http://127.0.0.1:{settings.ui_port}"
        '\n       [bold]soniquebay search "…"[/]           tracks by words and by meaning; similar, playlist, map'
        "\n       [bold]soniquebay rejected[/]             the files that could not be read, and why"
        "\n       [bold]soniquebay health[/]               what is wrong with the library, and what to do"
        '\n       [bold]psql "$(soniquebay db url)"[/]     the tables',
        soft_wrap=True,
    )


def _json_of(outcome: Any, library: Library, numbers: dict[str, Any], scan: dict[str, float]) -> dict[str, Any]:
    changes = ("added", "retagged", "replaced", "moved", "returned", "missing")
    return {
        "ok": outcome.error is None,
        "error": outcome.error,
        "run_ids": outcome.run_ids,
        "library": str(library.root),
        "changes": {name: int(scan.get(name, 0)) for name in changes},
        **numbers,
        "failed_checks": outcome.failed_checks,
    }


def _dry_run(
    engine: Engine,
    library: Library,
    shards: set[int] | None,
    settings: Settings,
    *,
    as_json: bool,
    allow_missing: bool,
) -> None:
    from soniquebay_pipeline.catalog.preview import preview
    from soniquebay_pipeline.library.paths import display
    from soniquebay_pipeline.library.workers import PoolOptions

    with Bars() as bars:
        changes = preview(
            engine,
            library.root,
            sorted(shards) if shards is not None else list(range(library.shards)),
            library.shards,
            max_missing_share=1.0 if allow_missing else settings.max_missing_share,
            pool=PoolOptions.for_readers(settings),
            progress=bars,
        )
    if as_json:
        print_json(
            {
                kind: [list(entry) if isinstance(entry, tuple) else entry for entry in entries]
                for kind, entries in changes.items()
            }
        )
        return
    for kind, entries in changes.items():
        for entry in entries:
            shown = " ".join(display(part) for part in entry) if isinstance(entry, tuple) else display(entry)
            out.print(f"{kind:<9} {shown}", markup=False, soft_wrap=True)
    out.print(", ".join(f"{len(entries)} {kind}" for kind, entries in changes.items()) + "; nothing was changed.")
