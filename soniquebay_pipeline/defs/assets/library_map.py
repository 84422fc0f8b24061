"""library_map: the whole library on one plane."""

from typing import Any

import dagster as dg

from soniquebay_pipeline.defs.assets.common import docs
from soniquebay_pipeline.defs.resources import Pipeline


@dg.asset(
    deps=["embeddings"],
    group_name="vectors",
    kinds={"python", "html"},
    owners=["team:soniquebay"],
    pool="vector",
    code_version="1",
    description="""
A map of the library: every track a point, near where it sounds and reads alike, coloured by genre; and how
spread each genre is. The picture is in the metadata; the page to explore it in, where hovering shows title and
artist, is written below SONIQUEBAY_HOME/maps (`soniquebay map`).

t-SNE over at most 2,000 tracks, the others placed by their nearest neighbours; at most 20,000 points.

```sh
soniquebay map --open
```
""".strip(),
    metadata={"docs": docs("decisions/0018-playlists-and-map.md")},
)
def library_map(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult:
    from soniquebay_pipeline.defs.charts import genre_spread, map_picture
    from soniquebay_pipeline.vectors.atlas import make_atlas, write_page

    atlas = make_atlas(pipeline.engine)
    if atlas is None:
        return dg.MaterializeResult(metadata={"tracks": 0})
    path = write_page(atlas, pipeline.settings.home)
    metadata: dict[str, Any] = {
        "tracks": atlas.tracks,
        "points": len(atlas.points),
        "page": dg.MetadataValue.path(str(path)),
        "map": map_picture(atlas.points, atlas.groups, atlas.labels, atlas.colours),
    }
    if atlas.genres:
        metadata["genres"] = genre_spread([(genre.name, genre.spread, genre.tracks) for genre in atlas.genres])
    return dg.MaterializeResult(metadata=metadata)
