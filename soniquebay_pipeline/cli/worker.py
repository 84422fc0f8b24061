"""`worker`: executes the steps that runs of other machines send through Celery."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from typing import Annotated

import typer

from soniquebay_pipeline.cli.output import clear_errors, err, fail, read_settings


def worker(
    queue: Annotated[
        list[str] | None, typer.Option(help="Queue to work off; may be given several times. Default: analysis.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Steps at once. Each starts SONIQUEBAY_ANALYSIS_WORKERS processes.")
    ] = 1,
    name: Annotated[str | None, typer.Option(help="Name of this worker; default the host's name.")] = None,
) -> None:
    """Execute the steps (shards of the analysis) that the runs of other machines send through Celery.

    Needs SONIQUEBAY_CELERY_BROKER_URL and SONIQUEBAY_DATABASE_URL, and the music below the same path as there.
    """
    from soniquebay_pipeline.cli.instance import prepare_dagster_home
    from soniquebay_pipeline.db.migrate import open_catalogue
    from soniquebay_pipeline.defs.executors import QUEUE

    settings = read_settings()
    if settings.celery_broker_url is None:
        fail("SONIQUEBAY_CELERY_BROKER_URL is not set: a worker needs a broker. docs/deploy.md says how.", code=2)
    if importlib.util.find_spec("dagster_celery") is None:
        fail("dagster-celery is not installed: pip install -c constraints.txt -e '.[celery]'")
    with clear_errors():
        open_catalogue(settings)
    prepare_dagster_home(settings)
    queues = ",".join(queue or [QUEUE])
    err.print(f"Working off {queues}, {concurrency} at once (Ctrl-C ends it after the step at work)")
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = [sys.executable, "-m", "celery", "-A", "soniquebay_pipeline.defs.celery_app", "worker"]
    arguments += ["--queues", queues, "--concurrency", str(concurrency), "--loglevel", "INFO"]
    arguments += ["--hostname", f"{name or 'soniquebay'}@{socket.gethostname()}"]
    # Gossip and mingle keep workers informed of each other, which nothing here needs.
    os.execv(sys.executable, [*arguments, "--without-gossip", "--without-mingle"])
