"""From a model and a task to a score that can be trusted."""
