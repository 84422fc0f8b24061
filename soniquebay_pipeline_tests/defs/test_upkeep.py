"""The daily maintenance looks after the cache of answers and the ledger of attempts."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from soniquebay_pipeline.db import ledger
from soniquebay_pipeline.db.ledger import FailedAttempt
from soniquebay_pipeline.db.ledger_view import queue_states
from soniquebay_pipeline.definitions import defs
from soniquebay_pipeline.enrichment.gateway import Gateway, Provider
from soniquebay_pipeline.settings import Settings, get_settings


def test_daily_maintenance(settings_env: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONIQUEBAY_LASTFM_API_KEY", "0" * 32)
    get_settings.cache_clear()
    provider = Provider("test", 1000.0)
    with Gateway(engine) as gateway:
        gateway.ask(provider, "test:old", lambda: b"", lifetime=timedelta(microseconds=1))
        gateway.ask(provider, "test:new", lambda: b"")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO artists (id, name, name_key) VALUES (7, 'A', 'a')"))
        for _ in range(ledger.MAX_ATTEMPTS):
            for queue in ("enrichment", "analysis"):
                ledger.note_failures(connection, queue, "artist", [FailedAttempt(n, "", "x") for n in (7, 8)])
        # A credit keeps the artist from being an orphan.
        connection.execute(text("INSERT INTO albums (title, title_key, album_artist_id) VALUES ('B', 'b', 7)"))
        connection.execute(
            text(
                "INSERT INTO album_groups (album_folder, title, title_key, artist_name, artist_name_key, album_id,"
                " is_compilation, file_count) SELECT '', 'B', 'b', 'A', 'a', id, false, 1 FROM albums"
            )
        )
    with dg.DagsterInstance.ephemeral() as instance:
        assert defs.resolve_job_def("maintenance").execute_in_process(instance=instance).success
    with engine.connect() as connection:
        assert connection.execute(text("SELECT key FROM web_answers")).scalars().all() == ["test:new"]
        states = {state.queue: state for state in queue_states(connection)}
    # Artist 8 never was; what failed on a web service has one more attempt, what failed on a file has none.
    assert (states["enrichment"].waiting, states["enrichment"].failed) == (1, 0)
    assert (states["analysis"].waiting, states["analysis"].failed) == (0, 1)
    with engine.begin() as connection:
        [claim] = ledger.claim(connection, "enrichment", "artist", limit=9, worker="me", lease_seconds=9)
    assert (claim.entity_id, claim.attempt) == (7, ledger.MAX_ATTEMPTS)
