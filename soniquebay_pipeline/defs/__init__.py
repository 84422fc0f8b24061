"""Dagster, and only Dagster: assets, checks, partitions, resources, jobs, sensors, schedules.

Each asset is thin: it loads what is due, calls the domain, and reports. What a step does lives in
``library`` and ``catalog``. Domain modules are imported inside the functions that need them, so that
loading the code location costs about as much as ``import dagster``.
"""
