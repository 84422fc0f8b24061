"""PostgreSQL: the embedded server, engines, tables, migrations, bulk writes and locks."""
