"""Shared by all trainers: processes, logs, costs, checks of the training file, the model's folder and its parity."""

RUNTIME_REVISION = "1"
"""Raised whenever a change in this package gives different weights for the same job; in every tuned model's key."""
