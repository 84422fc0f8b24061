"""Jobs: what a person, the command line, sensors and schedules start."""

import dagster as dg

from soniquebay_pipeline.defs.resources import Pipeline

CATALOGUE_SELECTION = dg.AssetSelection.groups("catalog")

ingest = dg.define_asset_job(
    "ingest",
    selection=CATALOGUE_SELECTION,
    description="From files to the catalogue: raw_files, raw_metadata, artists, albums, genres, tracks.",
    tags={"soniquebay/stage": "catalog"},
)

analyse = dg.define_asset_job(
    "analyse",
    selection=dg.AssetSelection.assets("audio_features"),
    description="Tempo, key, loudness, character and timbre of the tracks that lack them.",
    tags={"soniquebay/stage": "sound"},
)

health = dg.define_asset_job(
    "health",
    selection=dg.AssetSelection.assets("library_health"),
    description="What is wrong with the library, as it is now.",
    tags={"soniquebay/stage": "care"},
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


@dg.op(pool="database", description="Remove stand-ins for features of tracks that were analysed since.")
def remove_stand_ins(context: dg.OpExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> None:
    from soniquebay_pipeline.care.stand_ins import forget_replaced

    context.add_output_metadata({"removed": forget_replaced(pipeline.engine)})


@dg.job(description="Daily clean-up of the catalogue.", executor_def=dg.in_process_executor)
def maintenance() -> None:
    remove_orphans()
    remove_stand_ins()
