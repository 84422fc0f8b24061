"""Sensors: what happens because something changed."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from soniquebay_pipeline.defs.deferred import ask_in_turn, catalogue_at_work, request_shards, shards_of
from soniquebay_pipeline.defs.jobs import analyse, embed, ingest
from soniquebay_pipeline.defs.partitions import SHARD_KEYS, contiguous, range_tags
from soniquebay_pipeline.defs.runs import lost_runs, runs_in_progress
from soniquebay_pipeline.settings import get_settings

MAX_RUNS_A_TICK = 4
"""Scattered shards beyond this become one run over the covering range: starting a run takes seconds,
scanning an unchanged shard takes milliseconds."""
NEXT_STAGE_SECONDS = 5
"""As often as Dagster's daemon looks at sensors; a tick without a new event is one query on Dagster's storage."""


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
    # What was requested of a run that was killed is requested again at once, not after an hour. All its shards are:
    # where it had written down the files already, no folder looks different, and their tags would wait for the night.
    lost = lost_runs(context.instance, cursor.resumed_at)
    lost_at = max((when for _, when in lost), default=cursor.resumed_at)
    again = {int(key) for key in shards_of([run for run, _ in lost], ingest.name)}
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
    result.cursor.resumed_at = lost_at
    shards = result.shards | again
    if not shards:
        context.update_cursor(result.cursor.model_dump_json())
        return dg.SkipReason(result.summary())
    ranges = contiguous(shards)
    if len(ranges) > MAX_RUNS_A_TICK:
        ranges = [(ranges[0][0], ranges[-1][1])]
    context.log.info(f"{result.summary()}; requesting shards {sorted(shards)}")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                tags={
                    **range_tags(SHARD_KEYS[first], SHARD_KEYS[last]),
                    "soniquebay/because": _because(result.changed) or "a run was killed",
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
    return _due_analysis(runs_in_progress(context.instance))


@dg.sensor(
    name="deferred_vectors",
    job=embed,
    minimum_interval_seconds=get_settings().vectors_interval_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="""
Starts the making of vectors for tracks whose words or features are new or changed: a run a shard, never two
over one. Words come first; a shard whose sound is being analysed waits for the end of that. Asks about as many
shards as fit into SONIQUEBAY_SENSOR_TICK_SECONDS and goes on from there at the next tick.
""",
)
def deferred_vectors(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    first = int(context.cursor or 0) % len(SHARD_KEYS)
    order = [*range(first, len(SHARD_KEYS)), *range(first)]
    result, asked = _due_vectors(runs_in_progress(context.instance), order)
    context.update_cursor(str(order[asked % len(order)]))
    return result


@dg.run_status_sensor(
    name="next_stage",
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[ingest, analyse],
    request_jobs=[analyse, embed],
    minimum_interval_seconds=NEXT_STAGE_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="""
As soon as an ingest has ended, starts the analysis and the vectors of words; as soon as an analysis has ended, the
vectors of sound. It asks what deferred_enrichment and deferred_vectors ask, about the shards of that run first; they
find what it misses: retries, runs of the command line.
""",
)
def next_stage(context: dg.RunStatusSensorContext) -> dg.SensorResult | dg.SkipReason:
    ended = shards_of([context.dagster_run], context.dagster_run.job_name)
    order = sorted(range(len(SHARD_KEYS)), key=lambda shard: SHARD_KEYS[shard] not in ended)
    runs = runs_in_progress(context.instance)
    looks = [_due_analysis(runs), _due_vectors(runs, order)[0]]
    requests = [request for look in looks if isinstance(look, dg.SensorResult) for request in look.run_requests or []]
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SkipReason(" ".join(look.skip_message or "" for look in looks if isinstance(look, dg.SkipReason)))


def _due_analysis(runs: Sequence[dg.DagsterRun]) -> dg.SensorResult | dg.SkipReason:
    from soniquebay_pipeline.audio.store import due_shards
    from soniquebay_pipeline.db.migrate import open_catalogue

    if waits := catalogue_at_work(runs, "analysis"):
        return waits
    with open_catalogue(get_settings()).connect() as connection:
        due = due_shards(connection)
    return request_shards(
        analyse.name,
        due,
        runs,
        nothing="Every track is analysed, or waits for its next attempt.",
        at_work="being analysed",
    )


def _due_vectors(runs: Sequence[dg.DagsterRun], order: Sequence[int]) -> tuple[dg.SensorResult | dg.SkipReason, int]:
    """What to start, and about how many of the shards there was time to ask."""
    from sqlalchemy import text

    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.vectors.model import ModelError
    from soniquebay_pipeline.vectors.run import DueShards, due_shards

    if waits := catalogue_at_work(runs, "making vectors"):
        return waits, 0
    settings = get_settings()
    due = DueShards(set(), set())
    try:
        with open_catalogue(settings).connect() as connection:

            def ask(shards: Sequence[int]) -> None:
                nonlocal due
                due |= due_shards(connection, settings, shards)

            tracks = connection.execute(text("SELECT count(*) FROM tracks")).scalar_one()
            asked = ask_in_turn(order, ask, tracks=tracks, seconds=settings.sensor_tick_seconds)
    except ModelError as error:
        return dg.SkipReason(str(error)), 0
    analysed = {int(key) for key in shards_of(runs, analyse.name)}
    sound = sorted(due.sound - analysed)
    if due.sound and not sound and not due.text:
        waits = dg.SkipReason(f"The {len(due.sound)} shards that are due are being analysed; vectors come after that.")
        return waits, asked
    requests = request_shards(
        embed.name,
        [*sorted(due.text), *sound],
        runs,
        nothing="Every track has its vectors, or waits for its next attempt."
        if asked == len(order)
        else "Nothing is due in the shards there was time to ask about; the next tick asks about others.",
        at_work="at work",
    )
    return requests, asked


def _because(folders: list[str]) -> str:
    """Which folders changed, short enough for a tag."""
    from soniquebay_pipeline.library.paths import display

    named = "; ".join(display(folder) or "." for folder in folders[:3])
    return (named[:180] + "…" if len(named) > 180 else named) + (
        f" and {len(folders) - 3} more" if len(folders) > 3 else ""
    )
