"""The health of the library: findings that a person can act on, as rows of ``library_health``.

Here: what is looked for (``kinds``, ``encodings``, ``recordings``), the report (``report``), its forms for people
and programs (``page``). Not here: repairs. Nothing writes into the music folder.
"""
