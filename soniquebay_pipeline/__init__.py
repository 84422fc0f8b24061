"""A folder of music becomes a catalogue in PostgreSQL, orchestrated by Dagster.

Rooms: ``library`` (files on disk), ``catalog`` (who and what they are), ``db`` (tables and the
embedded server), ``defs`` (Dagster, and only Dagster), ``cli`` (the ``soniquebay`` command), ``demo``
(a small generated library). See ``docs/architecture.md``.
"""
