"""Errors of this room; each message says what happened, whether anything was changed, and what to do."""

from __future__ import annotations


class CareError(RuntimeError):
    """Something that a person can act on."""


class BackupError(CareError):
    """A backup can't be written, read or restored."""


class ResultsError(CareError):
    """A file of results can't be written or read."""


class SourceError(CareError):
    """Another program's database can't be read."""
