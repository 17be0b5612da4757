"""Stored records: models, tasks, scores with their items, provenance, cells, entries, failures."""
