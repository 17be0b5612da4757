"""What a row tells of how its model was made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tcmbench.records.cells import Cells
from tcmbench.records.entry import CellState
from tcmbench.records.model import Model
from tcmbench.records.planned_suite import PlannedSuite
from tcmbench.records.reason import Reason, Reasons
from tcmbench.runs.entries import Trained, base_entry, variant_entry
from tcmbench.specs.base import Base
from tcmbench.specs.suite import Suite, SuiteTask
from tcmbench.specs.variant import Variant
from tcmbench.tuning.tune import Tuned

SUITE = Suite(name="one", tasks=(SuiteTask(task="Records", role="in_domain"),))
OUTCOME: dict[str, Any] = {
    "seconds": 12.0,
    "loss": "infonce",
    "trained_parameters": 7,
    "trainset": "aa11",
    "command": ["/opt/python", "-m", "worker", "/opt/store/work.json"],
    "environment": {"INFONCE_TEMPERATURE": "0.05", "TENSORBOARD_LOGGING_DIR": "/opt/store", "scrubbed": ""},
    "parity": {"memory=evaluation": 0.0},
    "statistics": {"records": 9, "pairs": 9, "lines": 18},
    "provenance": {"commit": "abc", "hardware": "two cores", "packages": {"torch": "2.13", "numpy": "2.4"}},
    "curves": [{"step": 1, "loss": 2.5, "margin": None, "learning_rate": 1e-3}],
}


def tuned(seed: int) -> Tuned:
    """Return a model that was never trained."""
    model: Any = SimpleNamespace(seed=seed, model_dir=None)
    return Tuned(model, Path("nowhere"), {**OUTCOME, "trainset": f"aa{seed}"})


def test_a_row_tells_how_its_models_were_trained() -> None:
    """Seeds, sets, data, versions, settings and leaks are there; no path of the machine is."""
    variant = Variant(name="v", base="mini-zh", data="records", tuner="full", seeds=(0, 1))
    states = {"Records": CellState("pending", Reason.message("seed 1 is not measured yet"))}
    leaks = Reasons([Reason.message("2 of 9 records"), Reason.message("2 dropped")])
    trained = Trained([tuned(0), tuned(1)], leaks)
    entry = variant_entry(variant, PlannedSuite(SUITE, {}), trained=trained, cells=[], states=states, failure=None)
    told = entry.provenance
    assert told["trained seeds"] == "0, 1"
    assert told["training set"] == "aa0, aa1"
    assert told["training data"] == "9 records, 9 pairs, 18 lines"
    assert told["training packages"] == "numpy 2.4, torch 2.13"
    assert (told["training commit"], told["training hardware"]) == ("abc", "two cores")
    assert told["training environment"] == "INFONCE_TEMPERATURE=0.05"
    assert str(entry.leaks) == "2 of 9 records; 2 dropped"
    assert entry.recipe["training.loss"] == "infonce"
    assert not any(name.startswith("mixing") for name in entry.recipe)
    assert "/opt" not in " ".join(told.values())
    assert entry.cost is not None
    assert (entry.cost.train_seconds, entry.cost.trained_parameters) == (12.0, 7)
    assert [point.loss for point in entry.training[1]] == [2.5]
    assert entry.states["Records"].state == "pending"


def test_a_row_tells_where_its_weights_come_from() -> None:
    """The source that was used, not all of them; a folder of this machine is not named."""
    base = Base(name="b", kind="embedding", path="b", sources=({"name": "package"},))
    models = [Model("b", base, None, "r", weights_from=origin) for origin in ("", "acme 1.0 (model.bin)")]
    entries = [base_entry(model, Cells({}, {}), settings={}) for model in models]
    assert [entry.provenance.get("weights") for entry in entries] == [None, "acme 1.0 (model.bin)"]
    assert "sources" not in entries[0].recipe


def test_the_sources_of_a_mixture_are_shown_without_folders_of_the_machine() -> None:
    """Each with the fields that its table has, and with its examples and share of the lines in the provenance."""
    given = [{"path": "records", "share": 0.75}, {"path": "/opt/pairs.csv", "share": 0.25, "role": "replay",
             "outside_data_root": True}]  # fmt: skip
    variant = Variant.model_validate({"name": "v", "base": "mini-zh", "data": given})
    used = [
        {"path": source.title, "role": source.role, "examples": 9, "share": source.share} for source in variant.sources
    ]
    one = tuned(0)
    one.outcome["statistics"] = {"lines": 18, "sources": used}
    trained = Trained([one], Reasons())
    entry = variant_entry(variant, PlannedSuite(SUITE, {}), trained=trained, cells=[], states={}, failure=None)
    shown = {name: value for name, value in entry.recipe.items() if name.startswith("data")}
    assert shown == {
        "data.1.path": "records", "data.1.share": 0.75, "data.2.path": "/opt/pairs.csv", "data.2.share": 0.25,
        "data.2.role": "replay", "data.2.outside_data_root": True,
    }  # fmt: skip
    assert entry.recipe["mixing.batches"] == "by_source"
    assert entry.provenance["sources of training data"] == (
        "records: 9 examples, 75.0% of lines; pairs.csv (replay): 9 examples, 25.0% of lines"
    )
