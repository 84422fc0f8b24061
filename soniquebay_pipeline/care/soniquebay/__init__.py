"""Coming from SoniqueBay: its PostgreSQL database is read, and what would cost time or calls again is taken over.

Here: reading it (``source``), what of a value is believed (``values``), matching and writing (``take``). Not here:
storing pictures, which the caller passes a function for. Nothing is ever written there: the session is read-only.
"""
