"""The ``soniquebay`` command: what a person types, and nothing that Dagster or the domain should do.

Results go to standard output, everything else to standard error; ``--json`` prints one object as the last
line of standard output. Exit codes: 0 done, 1 it failed and a line says what to do, 2 wrong usage.
"""
