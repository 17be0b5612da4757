"""A short run over every reader; `python -m tests.fuzz.fuzz_readers` is the long one."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzz_readers import fuzz
from tests.fuzz.targets import Target, targets


def test_valid_inputs_are_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is mutated would be read as it is."""
    for target in targets().values():
        folder = tmp_path_factory.mktemp("valid") / "input"
        folder.mkdir()
        target.write(folder)
        target.use(folder)


def test_damaged_inputs_are_read_or_refused() -> None:
    """No other error, and no long wait."""
    outcome = fuzz(targets(), inputs=120, seed=1)

    assert outcome.failures == []
    assert outcome.inputs == 120
    assert outcome.refused.total() > 60


def test_a_failure_is_reported() -> None:
    """An error that isn't ours counts, with the input that it came of."""
    broken = Target(lambda folder: (folder / "file").write_text("x"), lambda folder: {}[folder])
    outcome = fuzz({"broken": broken}, inputs=1, seed=0)

    assert len(outcome.failures) == 1
    assert "KeyError" in outcome.failures[0]
    assert '"target": "broken"' in outcome.failures[0]
