"""The workspace with training data that tests of tuning use."""

from tests.tuning.conftest import place, variant

__all__ = ["place", "variant"]
