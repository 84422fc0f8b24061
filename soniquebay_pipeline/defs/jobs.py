"""Jobs: what a person, the command line, sensors and schedules start."""

import dagster as dg

from soniquebay_pipeline.defs.resources import Pipeline

CATALOGUE_SELECTION = dg.AssetSelection.groups("catalog") | dg.AssetSelection.assets("covers")

ingest = dg.define_asset_job(
    "ingest",
    selection=CATALOGUE_SELECTION,
    description="From files to the catalogue: raw_files, raw_metadata, artists, albums, genres, tracks, covers.",
    tags={"soniquebay/stage": "catalog"},
)

analyse = dg.define_asset_job(
    "analyse",
    selection=dg.AssetSelection.assets("audio_features"),
    description="Tempo, key, loudness, character and timbre of the tracks that lack them.",
    tags={"soniquebay/stage": "sound"},
)

run_everything = dg.define_asset_job(
    "run_everything",
    selection=dg.AssetSelection.all(),
    description="Every asset, in the order of the graph; what `soniquebay run` starts.",
)


@dg.op(pool="database", description="Remove artists, albums, genres and moods that no file refers to.")
def remove_orphans(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.catalog.store.maintenance import remove_orphans as remove

    removed = remove(pipeline.engine)
    context.log.info("Removed orphans: %s", ", ".join(f"{n} {table}" for table, n in removed.items()))
    context.add_output_metadata(removed)


@dg.op(pool="cover", description="Remove pictures that nothing refers to, and find damaged ones.")
def clean_pictures(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.artwork.maintenance import clean

    cleaned = clean(pipeline.engine, pipeline.settings.home, pipeline.settings.cover_grace_days).numbers()
    context.log.info("Pictures: %s", ", ".join(f"{count} {name}" for name, count in cleaned.items()))
    context.add_output_metadata(cleaned)


@dg.job(description="Daily clean-up of the catalogue.", executor_def=dg.in_process_executor)
def maintenance() -> None:
    remove_orphans()
    clean_pictures()
