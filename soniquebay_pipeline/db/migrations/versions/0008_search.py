"""The search interface: functions and a view; indexes for its filters

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

from soniquebay_pipeline.db.bulk import driver

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FUNCTIONS = (
    "find_tracks",
    "search_tracks",
    "search_by_vector",
    "similar_tracks",
    "vector_blocks",
    "nearest_tracks",
    "embeddings_index_name",
    "compatible_keys",
    "folded",
)


def upgrade() -> None:
    # Rows stay whole up to a page: a vector in the TOAST table costs a second lookup each time it is compared.
    op.execute("ALTER TABLE embeddings SET (toast_tuple_target = 8160)")
    op.create_index(
        "ix_audio_features_camelot_key_bpm",
        "audio_features",
        ["camelot_key", "bpm"],
        postgresql_include=["track_id"],
    )
    op.create_index("ix_tracks_year", "tracks", ["year"])
    # By the driver itself: SQLAlchemy would take colons and percent signs of the functions for parameters.
    driver(op.get_bind()).execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))


def downgrade() -> None:
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    op.execute("DROP VIEW track_overview")
    op.drop_index("ix_tracks_year", table_name="tracks")
    op.drop_index("ix_audio_features_camelot_key_bpm", table_name="audio_features")
    op.execute("ALTER TABLE embeddings RESET (toast_tuple_target)")
