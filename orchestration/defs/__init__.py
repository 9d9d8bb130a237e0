"""Asset modules, one per kind: ingest, models, gates, publish, schedules."""
