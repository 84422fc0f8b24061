"""What is known of web services: their answers, their state, their budget, and how calls went."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)

from soniquebay_pipeline.db.tables.base import metadata

web_answers = Table(
    "web_answers",
    metadata,
    Column("key", Text, primary_key=True, comment="e.g. lastfm:2:artist:<name key>; provider, API version, kind, what"),
    Column("provider", Text, nullable=False),
    Column("found", Boolean, nullable=False, comment="False: the service said there is nothing"),
    Column("body", LargeBinary, comment="The answer; NULL where there is nothing"),
    Column("fetched_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    comment="Cache of answers; failures are never in it",
)
Index("ix_web_answers_expires_at", web_answers.c.expires_at)

web_providers = Table(
    "web_providers",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="Failures in a row"),
    Column("opened_at", DateTime(timezone=True), comment="Since when nothing is asked; NULL: the circuit is closed"),
    Column("probe_until", DateTime(timezone=True), comment="Half open: one process may try until then"),
    Column("not_before", DateTime(timezone=True), comment="The service asked us to wait (Retry-After)"),
    Column("next_call_at", DateTime(timezone=True), comment="Budget: the earliest time of the next call"),
    Column("last_error", Text),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    comment="Circuit breaker and budget of each service, shared by all processes",
)

web_calls = Table(
    "web_calls",
    metadata,
    Column("provider", Text, nullable=False),
    Column("outcome", Text, nullable=False, comment="cached_memory, cached, found, not_found, or a failure's kind"),
    Column("le", Float, nullable=False, comment="Upper bound of the bucket, seconds; infinity for the last"),
    Column("calls", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    PrimaryKeyConstraint("provider", "outcome", "le"),
    CheckConstraint("calls >= 0", name="calls"),
    comment="Counters since the beginning: how many calls went how, and how long they took",
)
