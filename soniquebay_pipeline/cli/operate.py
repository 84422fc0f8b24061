"""`ui`, `doctor`: Dagster's UI and daemon, and a check of everything the pipeline needs."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from soniquebay_pipeline.cli.output import clear_errors, err, out, print_json, read_settings
from soniquebay_pipeline.settings import CHECKOUT, Settings


def ui(
    port: Annotated[int | None, typer.Option(help="Port on 127.0.0.1; default SONIQUEBAY_UI_PORT.")] = None,
) -> None:
    """Start Dagster's UI and daemon (sensors, schedules) on 127.0.0.1 over the catalogue's database."""
    from soniquebay_pipeline.cli.instance import prepare_dagster_home
    from soniquebay_pipeline.db.engine import get_engine
    from soniquebay_pipeline.db.migrate import migrate

    settings = read_settings()
    with clear_errors():
        migrate(get_engine(settings))
    home = prepare_dagster_home(settings)
    workspace = CHECKOUT / "workspace.yaml"
    target = ["-w", str(workspace)] if workspace.is_file() else ["-m", "soniquebay_pipeline.definitions"]
    chosen = str(port or settings.ui_port)
    err.print(f"Dagster's UI: http://127.0.0.1:{chosen} (this machine only; Ctrl-C ends it)")
    arguments = [sys.executable, "-m", "dagster", "dev", *target, "-h", "127.0.0.1", "-p", chosen]
    # `dg dev`, which Dagster recommends instead, needs its extra package and does the same.
    warnings = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), "ignore:Function `dev_command` is superseded"]))
    # From here Dagster would find a second dagster.yaml, the checkout's, and warn about it.
    os.chdir(home)
    sys.stdout.flush()
    sys.stderr.flush()
    # A shell starts what it puts into the background of a script with SIGINT ignored. Dagster takes over that
    # disposition for SIGTERM as well, so nothing but SIGKILL would end it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(sys.executable, arguments, os.environ | {"PYTHONWARNINGS": warnings})


Finding = tuple[str, str, str]
"""(what, "ok" | "note" | "problem", what was found and what to do)"""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the settings, the folders, the database and optional tools; exit code 1 if something must be mended."""
    settings = read_settings()
    findings = [check(settings) for check in (_python, _home, _music, _database, _model, _disk, _workers)]
    findings += [_tool("fpcalc", "AcoustID fingerprints are left out (Debian: libchromaprint-tools)")]
    bad = any(state == "problem" for _, state, _ in findings)
    if as_json:
        print_json(
            {"ok": not bad, "findings": [dict(zip(("what", "state", "text"), f, strict=True)) for f in findings]}
        )
    else:
        table = Table(box=None, show_header=False, padding=(0, 2))
        colour = {"ok": "green", "note": "yellow", "problem": "red"}
        for what, state, text in findings:
            table.add_row(what, f"[{colour[state]}]{state}[/]", escape(text))
        out.print(table)
    raise typer.Exit(1 if bad else 0)


def _python(settings: Settings) -> Finding:
    return ("Python", "ok", sys.version.split()[0])


def _home(settings: Settings) -> Finding:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return ("SONIQUEBAY_HOME", "problem", f"{settings.home}: {error.strerror}. Set it to a folder you can write.")
    if not os.access(settings.home, os.W_OK):
        return ("SONIQUEBAY_HOME", "problem", f"{settings.home} is not writable.")
    return ("SONIQUEBAY_HOME", "ok", str(settings.home))


def _music(settings: Settings) -> Finding:
    if settings.music_dir is None:
        return ("SONIQUEBAY_MUSIC_DIR", "note", "not set: the recorded library is used, or the demo at first")
    if not settings.music_dir.is_dir():
        return ("SONIQUEBAY_MUSIC_DIR", "problem", f"{settings.music_dir} is not a folder. Is the disk mounted?")
    if not os.access(settings.music_dir, os.R_OK | os.X_OK):
        return ("SONIQUEBAY_MUSIC_DIR", "problem", f"{settings.music_dir} can't be read by this user.")
    return ("SONIQUEBAY_MUSIC_DIR", "ok", str(settings.music_dir))


def _database(settings: Settings) -> Finding:
    from sqlalchemy import text

    from soniquebay_pipeline.db.engine import get_engine
    from soniquebay_pipeline.db.migrate import current_revision, head_revision

    try:
        engine = get_engine(settings)
        with engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar_one()
            vector = connection.execute(
                text("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
            ).scalar_one_or_none()
        revision, head = current_revision(engine), head_revision()
    except Exception as error:
        return ("database", "problem", str(error).splitlines()[0])
    kind = "embedded" if not settings.database_url else "SONIQUEBAY_DATABASE_URL"
    text_ = f"PostgreSQL {version} ({kind}), pgvector {vector or 'missing'}, tables at {revision or 'none'}"
    if vector is None:
        return ("database", "note", text_ + "; install pgvector before vectors are built")
    if revision != head:
        return ("database", "note", text_ + "; `soniquebay db migrate` brings them up to date")
    return ("database", "ok", text_)


def _model(settings: Settings) -> Finding:
    from soniquebay_pipeline.vectors.model import ModelError, model_files

    try:
        files = model_files(settings)
    except ModelError as error:
        return ("text model", "problem", str(error))
    return ("text model", "ok", f"{files.name}, {files.dimensions} dimensions, in {files.folder}")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home if settings.home.exists() else "/").free / 1e9
    return ("free space", "ok" if free > 2 else "note", f"{free:,.1f} GB at SONIQUEBAY_HOME")


def _workers(settings: Settings) -> Finding:
    return ("workers", "ok", f"{settings.workers} reader processes (SONIQUEBAY_WORKERS)")


def _tool(name: str, otherwise: str) -> Finding:
    path = shutil.which(name)
    return (name, "ok" if path else "note", path or f"not installed; {otherwise}")
