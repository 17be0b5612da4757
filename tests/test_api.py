"""The same things from Python: evaluate, run, board, compare, check; and an import that stays light."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import tcmbench
from tcmbench.errors import ScoreMissing, SpecError
from tests.cli import gate
from tests.models.adapters import MINI

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

PAIRS = "query,answer\n咳嗽痰多,痰湿阻肺证\n口干盗汗,阴虚火旺证\n神疲乏力,气虚证\n畏寒肢冷,阳虚证\n"


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> Path:
    """A table of pairs, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TCMBENCH_CACHE", str(tmp_path / "store"))
    (tmp_path / "pairs.csv").write_text(PAIRS, encoding="utf-8")
    return tmp_path / "pairs.csv"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, synthetic_root: Path) -> Workspace:
    """A workspace with a set of two models, one of them tuned elsewhere."""
    made = gate.make(tmp_path_factory.mktemp("api"), passages=synthetic_root / "general-synth/qa-retrieval")
    file = made.root / "models/bases/tuned.toml"
    file.write_text(file.read_text(encoding="utf-8") + 'tuned_from = "stays"\n', encoding="utf-8")
    tcmbench.run("small", workspace=made)
    return made


def test_a_folder_gives_a_data_frame(pairs: Path) -> None:
    """One row per column; per item on request."""
    scores = tcmbench.evaluate(MINI.parent / "mini-zh-static", tasks=[pairs])
    frame = scores.to_pandas()
    assert list(frame["column"]) == ["pairs"]
    items = scores.to_pandas(items=True)
    assert frame["score"][0] == pytest.approx(100 * items["ndcg_at_10"].mean())
    assert "<table" in scores._repr_html_()


def test_a_loaded_model_scores_as_its_folder_does(pairs: Path) -> None:
    """Prompts and length are its own; other weights are another revision."""
    import torch
    from sentence_transformers import SentenceTransformer

    from tcmbench.models import objects

    model = SentenceTransformer(str(MINI), device="cpu", local_files_only=True)
    loaded, folder = (tcmbench.evaluate(one, tasks=[pairs]) for one in (model, MINI))
    assert loaded.scores["pairs"].record.value == folder.scores["pairs"].record.value
    before = objects.model_of(model, revision="")
    with torch.no_grad():
        next(model.parameters()).add_(0.01)
    assert objects.model_of(model, revision="").revision != before.revision
    assert objects.model_of(model, revision="mine").revision == objects.model_of(model, revision="mine").revision


def test_an_object_with_the_protocol_of_mteb_scores_as_its_model_does(pairs: Path, tmp_path: Path) -> None:
    """It is the user who knows its weights and prompts, so without a revision it is refused; it stays as it is."""
    from tcmbench import models
    from tcmbench.models import objects
    from tcmbench.workspace import from_environment

    encoder = models.load(models.base_model(from_environment(tmp_path), "mini-zh-static"), cache=tmp_path)
    before = dict(vars(encoder))
    with pytest.raises(SpecError, match=r"neither weights nor prompts.*revision="):
        tcmbench.evaluate(encoder, tasks=[pairs])
    given, named = (
        tcmbench.evaluate(one, tasks=[pairs], revision=r) for one, r in ((encoder, "1"), ("mini-zh-static", ""))
    )
    assert given.scores["pairs"].record.value == named.scores["pairs"].record.value
    assert given.scores["pairs"].folder != named.scores["pairs"].folder
    assert vars(encoder) == before
    assert len({objects.model_of(encoder, revision=one).revision for one in ("1", "2")}) == 2


@pytest.mark.parametrize(
    "settings",
    [{"truncate_dim": 32}, {"config_kwargs": {"rms_norm_eps": 0.1}}, {"processor_kwargs": {"padding_side": "right"}}],
)
def test_a_loaded_model_with_other_settings_is_another_model(settings: dict[str, Any]) -> None:
    """The same tensors give other vectors by another configuration, or cut; reading texts changes nothing."""
    from sentence_transformers import SentenceTransformer

    from tcmbench.models import objects

    plain, other = (SentenceTransformer(str(MINI), device="cpu", local_files_only=True, **s) for s in ({}, settings))
    before = objects.model_of(plain, revision="").revision
    assert objects.model_of(other, revision="").revision != before
    plain.encode(["口干咽燥", "咳"], show_progress_bar=False)
    assert objects.model_of(plain, revision="").revision == before


def test_a_loaded_model_of_another_similarity_is_refused() -> None:
    """Its scores would be those of the cosine, for which it wasn't trained."""
    from sentence_transformers import SentenceTransformer

    from tcmbench.models import objects

    model = SentenceTransformer(str(MINI), device="cpu", local_files_only=True, similarity_fn_name="euclidean")
    with pytest.raises(SpecError, match='similarity_fn_name is "euclidean", but tcmbench supports only cosine'):
        objects.model_of(model, revision="")


def test_a_loaded_model_that_leaves_prompts_out_of_its_pooling_is_refused() -> None:
    """Pooling is over all tokens here, so the vectors of its queries would be other ones."""
    from sentence_transformers import SentenceTransformer

    from tcmbench.models import objects

    prompts = {"query": "问：", "document": ""}
    model = SentenceTransformer(str(MINI), device="cpu", local_files_only=True, prompts=prompts)
    objects.model_of(model, revision="")
    model[1].include_prompt = False
    with pytest.raises(SpecError, match="include_prompt = False"):
        objects.model_of(model, revision="")
    model.prompts = {}
    objects.model_of(model, revision="")


@pytest.mark.parametrize("name", ["mini-zh-static", "mini-zh-reranker"])
def test_a_loaded_model_of_any_kind_is_evaluated_as_if_from_its_folder(pairs: Path, name: str) -> None:
    """A table without a longest input; a reranker that was left in the mode of training, which is random."""
    from sentence_transformers import CrossEncoder, SentenceTransformer

    from tcmbench import models
    from tcmbench.models import objects

    kind = CrossEncoder if "reranker" in name else SentenceTransformer
    loaded = kind(str(MINI.parent / name), device="cpu", local_files_only=True).train()
    model = objects.model_of(loaded, revision="")
    encoder = objects.encoder_of(model, loaded, cache=pairs.parent / "store")
    assert not loaded.training
    place = tcmbench.Workspace()
    folder = models.load(models.base_model(place, name), cache=place.cache)
    if name == "mini-zh-static":
        assert (encoder.encode_list(["咳嗽"]) == folder.encode_list(["咳嗽"])).all()


def test_what_is_no_model_is_refused(pairs: Path) -> None:
    """Without a revision by its weights nothing could be stored."""
    with pytest.raises(SpecError, match=r"expected a name, a path.* or CrossEncoderProtocol, got int"):
        tcmbench.evaluate(3, tasks=[pairs])


def test_a_single_task_needs_no_list(pairs: Path) -> None:
    """A path is a path, and not its letters; a limit and a folder that can't be are refused."""
    assert list(tcmbench.evaluate("hashed-chars", tasks=str(pairs)).scores) == ["pairs"]
    with pytest.raises(SpecError, match="limit: expected at least 1"):
        tcmbench.evaluate("hashed-chars", tasks=[pairs], limit=0)
    with pytest.raises(SpecError, match="expected the folder of a workspace"):
        tcmbench.Workspace(pairs.parent / "nowhere")


def test_a_missing_score_is_an_error(pairs: Path) -> None:
    """Never a blank in a data frame."""
    pairs.write_text("query\nx\n", encoding="utf-8")
    with pytest.raises(ScoreMissing, match=r"(?s)pairs: .*expected positive"):
        tcmbench.evaluate("hashed-chars", tasks=[pairs])


def test_a_set_gives_a_board(place: Workspace) -> None:
    """With the answer, the lines of its CSV and its pictures."""
    board = tcmbench.board("small", workspace=place)
    assert board.answer
    look = tcmbench.run("small", limit=5, workspace=place)
    assert look.answer.startswith("QUICK LOOK. At most 5"), "no answer of a sample looks like that of the whole"
    frame = board.to_pandas()
    assert set(frame["model"]) == {"stays", "tuned"}
    assert frame.query("task == 'SmallQA' and model == 'tuned'")["delta"].iloc[0] > 0
    figure: Any = board.figure("forest")
    assert figure.axes
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert "<table" in board._repr_html_()
    with pytest.raises(ScoreMissing, match="figure pareto"):
        board.figure("pareto")


def test_two_models_are_compared_and_checked(place: Workspace) -> None:
    """The figures are those of the commands."""
    compared = tcmbench.compare("stays", "tuned", set_name="small", workspace=place)
    assert compared.to_pandas()["column"].tolist() == ["SmallQA"]
    assert "SmallQA" in str(compared)
    assert tcmbench.check("small", workspace=place).against == "reference"
    with pytest.raises(SpecError, match="expected 'baseline' or 'reference'"):
        tcmbench.check("small", against="nothing", workspace=place)


def test_importing_is_light() -> None:
    """Neither pandas nor torch is read before something is asked for."""
    code = "import sys, tcmbench; print(sorted({'torch', 'pandas', 'mteb', 'numpy', 'pydantic'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
