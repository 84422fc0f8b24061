"""Results as a Parquet file: what a strong machine computed need not be computed again on a weak one.

Here: the file's columns (``form``), writing it (``export``), taking it over (``take``). Not here: backups, which hold
everything and belong to one library (``care.backup``). Why these columns: docs/decisions/0024-care.md.
"""
