"""Sensors: what happens because something changed."""

from __future__ import annotations

import dagster as dg

from soniquebay_pipeline.defs.jobs import ingest
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, contiguous, range_tags
from soniquebay_pipeline.settings import get_settings

IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
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
    from soniquebay_pipeline.db.engine import get_engine
    from soniquebay_pipeline.db.migrate import migrate
    from soniquebay_pipeline.library.record import read_record
    from soniquebay_pipeline.library.walk import LibraryRootError
    from soniquebay_pipeline.library.watch import Cursor, look

    settings = get_settings()
    running = context.instance.get_runs(filters=dg.RunsFilter(job_name=ingest.name, statuses=IN_PROGRESS), limit=1)
    if running:
        return dg.SkipReason(f"An ingest is in progress (run {running[0].run_id[:8]}); looking again after it.")
    engine = get_engine(settings)
    migrate(engine)
    record = read_record(engine)
    root = settings.music_dir or (record.root if record else None)
    if root is None:
        return dg.SkipReason("No music folder is set: set SONIQUEBAY_MUSIC_DIR, or run `soniquebay run` once.")
    cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
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


def _because(folders: list[str]) -> str:
    """Which folders changed, short enough for a tag."""
    from soniquebay_pipeline.library.paths import display

    named = "; ".join(display(folder) or "." for folder in folders[:3])
    return (named[:180] + "…" if len(named) > 180 else named) + (
        f" and {len(folders) - 3} more" if len(folders) > 3 else ""
    )
