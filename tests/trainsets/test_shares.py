"""How many examples of each source a mixture has."""

from __future__ import annotations

import pytest

from tcmbench.errors import SpecError
from tcmbench.specs.source import DataSource
from tcmbench.trainsets.shares import amounts, rows_per_batch


def _sources(**fields: list[float]) -> list[DataSource]:
    count = len(next(iter(fields.values())))
    return [
        DataSource.model_validate({"path": f"s{n}", **{name: values[n] for name, values in fields.items()}})
        for n in range(count)
    ]


def test_shares_make_a_pass_as_long_as_no_example_is_read_twice() -> None:
    """0.8 of 100 and 0.2 of 1000: 100 of the first, 25 of the second."""
    first, second = amounts(_sources(share=[0.8, 0.2]), [100, 1000], temperature=1)
    assert (first.passes * 100, second.passes * 1000) == (pytest.approx(100), pytest.approx(25))


def test_without_shares_every_example_is_read_once() -> None:
    """At temperature 1 sources are sampled by size."""
    assert [amount.passes for amount in amounts(_sources(weight=[1, 1]), [30, 70], temperature=1)] == [1.0, 1.0]


def test_weight_and_temperature_move_the_shares() -> None:
    """A weight of 2 doubles the odds; temperature 2 takes the square root of sizes: 10 to 30 instead of 100 to 900."""
    heavy, _ = amounts(_sources(weight=[2, 1]), [50, 50], temperature=1)
    assert heavy.share == pytest.approx(2 / 3)
    small, large = amounts(_sources(weight=[1, 1]), [100, 900], temperature=2)
    assert (small.share, large.share) == (pytest.approx(0.25), pytest.approx(0.75))
    assert (small.passes, large.passes) == (pytest.approx(2.5), pytest.approx(750 / 900))


def test_a_batch_has_its_shares_by_largest_remainder() -> None:
    """Counts add up to the batch."""
    assert rows_per_batch([0.5, 0.3, 0.2], ["a", "b", "c"], size=8, where="v") == [4, 2, 2]
    assert sum(rows_per_batch([1 / 3] * 3, ["a", "b", "c"], size=32, where="v")) == 32


def test_a_share_below_one_example_is_refused() -> None:
    """Otherwise a source would be left out in silence."""
    with pytest.raises(SpecError, match=r"a mixed batch of 8 examples has none of 'b', whose share is 0\.0100"):
        rows_per_batch([0.99, 0.01], ["a", "b"], size=8, where="variant v")
