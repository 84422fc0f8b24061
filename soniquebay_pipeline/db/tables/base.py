"""What all tables share: the metadata with its naming convention, the revision counter, common columns."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, Sequence, func

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

revision_seq = Sequence("revision_seq", metadata=metadata)
"""Numbers the states of a file's metadata; ``tracks.revision`` names the one it was made from."""


def created_at() -> Column[object]:
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())
