"""The job `playlist`: a playlist made from Dagster's launchpad, with the list in the run's metadata."""

from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.metadata import markdown_table
from soniquebay_pipeline.defs.resources import Pipeline

CONFIG = {
    "from": dg.Field(str, description="The first track: an id, a path, or words that name it."),
    "to": dg.Field(str, is_required=False, description="The last track; without one the list stays near the first."),
    "length": dg.Field(int, default_value=25, is_required=False, description="How many tracks."),
}


@dg.op(pool="database", config_schema=CONFIG, description="Choose the tracks and write the file.")
def make_playlist(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.library.paths import display
    from soniquebay_pipeline.vectors.m3u import write_m3u
    from soniquebay_pipeline.vectors.naming import TrackNotNamed, name_track
    from soniquebay_pipeline.vectors.playlist import NoPlaylist
    from soniquebay_pipeline.vectors.playlist import make_playlist as make

    config: dict[str, Any] = context.op_config
    try:
        start = name_track(pipeline.engine, config["from"])
        end = name_track(pipeline.engine, config["to"]) if config.get("to") else None
        made = make(pipeline.engine, start["track_id"], None if end is None else end["track_id"], config["length"])
    except (TrackNotNamed, NoPlaylist) as error:
        candidates = "; ".join(
            f"{row['track_id']}: {', '.join(row['artists'])} - {row['title']}"
            for row in getattr(error, "candidates", [])
        )
        raise dg.Failure(display(" ".join(filter(None, (str(error), candidates)))), allow_retries=False) from error
    folder = pipeline.settings.home / "playlists"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ("-".join(str(end_["track_id"]) for end_ in (start, end) if end_) + ".m3u8")
    write_m3u(path, made.rows, pipeline.library.root)
    rows = [
        (
            place,
            row["title"],
            ", ".join(row["artists"]),
            row["album"] or "",
            "" if row["bpm"] is None else f"{row['bpm']:.0f}",
            row["camelot_key"] or "",
            "" if row["similarity"] is None else f"{row['similarity']:.2f}",
        )
        for place, row in enumerate(made.rows, start=1)
    ]
    context.add_output_metadata(
        {
            "file": dg.MetadataValue.path(str(path)),
            "tracks": len(rows),
            "playlist": markdown_table(["", "title", "artists", "album", "bpm", "key", "alike"], rows),
        }
    )


@dg.job(
    description="A playlist that moves smoothly in sound, tempo and key. In the launchpad: "
    "ops: {make_playlist: {config: {from: …, to: …, length: 25}}}",
    executor_def=dg.in_process_executor,
)
def playlist() -> None:
    make_playlist()
