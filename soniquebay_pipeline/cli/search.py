"""`search`, `similar`, `playlist`, `map`, `vectors rebuild`: finding music, and what that needs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from soniquebay_pipeline.cli.output import Bars, clear_errors, err, fail, out, print_json, read_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Track = Annotated[str, typer.Argument(metavar="TRACK", help="An id, a path, or words that name one track.")]
Row = dict[str, Any]
BLOCKS = ("text", "timbre", "rhythm", "tonality", "dynamics", "character")
"""What a similarity consists of; the columns ``by_…`` of the function similar_tracks."""


def search(
    words: Annotated[list[str], typer.Argument(metavar="TEXT", help="What to look for.")],
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many tracks.")] = 20,
    only_words: Annotated[
        bool, typer.Option("--words", help="By the words of title, artists and album only: without the model, at once.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find tracks by their words and by what they mean: `soniquebay search calm piano at night`."""
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.vectors.search import search as find

    settings = read_settings()
    text = " ".join(words)
    with clear_errors():
        found = find(open_catalogue(settings), settings, text, n, by_meaning=not only_words)
    if found.note:
        err.print(f"[yellow]note:[/] by words only: {escape(found.note)}", soft_wrap=True)
    if as_json:
        print_json({"query": text, "note": found.note, "tracks": found.rows})
        return
    if not found.rows:
        out.print("Nothing was found.")
        return
    table = _table("id", "title", "artists", "album", "year", "words", "meaning")
    for row in found.rows:
        places = (row["words_rank"] or "", row["meaning_rank"] or "")
        table.add_row(*_names(row), str(row["year"] or ""), *map(str, places))
    out.print(table)
    out.print("words, meaning: the place in either list.", style="dim")


def similar(
    track: Track,
    bpm: Annotated[str | None, typer.Option(metavar="FROM..TO", help="Tempo: 118..126, 118.., ..126")] = None,
    key: Annotated[
        str | None, typer.Option(help="`compatible` (mixes with it), `same`, or a Camelot key such as 8A.")
    ] = None,
    genre: Annotated[
        list[str] | None, typer.Option(help="Only this genre; may be repeated for any of several.")
    ] = None,
    year: Annotated[str | None, typer.Option(metavar="FROM..TO", help="Years: 1990..1999, 1990.., 1994")] = None,
    not_same_album: Annotated[bool, typer.Option("--not-same-album", help="Leave out its own album.")] = False,
    not_same_artist: Annotated[bool, typer.Option("--not-same-artist", help="Leave out its own artists.")] = False,
    max_per_artist: Annotated[int, typer.Option(min=0, help="At most so many of one artist; 0: any number.")] = 3,
    max_per_album: Annotated[int, typer.Option(min=0, help="At most so many of one album; 0: any number.")] = 2,
    by: Annotated[
        str, typer.Option(help="`combined`, `audio` (the sound alone) or `text` (the words alone).")
    ] = "combined",
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many tracks.")] = 20,
    as_json: Json = False,
) -> None:
    """List the tracks most like TRACK, and what the likeness consists of."""
    from soniquebay_pipeline.audio.camelot import is_camelot_key
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.vectors.search import Filters, has_vector
    from soniquebay_pipeline.vectors.search import similar as find

    if key not in (None, "compatible", "same") and not is_camelot_key(key.upper()):
        fail(f"--key takes compatible, same or a Camelot key from 1A to 12B, not {key!r}.", code=2)
    if by not in ("combined", "audio", "text"):
        fail(f"--by takes combined, audio or text, not {by!r}.", code=2)
    bpm_min, bpm_max = _range(bpm, "--bpm", "118..126")
    year_min, year_max = _range(year, "--year", "1990..1999", single=True)
    with clear_errors():
        engine = open_catalogue(read_settings())
        seed = _named(engine, track)
        filters = Filters(
            bpm_min=bpm_min, bpm_max=bpm_max, key_rule=key, genres=_genres(engine, genre),
            year_min=None if year_min is None else math.ceil(year_min),
            year_max=None if year_max is None else math.floor(year_max),
            not_same_album=not_same_album, not_same_artist=not_same_artist,
            max_per_artist=max_per_artist or None, max_per_album=max_per_album or None,
        )  # fmt: skip
        if not has_vector(engine, seed["track_id"], by):
            fail(f"Track {seed['track_id']} ({seed['title']}) has no {by} vector yet; the asset embeddings makes them.")
        rows = find(engine, seed["track_id"], n, filters, kind=by)
    if as_json:
        print_json({"track": seed, "tracks": rows})
        return
    out.print(f"like {_line(seed)}", markup=False)
    if key in ("compatible", "same") and not seed["camelot_key"]:
        err.print("[yellow]note:[/] its key is not known, so no other is compatible.")
    if not rows:
        out.print("Nothing passes these filters.")
        return
    table = _table("id", "title", "artists", "album", "bpm", "key", "alike", "because of")
    for row in rows:
        table.add_row(*_names(row), _tempo(row), row["camelot_key"] or "", f"{row['similarity']:.2f}", _reasons(row))
    out.print(table)


def playlist(
    start: Annotated[str, typer.Option("--from", metavar="TRACK", help="The first track: id, path or words.")],
    end: Annotated[
        str | None, typer.Option("--to", metavar="TRACK", help="The last track; without, stay near.")
    ] = None,
    length: Annotated[int, typer.Option(min=2, max=500, help="How many tracks.")] = 25,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it as .m3u8; without, print it.")
    ] = None,
    absolute: Annotated[bool, typer.Option("--absolute", help="Absolute paths in the file.")] = False,
    as_json: Json = False,
) -> None:
    """Make a playlist that moves smoothly in sound, tempo and key from one track to another."""
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.library.record import read_record
    from soniquebay_pipeline.vectors.m3u import SUFFIXES, write_m3u
    from soniquebay_pipeline.vectors.playlist import NoPlaylist, make_playlist

    if output is not None and output.suffix.lower() not in SUFFIXES:
        fail(f"{output} does not end in .m3u8; name a playlist file.", code=2)
    with clear_errors():
        engine = open_catalogue(read_settings())
        library = read_record(engine)
        first = _named(engine, start)
        last = _named(engine, end) if end is not None else None
        try:
            made = make_playlist(engine, first["track_id"], None if last is None else last["track_id"], length)
        except NoPlaylist as error:
            fail(str(error))
    if output is not None:
        if library is None:
            fail("The catalogue does not say where the library is; run `soniquebay ingest` first.")
        try:
            write_m3u(output, made.rows, library.root, absolute=absolute)
        except OSError as error:
            fail(f"{output}: {error.strerror}.")
    if as_json:
        print_json({"file": output and str(output), "tracks": made.rows})
        return
    table = _table("id", "title", "artists", "album", "bpm", "key", "alike")
    for row in made.rows:
        alike = "" if row["similarity"] is None else f"{row['similarity']:.2f}"
        table.add_row(*_names(row), _tempo(row), row["camelot_key"] or "", alike)
    out.print(table)
    if len(made.rows) < made.wanted:
        err.print(f"[yellow]note:[/] {len(made.rows)} tracks; there are no more to choose from.")
    if output is not None:
        out.print(f"Written to {output}.", markup=False, soft_wrap=True)


def show_map(
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Print where the map of the library is, a page for the browser; draw it first where vectors have changed."""
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.vectors.atlas import make_atlas, page_path, page_state, state_of_vectors, write_page

    settings = read_settings()
    with clear_errors():
        engine = open_catalogue(settings)
        path = page_path(settings.home)
        with engine.connect() as connection:
            state, _, tracks = state_of_vectors(connection)
        if not tracks:
            fail("There are no vectors yet; the asset embeddings makes them.")
        if page_state(path) != state:
            with Bars() as bars, bars.stage("drawing the map") as stage:
                atlas = make_atlas(engine)
                if atlas is not None:
                    write_page(atlas, settings.home)
                    stage(len(atlas.points))
    if as_json:
        print_json({"file": str(path), "tracks": tracks})
    else:
        out.print(str(path), markup=False, soft_wrap=True)
    if open_it:
        typer.launch(path.as_uri())


def rebuild(
    missing: Annotated[bool, typer.Option("--missing", help="Build only what is not there.")] = False,
    as_json: Json = False,
) -> None:
    """Build the index over the vectors anew; small libraries need none. Searches and writers go on meanwhile."""
    from dataclasses import asdict

    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.vectors.index import EXACT_UP_TO
    from soniquebay_pipeline.vectors.index import rebuild as rebuild_index

    with clear_errors(), Bars() as bars:
        reports = rebuild_index(open_catalogue(read_settings()), only_missing=missing, progress=bars)
    if as_json:
        print_json({"exact_up_to": EXACT_UP_TO, "indexes": [asdict(report) for report in reports]})
        return
    if not reports:
        out.print("There are no vectors yet; the asset embeddings makes them.")
        return
    table = _table("kind", "model", "dimensions", "vectors", "index", "MB", "seconds")
    for r in reports:
        table.add_row(
            r.kind, escape(r.model), str(r.dimensions), f"{r.vectors:,}", r.action,
            f"{r.size_bytes / 2**20:,.1f}", f"{r.seconds:.1f}",
        )  # fmt: skip
    out.print(table)
    if any(r.action == "exact" for r in reports):
        out.print(f"exact: up to {EXACT_UP_TO:,} vectors are compared one by one, which needs no index.", style="dim")


def _named(engine: Engine, named: str) -> Row:
    """The track, or the candidates and exit code 2."""
    from soniquebay_pipeline.vectors.naming import TrackNotNamed, name_track

    try:
        return name_track(engine, named)
    except TrackNotNamed as error:
        if error.candidates:
            table = _table("id", "title", "artists", "album")
            for row in error.candidates:
                table.add_row(*_names(row))
            err.print(table)
        fail(str(error), code=2)


def _genres(engine: Engine, names: list[str] | None) -> list[str] | None:
    """Normal forms of the genres; one that no track has ends the command."""
    from sqlalchemy import text

    from soniquebay_pipeline.catalog.labels import genre_key

    if not names:
        return None
    keys = [genre_key(name.replace("\0", "")) for name in names]
    with engine.connect() as connection:
        known = set(
            connection.execute(
                text("SELECT name_key FROM genres WHERE name_key = ANY(:keys)"), {"keys": keys}
            ).scalars()
        )
        common = connection.execute(
            text(
                "SELECT g.name FROM genres g JOIN track_genres t ON t.genre_id = g.id"
                " GROUP BY g.id ORDER BY count(*) DESC, g.name LIMIT 10"
            )
        ).scalars()
        for name, key in zip(names, keys, strict=True):
            if key not in known:
                fail(f"No track has the genre {name!r}. The most common ones: {', '.join(common)}.", code=2)
    return keys


def _range(text: str | None, option: str, example: str, *, single: bool = False) -> tuple[float | None, float | None]:
    """``118..126``, ``118..``, ``..126`` as (from, to); with ``single`` also one number for both."""
    if text is None:
        return None, None
    low, dots, high = text.partition("..")
    if not dots and single:
        high = low
    try:
        first, last = (float(part) if part.strip() else None for part in (low, high))
        if (not dots and not single) or (first is None and last is None):
            raise ValueError
        if any(end is not None and not math.isfinite(end) for end in (first, last)):
            raise ValueError
    except ValueError:
        fail(f"{option} takes a range such as {example}, not {text!r}.", code=2)
    if first is not None and last is not None and first > last:
        fail(f"{option} {text} is empty: {low} is more than {high}.", code=2)
    return first, last


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1))
    for name in columns:
        # Names give way where the terminal is narrow; what a person copies or compares does not.
        table.add_column(name, no_wrap=name not in ("title", "artists", "album", "because of"))
    return table


def _reasons(row: Row) -> str:
    """The largest parts of what speaks for the likeness: ``timbre 52%, text 31%, rhythm 9%``."""
    parts = {block: max(0.0, row[f"by_{block}"] or 0.0) for block in BLOCKS}
    whole = sum(parts.values()) or 1.0
    largest = sorted(parts, key=lambda block: -parts[block])[:3]
    return ", ".join(f"{block} {parts[block] / whole:.0%}" for block in largest if parts[block] / whole >= 0.01)


def _names(row: Row) -> tuple[str, str, str, str]:
    from soniquebay_pipeline.library.paths import display

    texts = (row["title"], ", ".join(row["artists"]), row["album"] or "")
    return (str(row["track_id"]), *(escape(display(text)) for text in texts))  # type: ignore[return-value]


def _line(row: Row) -> str:
    from soniquebay_pipeline.library.paths import display

    features = ", ".join(filter(None, (_tempo(row) and f"{_tempo(row)} bpm", row["camelot_key"])))
    line = f"{row['track_id']}: {', '.join(row['artists'])} - {row['title']}"
    return display(line + (f" ({features})" if features else ""))


def _tempo(row: Row) -> str:
    return "" if row["bpm"] is None else f"{row['bpm']:.0f}"
