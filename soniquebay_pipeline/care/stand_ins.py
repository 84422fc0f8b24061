"""Stand-ins (``imported_features``): values of tracks that are not analysed yet.

Here: their end. Not here: where they come from (``results``, ``soniquebay``).
"""

from __future__ import annotations

from sqlalchemy import Engine, text


def forget_replaced(engine: Engine) -> int:
    """Delete the stand-ins of tracks that were analysed since; returns their number."""
    with engine.begin() as connection:
        return connection.execute(
            text(
                "DELETE FROM imported_features i USING audio_features a"
                " WHERE a.track_id = i.track_id AND a.failure_reason IS NULL"
            )
        ).rowcount
