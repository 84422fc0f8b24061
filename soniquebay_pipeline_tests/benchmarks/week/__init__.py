"""A week in an hour: the daemon beside a library and services that change all the time, and what is left of it.

``changes`` is what people do to the library, ``services`` what the web does, ``watching`` what the processes cost and
what Dagster did, ``comparison`` whether the catalogue is that of a fresh run.
"""
