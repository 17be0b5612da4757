"""General texts of a recipe: in the key of the model, without those of the suite, with vectors computed once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import tasks
from tcmbench.errors import DataAbsent
from tcmbench.specs.suite import Suite
from tcmbench.specs.variant import Variant
from tcmbench.tuning import general_texts, tune
from tcmbench.tuning.recipe import recipe_of, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

FILE = "general.jsonl"


def keeping(variant: Variant, **keep: Any) -> Variant:
    """Return the variant with a table `[training.keep]` that reads general texts."""
    fields = variant.model_dump()
    settings = {"texts": FILE, "distillation": 1.0, "texts_per_step": 4, **keep}
    return Variant.model_validate({**fields, "training": {**fields["training"], "keep": settings}})


def key_of(place: Workspace, variant: Variant) -> str:
    """Return the key of its model."""
    return tune.model_key(place, resolve(place, variant), seed=0)


def vectors_of(place: Workspace, variant: Variant) -> Path:
    """Return the file of the base's vectors of its general texts."""
    recipe = resolve(place, variant)
    assert recipe.general is not None
    return general_texts.vectors(place, recipe.general, recipe.base, recipe.base_dir, training=variant.training)


def write(place: Workspace, *texts: str) -> None:
    """Write general texts under the data root."""
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in (*(f"通用文本{n}" for n in range(9)), *texts)]
    (place.data_root / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_their_content_is_in_the_key(place: Workspace, variant: Variant) -> None:
    """Other texts, or another weight, train anew; a table with defaults alone is the same model."""
    write(place)
    keys = [
        tune.model_key(place, resolve(place, keeping(variant, **keep)), seed=0) for keep in ({}, {"distillation": 2})
    ]
    write(place, "又一条")
    keys.append(key_of(place, keeping(variant)))
    assert len(set(keys)) == 3
    plain = variant.model_dump()
    spelled = Variant.model_validate({**plain, "training": {**plain["training"], "keep": {"l2_sp": 0.0}}})
    assert tune.model_key(place, resolve(place, spelled), seed=0) == tune.model_key(
        place, resolve(place, variant), seed=0
    )


def test_texts_of_the_suite_are_reported_or_left_out(place: Workspace, variant: Variant) -> None:
    """A sentence of the general task is found; drop_leaks leaves it out, and the key is that of the rest."""
    planned = tasks.plan_suite(place, place.spec(Suite, "tiny"))
    line = (place.data_root / "general-synth/sts.jsonl").read_text(encoding="utf-8").splitlines()[0]
    planted = json.loads(line)["sentence1"]
    write(place, planted, "一行\u2028又一行\u0085")
    reported = recipe_of(place, keeping(variant), planned)
    dropped = recipe_of(place, keeping(variant).model_copy(update={"drop_leaks": True}), planned)
    assert reported.general is not None
    assert dropped.general is not None
    assert "1 of 11 general texts leak into TinySTS" in str(reported.leaks)
    assert str(dropped.leaks).endswith("leak into TinySTS; 1 dropped")
    assert planted in reported.general.path.read_text(encoding="utf-8")
    assert planted not in dropped.general.path.read_text(encoding="utf-8")
    assert reported.general.key != dropped.general.key


def test_vectors_are_computed_once(place: Workspace, variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    """All variants and seeds with one base and sample read the same file; its vectors have length 1."""
    from tcmbench.trainers._runtime import general

    write(place)
    path = vectors_of(place, keeping(variant))
    vectors = general.read_vectors(path, count=9)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(9), abs=1e-5)
    monkeypatch.delattr(general, "base_vectors")
    assert vectors_of(place, keeping(variant, distillation=5.0)) == path


def test_an_absent_file_is_an_error(place: Workspace, variant: Variant) -> None:
    """It names the field and where it was looked for."""
    with pytest.raises(DataAbsent, match=r"training\.keep\.texts"):
        resolve(place, keeping(variant))
