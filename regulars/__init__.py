"""Regulars: the command line, and what neither dbt nor Dagster is for. Nothing here builds a figure."""

__version__ = "0.1.0"
