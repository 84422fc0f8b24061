"""What the tracks sound like."""

from __future__ import annotations

from sqlalchemy import REAL, BigInteger, Column, DateTime, Float, ForeignKey, Index, Integer, Table, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from soniquebay_pipeline.db.tables.base import metadata

audio_features = Table(
    "audio_features",
    metadata,
    Column("track_id", ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("audio_hash", Text, comment="The audio that was analysed"),
    Column("analysis_version", Integer, nullable=False),
    Column("failure_reason", Text, comment="Why there are no features; NULL when there are"),
    Column("failure_detail", Text),
    Column("bpm", Float, comment="Tempo in beats a minute: measured, or the tag's (values_from)"),
    Column("bpm_measured", Float, comment="NULL where no beat was found"),
    Column("bpm_confidence", Float, comment="0..1"),
    Column("bpm_alternative", Float, comment="The best other reading: half, double or 2/3"),
    Column("bpm_tag", Float),
    Column("bpm_disagreement", Text, comment="octave or tempo: how tag and measurement differ; NULL when they agree"),
    Column("key", Text, comment="Tonic with sharps, C … B: measured, or the tag's (values_from)"),
    Column("scale", Text, comment="major or minor"),
    Column("camelot_key", Text, comment="8B is C major, 8A is A minor"),
    Column("key_measured", Text, comment="NULL where no key stood out"),
    Column("scale_measured", Text),
    Column("key_confidence", Float, comment="0..1"),
    Column("key_runner_up", Text, comment="The second best key, e.g. A minor"),
    Column("key_tag", Text, comment="The tag's key, e.g. A minor"),
    Column("key_disagreement", Text, comment="relative, parallel, fifth or other; NULL when they agree"),
    Column("values_from", Text, comment="measured or tags: which wins where there are both (SONIQUEBAY_PREFER_TAGS)"),
    Column("moods", JSONB, comment="Moods that tags name, with their strength in 0..1 where they give one"),
    Column("tags_revision", BigInteger, comment="raw_metadata.revision that the tag values were taken from"),
    Column("loudness_lufs", Float, comment="Integrated loudness, EBU R128; ReplayGain 2.0 is -18 minus this"),
    Column("loudness_range_lu", Float, comment="EBU Tech 3342"),
    Column("sample_peak", Float, comment="Largest absolute sample; 1.0 is full scale"),
    Column("energy", Float, comment="0..1"),
    Column("danceability", Float, comment="0..1"),
    Column("acousticness", Float, comment="0..1"),
    Column("instrumentalness", Float, comment="0..1; a violin with vibrato counts as a voice, rap may be missed"),
    Column("timbre", ARRAY(REAL), comment="Fixed-length summary of the sound"),
    Column("timbre_version", Integer),
    Column("acoustid_fingerprint", Text),
    Column("seconds_analysed", Float),
    Column("seconds_spent", Float, comment="CPU seconds"),
    Column("analyzed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
Index("ix_audio_features_audio_hash", audio_features.c.audio_hash)
Index(
    "ix_audio_features_camelot_key_bpm",
    audio_features.c.camelot_key,
    audio_features.c.bpm,
    postgresql_include=["track_id"],
)
