"""Builders of music libraries for tests: large (``large``) and hostile (``hostile``)."""
