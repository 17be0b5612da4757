"""From a model set to entries: missing models and scores are computed, and all are gathered from the store."""
