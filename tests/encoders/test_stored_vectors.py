"""Models whose vectors are cut, stored in fewer bytes or searched approximately, through mteb's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import Dataset
from mteb._create_dataloaders import _custom_collate_fn
from mteb.types import PromptType
from pydantic import ValidationError
from torch.utils.data import DataLoader

from tcmbench import models
from tcmbench.encoders._storage_options import StorageOptions
from tcmbench.errors import SpecError
from tcmbench.models.revisions import revision
from tcmbench.ranking.vector_index import decoded, signs, unit
from tcmbench.records.model import Model
from tcmbench.workspace import Workspace, bundled_content, find
from tests import fakes

if TYPE_CHECKING:
    from tcmbench.encoders.runtime.stored_search import StoredSearch

TEXTS = [f"{part}痛{when}" for part in "头胸腹腰膝" for when in ("发热", "夜甚", "恶寒", "三日", "得温则减")]


@pytest.fixture(name="place", scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return find(bundled_content(), cache=tmp_path_factory.mktemp("store"))


def model(place: Workspace, encoder: str = "stored_vectors", **options: Any) -> Any:
    """Return the smallest bundled model, run by an encoder."""
    plain = models.base_model(place, "mini-zh-static")
    base = plain.base.model_copy(update={"encoder": encoder, "options": options})
    return models.load(Model("m", base, plain.model_dir, revision(base, plain.model_dir)), cache=place.cache)


def encode(loaded: Any, kind: str = "STS", role: PromptType | None = None) -> np.ndarray:
    """Return the vectors of the texts in a role of a task."""
    loader = DataLoader(Dataset.from_dict({"text": TEXTS}), batch_size=8, collate_fn=_custom_collate_fn)  # type: ignore[arg-type,var-annotated]
    meta = type("Meta", (), {"type": kind, "name": "Task"})
    return np.asarray(loaded.encode(loader, task_metadata=meta, hf_split="test", hf_subset="default", prompt_type=role))


def plain(place: Workspace) -> np.ndarray:
    """Return the vectors of the dense model."""
    return unit(encode(models.load(models.base_model(place, "mini-zh-static"), cache=place.cache)))


def test_texts_have_what_storing_leaves_of_them(place: Workspace) -> None:
    """Cut, rounded and signs: each by hand from the vectors of the dense model."""
    before = plain(place)
    np.testing.assert_allclose(encode(model(place, dimensions=64)), unit(before[:, :64]), atol=1e-6)
    np.testing.assert_array_equal(encode(model(place, precision="binary")), signs(before))
    for precision in ("float16", "bfloat16", "int8"):
        np.testing.assert_array_equal(encode(model(place, precision=precision)), decoded(before, precision))
    np.testing.assert_allclose(encode(model(place, index="hnsw")), before, atol=1e-6)


def test_queries_stay_whole_unless_binary(place: Workspace) -> None:
    """A query isn't stored."""
    before = plain(place)
    whole = encode(model(place, precision="int8"), "Retrieval", PromptType.query)
    np.testing.assert_allclose(whole, before, atol=1e-6)
    np.testing.assert_array_equal(
        encode(model(place, precision="binary"), "Retrieval", PromptType.query), signs(before)
    )


def test_all_forms_share_one_encoding(place: Workspace) -> None:
    """Texts that the dense model encoded are not encoded again."""
    plain(place)
    for options in ({"dimensions": 64}, {"precision": "int8"}, {"index": "ivf"}):
        loaded = model(place, **options)
        encode(loaded)
        assert loaded.encoded_texts == 0


def test_every_option_is_another_model(place: Workspace) -> None:
    """A form has a revision of its own."""
    base = models.base_model(place, "mini-zh-static")
    forms = [{}, {"dimensions": 64}, {"precision": "int8"}, {"index": "ivf"}, {"index": "ivf", "probes": 2}]
    made = {
        revision(base.base.model_copy(update={"encoder": "stored_vectors", "options": options}), base.model_dir)
        for options in forms
    }
    assert len({*made, base.revision}) == len(forms) + 1


def searched(place: Workspace, top_ranked: dict[str, list[str]] | None = None, **options: Any) -> tuple[Any, Any]:
    """Return what a task reports of a form, and the model."""
    loaded: StoredSearch = model(place, **options)
    task = fakes.FastTask()
    names = [f"d{number:02}" for number in range(len(TEXTS))]
    task = fakes.load(
        task, queries=["q0", "q1"], documents=names, qrels={"q0": {"d00": 1}, "q1": {"d03": 1}}, top_ranked=top_ranked
    )
    data = task.dataset["default"]["test"]
    data["corpus"] = Dataset.from_dict({"id": names, "text": TEXTS})
    data["queries"] = Dataset.from_dict({"id": ["q0", "q1"], "text": [TEXTS[0], TEXTS[3]]})
    return fakes.scores(task, loaded), loaded


def test_a_search_reports_its_recall_and_bytes(place: Workspace) -> None:
    """Against the exact search of all dimensions in single precision."""
    scores, _ = searched(place, precision="int8")
    assert scores["ndcg_at_10"] == 1
    assert scores["search_recall_at_10"] > 0.9
    assert scores["bytes_per_document"] == 384
    cut, _ = searched(place, precision="binary", dimensions=8)
    assert cut["search_recall_at_10"] < scores["search_recall_at_10"]


def test_candidates_are_ordered_by_the_codes(place: Workspace) -> None:
    """Only the candidates of a query are ranked."""
    scores, loaded = searched(place, {"q0": ["d01", "d00"], "q1": ["d02"]}, precision="binary")
    assert scores["ndcg_at_10"] == 0.5
    assert loaded.search_facts == {}


def test_a_candidate_that_is_listed_twice_is_one(place: Workspace) -> None:
    """Its second score is not that of memory that nobody wrote."""
    loaded: StoredSearch = model(place, precision="int8", rescore=2)
    corpus = Dataset.from_dict({"id": ["d0", "d1"], "text": TEXTS[:2]})
    queries = Dataset.from_dict({"id": ["q"], "text": [TEXTS[0]]})
    results = []
    for pool in (["d0", "d1"], ["d0", "d1", "d0"]):
        where: Any = {"task_metadata": fakes.FastTask.metadata, "hf_split": "test", "hf_subset": "default"}
        loaded.index(corpus, **where, encode_kwargs={})
        results.append(loaded.search(queries, **where, top_k=2, encode_kwargs={}, top_ranked={"q": pool}))
    assert results[0] == results[1]


def test_product_codes_are_for_documents_alone(place: Workspace) -> None:
    """Codes that are learned on a few texts would stand for them too well."""
    base = models.base_model(place, "mini-zh-static").base
    codes = base.model_copy(update={"encoder": "product_codes", "options": {"precision": "pq"}})
    assert codes.abilities == {"documents", "candidates"}
    with pytest.raises(SpecError, match="is done by encoder product_codes"):
        model(place, precision="pq")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rescore": 10, "rescore_with": "codes"}, "float32 is searched so already"),
        ({"precision": "pq", "index": "hnsw"}, "flat or in lists"),
        ({"precision": "binary", "dimensions": 12}, "in eights, got 12"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    """Before anything is measured."""
    with pytest.raises(ValidationError, match=message):
        StorageOptions(**options)
