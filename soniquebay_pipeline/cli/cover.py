"""`cover show`, `set`, `unset`, `missing`: the covers of albums, artists and tracks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from soniquebay_pipeline.cli.output import clear_errors, fail, out, print_json, read_settings
from soniquebay_pipeline.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

app = typer.Typer(help="Covers: show them, choose one, list what lacks one.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Kind = Annotated[str, typer.Option("--of", metavar="KIND", help="What NAME names: album, artist or track.")]
Name = Annotated[str, typer.Argument(help="A title or name (letter case does not matter), or an id.")]

_NAME_OF = {
    "album": "b.title || ' – ' || a.name FROM albums b JOIN artists a ON a.id = b.album_artist_id",
    "artist": "b.name FROM artists b",
    "track": "b.title || ' – ' || a.name FROM tracks b JOIN artists a ON a.id = b.track_artist_id",
}


@app.command("show")
def show(name: Name, kind: Kind = "album", as_json: Json = False) -> None:
    """Show the cover of an album, artist or track, and every picture that is offered for it."""
    settings = read_settings()
    with clear_errors():
        engine = _open(settings)
        id_, title = _find(engine, kind, name)
        cover, offers = _cover(engine, kind, id_), _offers(engine, kind, id_)
    if cover:
        cover["file"] = str(settings.home / cover["path"])
    if as_json:
        print_json({"of": kind, "id": id_, "name": title, "cover": cover, "offers": offers})
        return
    out.print(f"{kind} {id_}: {escape(title)}", soft_wrap=True)
    if cover is None:
        out.print("It has no cover.")
    else:
        size = f"{cover['width']} x {cover['height']}, {cover['size_bytes'] / 1000:,.0f} kB, {cover['mime_type']}"
        out.print(f"cover: {cover['source']}, {size}\n{escape(cover['file'])}", soft_wrap=True)
    if offers:
        from soniquebay_pipeline.library.paths import display

        table = Table("source", "from", "picture", box=None, padding=(0, 2))
        for row in offers:
            outcome = f"refused: {row['reason']}" if row["reason"] else f"{row['width']} x {row['height']}"
            table.add_row(row["source"], escape(display(row["origin"])), outcome)
        out.print(table)


@app.command("set")
def set_(
    name: Name,
    file: Annotated[Path, typer.Argument(help="A picture: JPEG, PNG, WebP or GIF.")],
    kind: Kind = "album",
    as_json: Json = False,
) -> None:
    """Make a picture the cover of an album, artist or track. No later picture takes its place."""
    from soniquebay_pipeline.artwork.choice import derive
    from soniquebay_pipeline.artwork.model import CoverRules, Refused
    from soniquebay_pipeline.artwork.offers import choose
    from soniquebay_pipeline.library.workers import PoolOptions

    settings = read_settings()
    pool = PoolOptions.for_readers(settings)
    with clear_errors():
        engine = _open(settings)
        id_, title = _find(engine, kind, name)
        max_bytes = settings.cover_max_bytes
        if not file.is_file():
            fail(f"{file} is no file. Nothing was changed.")
        try:
            answer = choose(engine, kind, id_, file, home=settings.home, max_bytes=max_bytes, pool=pool)
        except OSError as error:
            fail(f"{file} can't be read: {error.strerror}. Nothing was changed.")
        if isinstance(answer, Refused):
            fail(f"{file} is not used: {answer.reason} ({answer.detail}). Nothing was changed.")
        derive(engine, CoverRules.of(settings))
    if as_json:
        print_json({"of": kind, "id": id_, "name": title, "sha256": answer.sha256, "path": answer.path})
        return
    out.print(f"The cover of {kind} {id_} ({escape(title)}) is now {escape(str(file))}.", soft_wrap=True)


@app.command("unset")
def unset(name: Name, kind: Kind = "album", as_json: Json = False) -> None:
    """Take a choice back: the best picture of the other sources is the cover again."""
    from soniquebay_pipeline.artwork.choice import derive_in
    from soniquebay_pipeline.artwork.model import CHOSEN, CoverRules
    from soniquebay_pipeline.artwork.offers import withdraw

    settings = read_settings()
    with clear_errors():
        engine = _open(settings)
        id_, title = _find(engine, kind, name)
        with engine.begin() as connection:
            withdrawn = withdraw(connection, kind, id_, CHOSEN)
            derive_in(connection, CoverRules.of(settings))
        cover = _cover(engine, kind, id_)
    source = cover["source"] if cover else None
    if as_json:
        print_json({"of": kind, "id": id_, "name": title, "unset": bool(withdrawn), "source": source})
        return
    before = "" if withdrawn else "No cover was chosen. "
    out.print(f"{before}The cover of {kind} {id_} ({escape(title)}) is {source or 'none'}.", soft_wrap=True)


@app.command("missing")
def missing(kind: Kind = "album", as_json: Json = False) -> None:
    """List the albums (or artists, or tracks) that have no cover."""
    from sqlalchemy import text

    settings = read_settings()
    covers = "track_covers c WHERE c.track_id = b.id"
    if _checked(kind) != "track":
        covers = f"covers c WHERE c.entity_type = '{kind}' AND c.entity_id = b.id"
    with clear_errors():
        engine = _open(settings)
        with engine.connect() as connection:
            query = f"SELECT b.id, {_NAME_OF[kind]} WHERE NOT EXISTS (SELECT FROM {covers}) ORDER BY 2, 1"
            rows = connection.execute(text(query)).all()
    if as_json:
        print_json({"of": kind, "missing": [{"id": row[0], "name": row[1]} for row in rows]})
        return
    if not rows:
        out.print(f"Every {kind} has a cover.")
        return
    table = Table("id", kind, box=None, padding=(0, 2))
    for id_, title in rows:
        table.add_row(str(id_), escape(title))
    out.print(table)


def _open(settings: Settings) -> Engine:
    from soniquebay_pipeline.db.migrate import open_catalogue

    return open_catalogue(settings)


def _checked(kind: str) -> str:
    if kind not in _NAME_OF:
        fail(f"--of takes {', '.join(_NAME_OF)}, not {kind}.", code=2)
    return kind


def _find(engine: Engine, kind: str, name: str) -> tuple[int, str]:
    """(id, name) of the one entity that is meant; says which there are where it is not one."""
    from sqlalchemy import text

    from soniquebay_pipeline.catalog.names import name_key

    key = {"album": "b.title_key = :key", "artist": "b.name_key = :key", "track": "lower(b.title) = lower(:name)"}
    select = f"SELECT b.id, {_NAME_OF[_checked(kind)]} WHERE"
    with engine.connect() as connection:
        parameters: dict[str, Any] = {"key": name_key(name), "name": name}
        rows = connection.execute(text(f"{select} {key[kind]} ORDER BY b.id"), parameters).all()
        if not rows and name.isascii() and name.isdigit() and len(name) < 19:
            rows = connection.execute(text(f"{select} b.id = :id"), {"id": int(name)}).all()
    if not rows:
        fail(f"There is no {kind} {name!r}. `soniquebay cover missing` lists names and ids of those without a cover.")
    if len(rows) > 1:
        named = "; ".join(f"{row[0]}: {row[1]}" for row in rows[:10])
        fail(f"{len(rows)} have this name: {named}. Give the id.")
    return int(rows[0][0]), str(rows[0][1])


def _cover(engine: Engine, kind: str, id_: int) -> dict[str, Any] | None:
    from sqlalchemy import text

    where = (
        "track_covers WHERE track_id = :id" if kind == "track" else "covers WHERE entity_type = :of AND entity_id = :id"
    )
    columns = "source, mime_type, width, height, size_bytes, sha256, path, url, colours, thumbhash, fetched_at"
    with engine.connect() as connection:
        row = connection.execute(text(f"SELECT {columns} FROM {where}"), {"of": kind, "id": id_}).one_or_none()
    return dict(row._mapping) if row else None


def _offers(engine: Engine, kind: str, id_: int) -> list[dict[str, Any]]:
    """Everything that might be the cover: embedded and beside the files, and what was offered."""
    from sqlalchemy import text

    of_tracks = {"album": "t.album_id = :id", "track": "t.id = :id", "artist": "false"}[kind]
    query = f"""
        SELECT source, origin, coalesce(p.reason, o.reason) AS reason, p.width, p.height, o.sha256
        FROM (SELECT DISTINCT 1 AS place, 'embedded' AS source,
                     min(f.path) OVER (PARTITION BY e.sha256, e.reason) AS origin, e.sha256, e.reason
              FROM tracks t JOIN raw_files f ON f.id = t.file_id JOIN file_pictures e ON e.file_id = f.id
              WHERE {of_tracks}
              UNION SELECT 2, 'local', l.path, l.sha256, l.reason FROM folder_pictures l
              WHERE (l.sha256 IS NOT NULL OR l.reason IS NOT NULL) AND l.album_folder IN (
                  SELECT f.album_folder FROM tracks t JOIN raw_files f ON f.id = t.file_id WHERE {of_tracks})
              UNION SELECT 3, source, origin, sha256, reason FROM cover_candidates
              WHERE entity_type = :of AND entity_id = :id) AS o
        LEFT JOIN pictures p USING (sha256)
        ORDER BY place, source, origin COLLATE "C" LIMIT 50
    """
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query), {"of": kind, "id": id_})]
