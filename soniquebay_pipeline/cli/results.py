"""`results`: what was computed, as a file that another catalogue takes over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soniquebay_pipeline.cli.output import Bars, clear_errors, fail, out, print_json, read_settings

app = typer.Typer(help="Audio features and text vectors as a Parquet file.", no_args_is_help=True)


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file to write, such as results.parquet.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace the file if it is there.")] = False,
) -> None:
    """Write audio features and text vectors into a file, for another machine or a new database."""
    from soniquebay_pipeline.care.results.export import export_results
    from soniquebay_pipeline.db.migrate import open_catalogue

    if file.exists() and not yes:
        fail(f"{file} is there already. Nothing was written; name another file, or use --yes.")
    with clear_errors(), Bars() as bars:
        done = export_results(open_catalogue(read_settings()), file, bars)
    size = file.stat().st_size / 1e6
    out.print(
        f"Wrote the features of {done.features:,} recordings and {done.text_vectors:,} text vectors to {file} "
        f"({size:,.1f} MB).",
        soft_wrap=True,
    )


@app.command("import")
def take(
    file: Annotated[Path, typer.Argument(help="A file that `results export` wrote, here or on another machine.")],
    same_recording: Annotated[
        bool,
        typer.Option(
            "--same-recording",
            help="Keep values of the same MusicBrainz recording as stand-ins until a track is analysed.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Take over results for the tracks that lack them; what is there already stays. May be repeated."""
    from dataclasses import asdict

    from soniquebay_pipeline.care.results.take import take_results
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.vectors.text_store import write_due_texts

    settings = read_settings()
    with clear_errors(), Bars() as bars:
        engine = open_catalogue(settings)
        taken = take_results(
            engine,
            file,
            write_sentences=lambda: write_due_texts(engine, range(settings.shards), bars),
            prefer_tags=settings.prefer_tags,
            same_recording=same_recording,
            progress=bars,
        )
    if as_json:
        print_json(asdict(taken))
        return
    out.print(f"{taken.features_taken:,} tracks got features, {taken.text_vectors_taken:,} a text vector.")
    if taken.recordings_taken:
        out.print(f"{taken.recordings_taken:,} tracks got stand-ins of the same recording.")
    aside = {
        "of audio that is not in this library": taken.features_unknown,
        "of another analysis version": taken.other_version,
        "of sentences that no track has": taken.text_vectors_unknown,
        "refused: no analysis gives such values": taken.refused,
    }
    for why, count in aside.items():
        if count:
            out.print(f"{count:,} rows left aside, {why}.")
