"""Errors of the database layer; each message says what happened and what to do."""

from __future__ import annotations


class DatabaseUnavailable(RuntimeError):
    """The database can't be reached or prepared."""


class WrongShardCount(RuntimeError):
    """The setting and the number of shards recorded in the database differ."""
