"""Care of a library: what is wrong with it, and taking its results from one place to another.

Here: the health report (``health``), results as files (``results``), taking over a SoniqueBay database
(``soniquebay``), backups (``backup``). Not here: repairing files (nothing writes into the music folder), and how
Dagster and the command line call this.
"""
