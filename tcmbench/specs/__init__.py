"""Specs in TOML: bases, variants, model sets, tasks and suites, read into frozen models."""
