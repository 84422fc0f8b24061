"""Sensors: what happens because something changed."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from soniquebay_pipeline.defs.jobs import analyse, ingest, run_everything
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, contiguous, range_tags
from soniquebay_pipeline.defs.runs import last_loss, runs_in_progress
from soniquebay_pipeline.settings import get_settings

CATALOGUE_JOBS = (ingest.name, run_everything.name)
MAX_RUNS_A_TICK = 4
"""Scattered shards beyond this become one run over the covering range: starting a run takes seconds,
scanning an unchanged shard takes milliseconds."""


@dg.sensor(
    name="new_music_sensor",
    job=ingest,
    minimum_interval_seconds=get_settings().sensor_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="""
Looks at the library for new, changed, moved and vanished files, waits until a folder has settled, and
requests the shards concerned. Looks at as many folders as fit into SONIQUEBAY_SENSOR_TICK_SECONDS and goes
on from there at the next tick.
""",
)
def new_music_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.library.record import read_record
    from soniquebay_pipeline.library.walk import LibraryRootError
    from soniquebay_pipeline.library.watch import Cursor, look

    settings = get_settings()
    running = [run for run in runs_in_progress(context.instance) if run.job_name == ingest.name]
    if running:
        return dg.SkipReason(f"An ingest is in progress (run {running[0].run_id[:8]}); looking again after it.")
    engine = open_catalogue(settings)
    record = read_record(engine)
    root = settings.music_dir or (record.root if record else None)
    if root is None:
        return dg.SkipReason("No music folder is set: set SONIQUEBAY_MUSIC_DIR, or run `soniquebay run` once.")
    cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
    # What was requested of a run that was killed is requested again at once, not after an hour.
    lost_at = last_loss(context.instance)
    cursor.requested = {shard: asked for shard, asked in cursor.requested.items() if asked[1] > lost_at}
    try:
        with engine.connect() as connection:
            result = look(
                connection,
                root,
                settings.shards,
                cursor,
                budget_seconds=settings.sensor_tick_seconds,
                settle_seconds=settings.settle_seconds,
            )
    except LibraryRootError as error:
        return dg.SkipReason(str(error))
    if not result.shards:
        context.update_cursor(result.cursor.model_dump_json())
        return dg.SkipReason(result.summary())
    ranges = contiguous(result.shards)
    if len(ranges) > MAX_RUNS_A_TICK:
        ranges = [(ranges[0][0], ranges[-1][1])]
    context.log.info(f"{result.summary()}; requesting shards {sorted(result.shards)}")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                tags={
                    **range_tags(SHARD_KEYS[first], SHARD_KEYS[last]),
                    "soniquebay/because": _because(result.changed),
                }
            )
            for first, last in ranges
        ],
        cursor=result.cursor.model_dump_json(),
    )


@dg.sensor(
    name="deferred_enrichment",
    job=analyse,
    minimum_interval_seconds=get_settings().analysis_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="""
Starts the analysis of tracks that lack features or have outdated ones: a run a shard, newest additions
first, never two over one shard. The queue and the pool `cpu` decide how many run at once, so the backlog
drains at the speed of the work. Waits while an ingest runs: the catalogue comes first.
""",
)
def deferred_enrichment(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    from soniquebay_pipeline.audio.store import due_shards
    from soniquebay_pipeline.db.migrate import open_catalogue

    runs = runs_in_progress(context.instance)
    if any(run.job_name in CATALOGUE_JOBS for run in runs):
        return dg.SkipReason("An ingest is in progress; analysis waits for it.")
    engine = open_catalogue(get_settings())
    with engine.connect() as connection:
        due = [SHARD_KEYS[shard] for shard in due_shards(connection) if shard < len(SHARD_KEYS)]
    if not due:
        return dg.SkipReason("Every track is analysed, or waits for its next attempt.")
    busy = _shards_of(runs)
    free = [key for key in due if key not in busy]
    if not free:
        return dg.SkipReason(f"The {len(due)} shards that are due are queued or being analysed.")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(tags={**range_tags(key, key), "dagster/priority": str(-place)})
            for place, key in enumerate(free)
        ]
    )


def _shards_of(runs: Iterable[dg.DagsterRun]) -> set[str]:
    """Shards that runs of the analysis work on or are queued for."""
    keys: set[str] = set()
    for run in runs:
        if run.job_name == analyse.name:
            first, last = (run.tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
            single = run.tags.get("dagster/partition")
            keys |= {key for key in SHARD_KEYS if single == key or (first and last and first <= key <= last)}
    return keys


def _because(folders: list[str]) -> str:
    """Which folders changed, short enough for a tag."""
    from soniquebay_pipeline.library.paths import display

    named = "; ".join(display(folder) or "." for folder in folders[:3])
    return (named[:180] + "…" if len(named) > 180 else named) + (
        f" and {len(folders) - 3} more" if len(folders) > 3 else ""
    )
