"""artists: who the files credit."""

import dagster as dg

from soniquebay_pipeline.defs.assets.common import catalogue_asset, catalogue_result, each_shard
from soniquebay_pipeline.defs.resources import Pipeline


@catalogue_asset(
    table="artists",
    deps=["raw_metadata"],
    kinds={"postgres", "sql"},
    pool="database",
    code_version="1",
    description="""
One row an artist. Identity is the MusicBrainz id where there is one, else the normal form of the name:
letter case, white space, Unicode form and kinds of dash do not matter. What is shown is the most common
spelling, as written: R.E.M., AC/DC, Earth, Wind & Fire.

Also groups the files of each folder into albums (`album_groups`), because an album without an album
artist gets one from its tracks: the artist they share, or Various Artists.
""",
)
def artists(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.catalog.store.artists import resolve_artists

    totals = each_shard(context, pipeline, "resolving artists", resolve_artists)
    return catalogue_result(pipeline, "artists", totals)
