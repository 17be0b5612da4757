"""The linear probe gives mteb's numbers, without walking lazy columns again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from mteb.abstasks import AbsTaskClassification

from tcmbench.data.fields import FieldProblem
from tcmbench.task_types._classification import linear_probe
from tcmbench.task_types._labels import Labels

ROWS = {"text": [f"第{n}句" for n in range(60)], "label": [n * n % 4 for n in range(60)]}


def test_invisible_characters_make_no_label_of_their_own() -> None:
    """They are noted as another spelling; a label of nothing else is refused."""
    known = Labels()
    read = {known.read({"label": label}, "label") for label in ("热", "热\u200b", "\ufeff热", " 热 ")}
    assert read == {"热"}
    assert "labels written in several ways" in known.notes()[0]
    with pytest.raises(FieldProblem, match="invisible characters alone"):
        known.read({"label": "\u200b"}, "label")


def probe() -> Any:
    """Return a probe that needs no data; only its own methods are called."""
    found = linear_probe(lambda _: {}, samples_per_label=3, experiments=1)
    made: Any = found.__new__(found)
    made.seed = 42
    return made


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_scores_and_samples_are_those_of_mteb() -> None:
    """Labels read once are the labels that mteb reads one by one."""
    ours, dataset = probe(), Dataset.from_dict(ROWS)
    predicted = np.roll(np.array(ROWS["label"]), 1)
    expected = AbsTaskClassification._calculate_scores(ours, dataset["label"], predicted)
    assert expected == ours._calculate_scores(dataset["label"], predicted)
    samples, order, chosen = ours._undersample_data(dataset, 0, list(range(60)))
    theirs = AbsTaskClassification._undersample_data(ours, dataset, 0, list(range(60)))
    assert (theirs[0].to_dict(), theirs[1], theirs[2]) == (samples.to_dict(), order, chosen)
