"""The Dagster package."""
