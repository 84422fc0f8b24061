"""What Last.fm knows: artists, albums, tracks, similar artists, and the genres and moods among its tags.

Here: asking through pylast, believing or not believing the answers, storing them.
Not here: cache, breaker and budget (``enrichment.gateway``), pictures (``artwork``), Dagster.
"""
