"""Batch sources: read from files, a bucket or a database, landed in bronze, kept with history in silver."""
