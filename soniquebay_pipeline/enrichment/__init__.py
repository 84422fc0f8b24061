"""Web services: asking them politely, and what Last.fm knows.

Here: the cache, the circuit breaker, the budget, bounded HTTP, the clients, and storing what they say.
Not here: pictures (``artwork``), starting the work (``defs``), the ledger of attempts (``db``).
"""
