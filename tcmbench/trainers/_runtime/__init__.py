"""What all trainers share: processes, logs, costs, the training file's checks, the model's folder and its parity."""

RUNTIME_REVISION = "1"
"""Raised whenever a change in this package gives other weights for the same job; part of every tuned model's key."""
