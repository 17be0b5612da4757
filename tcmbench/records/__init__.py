"""What is kept: models, tasks, scores with their items, provenance, cells, entries, failures."""
