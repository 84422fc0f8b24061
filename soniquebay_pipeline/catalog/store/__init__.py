"""The catalogue in SQL: each module is one step, a function over one shard in one transaction.

Every step holds ``LOCK_CATALOG`` while it writes. One writer at a time is what makes entity resolution
independent of the order and number of concurrent shards, and what makes deadlocks and unique-key races
impossible; reading files, which is the long part, happens outside the lock.
"""
