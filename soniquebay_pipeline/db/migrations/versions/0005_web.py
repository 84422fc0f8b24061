"""Web services: answers, state, calls; leases in the ledger

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_deferred_tasks_priority": ["queue", "entity_type", "priority", "next_attempt_at"],
    "ix_deferred_tasks_next_attempt_at": ["queue", "entity_type", "next_attempt_at"],
}


def upgrade() -> None:
    op.create_table(
        "web_answers",
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="e.g. lastfm:2:artist:<name key>; provider, API version, kind, what",
        ),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("found", sa.Boolean(), nullable=False, comment="False: the service said there is nothing"),
        sa.Column("body", sa.LargeBinary(), nullable=True, comment="The answer; NULL where there is nothing"),
        sa.Column("fetched_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_web_answers")),
        comment="Cache of answers; failures are never in it",
    )
    op.create_index("ix_web_answers_expires_at", "web_answers", ["expires_at"], unique=False)
    op.create_table(
        "web_calls",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column(
            "outcome", sa.Text(), nullable=False, comment="cached_memory, cached, found, not_found, or a failure's kind"
        ),
        sa.Column(
            "le", sa.Float(), nullable=False, comment="Upper bound of the bucket, seconds; infinity for the last"
        ),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.CheckConstraint("calls >= 0", name=op.f("ck_web_calls_calls")),
        sa.PrimaryKeyConstraint("provider", "outcome", "le", name=op.f("pk_web_calls")),
        comment="Counters since the beginning: how many calls went how, and how long they took",
    )
    op.create_table(
        "web_providers",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="Failures in a row"),
        sa.Column(
            "opened_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Since when nothing is asked; NULL: the circuit is closed",
        ),
        sa.Column(
            "probe_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Half open: one process may try until then",
        ),
        sa.Column(
            "not_before",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The service asked us to wait (Retry-After)",
        ),
        sa.Column(
            "next_call_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Budget: the earliest time of the next call",
        ),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_web_providers")),
        comment="Circuit breaker and budget of each service, shared by all processes",
    )
    op.add_column(
        "deferred_tasks",
        sa.Column(
            "leased_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="A worker is at it until then, and next_attempt_at",
        ),
    )
    op.add_column("deferred_tasks", sa.Column("leased_by", sa.Text(), nullable=True))
    for name, columns in INDEXES.items():
        op.create_index(name, "deferred_tasks", columns, unique=False, postgresql_where=sa.text("state = 'waiting'"))


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, table_name="deferred_tasks")
    for table in ("web_calls", "web_providers", "web_answers"):
        op.drop_table(table)
    for column in ("leased_by", "leased_until"):
        op.drop_column("deferred_tasks", column)
