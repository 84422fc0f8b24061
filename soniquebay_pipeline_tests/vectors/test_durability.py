"""An embedding that is killed goes on where it was, and ends in the rows of one that was not disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, text

from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.vectors.catalogue import Track, add_tracks, any_sound
from soniquebay_pipeline_tests.vectors.test_run import all_is_well, make, nothing_is_due, rows, vectors

TRACKS = 60
SLOWLY = """
import sys, time
from pathlib import Path
from sqlalchemy import create_engine
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline.vectors import run, sound_vectors, text_vectors
run.CHUNK = sound_vectors.BATCH = 4
write = text_vectors.write
def slowly(*arguments):
    time.sleep(0.1)
    return write(*arguments)
text_vectors.write = slowly
settings = Settings(text_model=sys.argv[2], home=Path(sys.argv[3]))
run.make_due_vectors(create_engine(sys.argv[1]), settings, range(4))
"""


def state(engine: Engine) -> tuple[Any, Any]:
    with engine.connect() as connection:
        texts = connection.execute(text("SELECT track_id, sentence, sentence_hash, document::text FROM track_texts"))
        return rows(engine), {tuple(row) for row in texts}


def test_killed_in_the_middle(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    add_tracks(engine, [Track(f"song {n}", shard=n % 4, sound=any_sound(n)) for n in range(TRACKS)])
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", SLOWLY, url, settings.text_model, str(tmp_path / "home")]
    kept = 0
    for _ in range(2):
        process = subprocess.Popen(command, start_new_session=True)
        deadline = time.monotonic() + 180
        while len(vectors(engine, "text")) < kept + 8 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kept = len(vectors(engine, "text"))
    assert 16 <= kept < TRACKS
    _, sentences = make(engine, settings)
    assert len(sentences) == TRACKS - kept  # nothing that was stored was encoded again
    assert nothing_is_due(engine, settings) and all_is_well(engine, settings)
    resumed, found = state(engine), vectors(engine, "combined")
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE embeddings, track_texts, audio_scalers RESTART IDENTITY"))
    make(engine, settings)
    assert state(engine) == resumed
    for track_id, vector in vectors(engine, "combined").items():
        # How sentences are padded changes the last digits.
        assert np.allclose(vector, found[track_id], atol=1e-5)
