"""What steps leave for each other, and attempts that are to be repeated."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)

from soniquebay_pipeline.db.tables.base import created_at, metadata

due_artist_keys = Table(
    "due_artist_keys",
    metadata,
    Column("name_key", Text, nullable=False),
    comment="Names whose credits changed: the artists step resolves them again",
)
due_labels = Table(
    "due_labels",
    metadata,
    Column("kind", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    comment="Genres and moods whose uses changed: the genres step spells them again",
)
due_albums = Table(
    "due_albums",
    metadata,
    Column("title_key", Text, nullable=False),
    Column("artist_id", BigInteger, nullable=False),
    comment="Albums whose groups changed: the albums step resolves them again",
)
due_tracks = Table(
    "due_tracks",
    metadata,
    Column("file_id", BigInteger, nullable=False),
    comment="Files whose artist or album was resolved anew: the tracks step writes them again",
)

deferred_tasks = Table(
    "deferred_tasks",
    metadata,
    Column("queue", Text, nullable=False, comment="analysis, enrichment, covers, vectors"),
    Column("entity_type", Text, nullable=False),
    Column("entity_id", BigInteger, nullable=False),
    Column("about", Text, nullable=False, comment="The state of the input that was tried"),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False, comment="waiting for the next attempt, or failed for good"),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", DateTime(timezone=True), nullable=False),
    Column("leased_until", DateTime(timezone=True), comment="A worker is at it until then, and next_attempt_at"),
    Column("leased_by", Text),
    Column("last_error", Text),
    created_at(),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("queue", "entity_type", "entity_id"),
    CheckConstraint("state IN ('waiting', 'failed')", name="state"),
)
# Claims go through these two: within each priority, and over all, what may be tried is a prefix.
Index(
    "ix_deferred_tasks_priority",
    deferred_tasks.c.queue,
    deferred_tasks.c.entity_type,
    deferred_tasks.c.priority,
    deferred_tasks.c.next_attempt_at,
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "ix_deferred_tasks_next_attempt_at",
    deferred_tasks.c.queue,
    deferred_tasks.c.entity_type,
    deferred_tasks.c.next_attempt_at,
    postgresql_where=text("state = 'waiting'"),
)
