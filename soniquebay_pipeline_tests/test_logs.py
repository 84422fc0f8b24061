"""Log lines can be read by programs: one line an event, fields that come back as they were."""

from __future__ import annotations

import logging
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soniquebay_pipeline.logs import logger
from soniquebay_pipeline.settings import Settings
from soniquebay_pipeline_tests.defs.running import instance_of, run
from soniquebay_pipeline_tests.music_files import song


def test_stage_event_and_fields_are_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logger("covers").info("stored", album_id=3, file="Fred again../USB (deluxe).jpg")
    assert caplog.messages == ['stage=covers event=stored album_id=3 file="Fred again../USB (deluxe).jpg"']


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_file_name_stays_one_field_of_one_line(name: str) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    stage = logging.getLogger("soniquebay_pipeline.test_names")
    stage.addHandler(handler)
    stage.setLevel(logging.INFO)
    try:
        logger("test_names").info("seen", file=name, last="end")
    finally:
        stage.removeHandler(handler)
    [line] = lines
    assert "\n" not in line
    assert line.startswith("stage=test_names event=seen file=") and line.endswith(" last=end")
    if name.isalnum() and name.isascii():
        assert shlex.split(line)[2] == f"file={name}"


def test_a_rejected_file_is_in_the_log_of_its_run(settings_env: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_env.music_dir
    song(settings_env.music_dir / "Artist/Album/1.flac", 1)
    (settings_env.music_dir / "Artist/Album/2.flac").write_bytes(b"fLaC and no more")
    with instance_of(settings_env, monkeypatch) as instance:
        done = run(instance)
        lines = [entry.user_message for entry in instance.all_logs(done.run_id)]
    assert any("stage=raw_metadata event=done described=1 rejected=1" in line for line in lines), lines
