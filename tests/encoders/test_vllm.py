"""What vLLM is given and what becomes of its answers, with a stand-in whose calls have vLLM's recorded signatures."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tcmbench import models, plugins
from tcmbench.encoders import model_meta, vllm
from tcmbench.encoders.runtime import resident
from tcmbench.encoders.runtime.cached_encoder import CachedEncoder
from tcmbench.errors import EvaluationError, MissingExtra, ModelAbsent, SpecError
from tcmbench.evaluation import evaluate
from tcmbench.records.provenance import provenance
from tcmbench.specs.base import Base
from tcmbench.workspace import bundled_content, find
from tests.encoders.vllm_signatures import bind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tcmbench.records.model import Model

STAND_IN = Path(__file__).with_name("vllm_stand_in")
TEXTS = ["头痛发热三日", "", "   ", "咳嗽<|endoftext|>三", "风寒束表" * 900]
PAIRS = [("头痛", "风寒束表"), ("", ""), ("头痛发热三日", "风寒束表" * 900)]


@pytest.fixture(scope="module")
def local_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The bundled models as they are loaded here."""
    cache = tmp_path_factory.mktemp("cache")
    place = find(bundled_content(), cache=cache)
    found = {name: models.base_model(place, name) for name in ("mini-zh", "mini-zh-reranker")}
    return {name: (model, models.load(model, cache=cache)) for name, model in found.items()}


@pytest.fixture
def served(local_models: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Loads a bundled model with the encoder `vllm`, whose process finds the stand-in."""
    loaded = []

    def load(name: str = "mini-zh", *, wrong: str = "", **options: Any) -> Any:
        environment = {
            "PYTHONPATH": f"{STAND_IN}:{STAND_IN.parent}",
            "STAND_IN": wrong,
            "STAND_IN_LOG": str(tmp_path / "starts"),
        }
        model = with_vllm(local_models[name][0], environment=environment | options.pop("environment", {}), **options)
        loaded.append(models.load(model, cache=tmp_path))
        return loaded[-1]

    yield load
    for one in loaded:
        getattr(one, "inner", one)._engines.close()


def with_vllm(model: Model, **options: Any) -> Model:
    """Return a model that vLLM runs."""
    base = model.base.model_copy(update={"encoder": "vllm", "options": options})
    return dataclasses.replace(model, base=base, revision=models.revision(base, model.model_dir))


def starts(tmp_path: Path) -> list[str]:
    """Return one line per start of an engine."""
    path = tmp_path / "starts"
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def batches(texts: list[str]) -> Any:
    """Return texts as mteb's loader yields them."""
    return [{"text": texts}]


def test_vllm_reads_the_tokens_that_a_local_model_reads(served: Any, local_models: dict[str, Any]) -> None:
    """Cut, with special tokens; also of no text, of spaces and of a text with the name of a special token."""
    local = local_models["mini-zh"][1].inner.model
    encoder = served().inner
    assert next(encoder.model.parameters()).is_meta
    raw = encoder._engines.numbers(vllm._tokens(encoder.model.preprocess(TEXTS, prompt=""), name="b"), is_pairs=False)
    expected = [local.preprocess([text], prompt="")["input_ids"][0].tolist() for text in TEXTS]
    assert [[len(ids), ids[0], ids[-1], sum(ids)] for ids in expected] == raw[:, [0, 1, 2, 6]].tolist()
    assert raw[-1, 0] == encoder.max_length == max(encoder.token_lengths(TEXTS))
    unit = encoder.encode_texts(TEXTS)
    np.testing.assert_allclose(unit, raw / np.linalg.norm(raw, axis=1, keepdims=True), rtol=1e-6)


def test_a_reranker_gets_the_tokens_of_its_template(served: Any, local_models: dict[str, Any]) -> None:
    """With the instruction, cut where the local model cuts; the stand-in's logit is the number of tokens."""
    local = local_models["mini-zh-reranker"][1]
    queries, documents = ([pair[side] for pair in PAIRS] for side in (0, 1))
    scores = served("mini-zh-reranker").predict(batches(queries), batches(documents))
    lengths = [int(local.model.preprocess([pair], prompt=local._instruction)["attention_mask"].sum()) for pair in PAIRS]
    assert scores.tolist() == lengths
    assert lengths[-1] == local.max_length


def test_candidates_of_a_query_reach_vllm_together(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its prefix cache has the tokens of a query while they follow each other; scores are in the order of the pairs."""
    reranker = served("mini-zh-reranker")
    queries, documents = ["头痛", "咳嗽"] * 4, ["肺" * length for length in range(1, 9)]
    expected = reranker.predict(batches(queries), batches(documents)).tolist()
    requests: list[Any] = []
    numbers = reranker._engines.numbers
    monkeypatch.setattr(
        reranker._engines, "numbers", lambda tokens, **rest: requests.append(tokens.ids) or numbers(tokens, **rest)
    )
    pairs = list(zip(queries, documents, strict=True))
    assert reranker.logits(pairs).tolist() == expected
    about_headache = ["头痛" in reranker.model.tokenizer.decode(ids) for ids in requests[0]]
    assert about_headache == [True] * 4 + [False] * 4


def test_the_engine_is_what_the_base_says(served: Any, tmp_path: Path) -> None:
    """Precision, length, pooling and head; further arguments pass through, and variables of the user's shell don't."""
    served(engine={"enforce_eager": True, "quantization": "fp8"}).encode_list(TEXTS)
    served("mini-zh-reranker").predict(batches(["咳嗽"]), batches(["肺"]))
    embedding, reranker = starts(tmp_path)
    for part in (
        "'runner': 'pooling', ", "'convert': 'embed'", "'dtype': 'float32'", "'seq_pooling_type': 'LAST'",
        "'max_model_len': 512", "'quantization': 'fp8'", "'enforce_eager': True", "'VLLM_PLUGINS': ''",
    ):  # fmt: skip
        assert part in embedding
    assert "'architectures': ['Qwen3ForSequenceClassification']" in reranker
    assert "'classifier_from_token': ['no', 'yes'], 'method': 'from_2_way_softmax'" in reranker
    assert "'max_model_len': 1024" in reranker


def test_variables_that_change_numbers_come_from_the_base(
    served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is only in the shell would change vectors under the same revision."""
    monkeypatch.setenv("VLLM_FLOAT32_MATMUL_PRECISION", "medium")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    served().encode_list(TEXTS[:1])
    assert "VLLM_FLOAT32" not in starts(tmp_path)[0]
    assert "'VLLM_CPU_KVCACHE_SPACE': '7'" in starts(tmp_path)[0]


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-reranker"])
def test_the_version_of_vllm_is_in_the_provenance(served: Any, tmp_path: Path, name: str) -> None:
    """The other environment's, once it has computed something."""
    model = served(name)
    assert evaluate._packages(model) == {}
    if name == "mini-zh":
        model.encode_list(TEXTS[:1])
    else:
        model.predict(batches(["咳嗽"]), batches(["肺"]))
    others = evaluate._packages(model)
    assert provenance(tmp_path, seconds=1.0, others=others).packages["vllm"] == "stand-in"
    # Hybrid search and forms have it within them.
    assert evaluate._packages(SimpleNamespace(dense=model)) == others


def test_one_engine_serves_all_requests(served: Any, tmp_path: Path) -> None:
    """Also after one that vLLM refused, which is an error of that request alone."""
    encoder = served(wrong="refuse")
    encoder.encode_list(TEXTS[:1])
    with pytest.raises(EvaluationError, match="refused a request: ValueError: too many prompts"):
        encoder.encode_list(TEXTS[1:3])
    encoder.encode_list(TEXTS[3:4])
    assert len(starts(tmp_path)) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [("kill", r"was killed \(SIGKILL\).*gpu_memory_utilization"), ("exit", "ended with exit code 3")],
)
def test_a_process_that_died_is_an_error_and_stays_one(wrong: str, words: str, served: Any, tmp_path: Path) -> None:
    """The next column has the same reason at once: another start would take minutes and end the same way."""
    encoder = served(wrong=wrong)
    for _ in range(2):
        with pytest.raises(EvaluationError, match=words):
            encoder.encode_list(TEXTS)
    assert len(starts(tmp_path)) == 1


def test_a_start_that_fails_has_vllms_reason(served: Any, tmp_path: Path) -> None:
    """With advice, once."""
    encoder = served(wrong="start")
    for _ in range(2):
        with pytest.raises(EvaluationError, match=r"could not start: ValueError: No available memory.*Check `engine`"):
            encoder.encode_list(TEXTS)
    assert len(starts(tmp_path)) == 1


def test_arguments_that_vllm_does_not_have_are_told(served: Any) -> None:
    """As the real one tells them."""
    with pytest.raises(EvaluationError, match="unexpected keyword argument 'tensor_paralel_size'"):
        served(engine={"tensor_paralel_size": 2}).encode_list(TEXTS)


def test_numbers_that_are_none_are_refused(served: Any) -> None:
    """NaN of vectors and of logits, and fewer rows than texts."""
    with pytest.raises(EvaluationError, match="NaN"):
        served(wrong="nan").encode_list(TEXTS)
    with pytest.raises(EvaluationError, match="not numbers"):
        served("mini-zh-reranker", wrong="nan").predict(batches(["咳嗽"]), batches(["肺"]))
    with pytest.raises(EvaluationError, match="has not read the tokens"):
        served(wrong="short").encode_list(TEXTS)


def test_engines_side_by_side_share_the_texts(served: Any, tmp_path: Path) -> None:
    """data_parallel_size starts as many processes, each on its GPUs; vectors come back in order."""
    encoder = served(engine={"data_parallel_size": 2}, environment={"CUDA_VISIBLE_DEVICES": "4,7"}).inner
    tokens = vllm.Tokens([[1] * length for length in range(9, 4, -1)], [None] * 5)
    rows = encoder._engines.numbers(tokens, is_pairs=False)
    assert rows[:, 0].tolist() == [9, 8, 7, 6, 5]
    assert rows[:, 5].tolist() == [4, 7, 4, 7, 4]
    assert len(starts(tmp_path)) == 2
    assert "data_parallel_size" not in starts(tmp_path)[0]
    assert encoder._engines.numbers(vllm.Tokens([[1]], [None]), is_pairs=False).shape[0] == 1


def test_engines_without_a_gpu_for_each_are_refused(served: Any) -> None:
    """Before anything starts."""
    engine = {"data_parallel_size": 2, "tensor_parallel_size": 2}
    with pytest.raises(SpecError, match="need 4 GPUs, but CUDA_VISIBLE_DEVICES lists 3"):
        served(engine=engine, environment={"CUDA_VISIBLE_DEVICES": "0,1,2"})


def test_an_environment_without_vllm_says_what_to_install(local_models: dict[str, Any], tmp_path: Path) -> None:
    """The extra is named, and where."""
    model = with_vllm(local_models["mini-zh"][0], environment={"PYTHONPATH": "", "PYTHONNOUSERSITE": "1"})
    loaded = models.load(model, cache=tmp_path)
    assert isinstance(loaded, CachedEncoder)
    try:
        loaded.encode_list(TEXTS[:1])
    except MissingExtra as error:
        message = str(error)
    else:
        pytest.skip("vLLM is installed here")
    assert "tcmbench[vllm]" in message
    assert sys.executable in message


def test_what_vllm_cannot_do_is_said_before_it_starts(
    local_models: dict[str, Any], tmp_path: Path, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Static tables, interpreters that aren't there, pooling and modules that vLLM lacks."""
    with pytest.raises(ModelAbsent, match="does not exist"):
        served(python=str(tmp_path / "none")).encode_list(TEXTS)
    model = local_models["mini-zh"][0]
    meta = model_meta(model.base, name="m", revision="r")
    for fields, words in (({"architecture": "static"}, "runs transformers"), ({"pooling": "max"}, "got max")):
        base = model.base.model_copy(update=fields)
        with pytest.raises(SpecError, match=words):
            vllm.load(base, options=vllm.Options(), model_dir=model.model_dir, meta=meta, seed=0, device=None)
    cut = tmp_path / "cut"
    assert model.model_dir is not None
    shutil.copytree(model.model_dir, cut)
    settings = json.loads((cut / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    (cut / "config_sentence_transformers.json").write_text(
        json.dumps({**settings, "truncate_dim": 64}), encoding="utf-8"
    )
    with pytest.raises(SpecError, match="a cut to 64 dimensions"):
        vllm.load(model.base, options=vllm.Options(), model_dir=cut, meta=meta, seed=0, device=None)
    monkeypatch.setattr("tcmbench.encoders._vllm_model._KNOWN", {"embedding": {"Transformer", "Pooling"}})
    with pytest.raises(SpecError, match=r"parts that vLLM doesn't run as they are \(Normalize\)"):
        served()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": {"dtype": "bfloat16"}}, r"dtype follows from the base \(dtype\)"),
        ({"engine": {"max_model_len": 64}}, r"follows from the base \(max_length\)"),
        ({"engine": {"trust_remote_code": True}}, "follows from the base"),
        ({"engine": {"data_parallel_size": 0}}, "a number from 1 on, got 0"),
        ({"adapter": "runs/a"}, "expected an absolute path"),
    ],
)
def test_settings_of_the_base_are_no_options(options: dict[str, Any], words: str) -> None:
    """The board shows the base's precision and length, so vLLM gets no others."""
    with pytest.raises(SpecError, match=words):
        plugins.use("encoders", "vllm", options)


def test_the_place_of_vllm_is_no_part_of_the_revision() -> None:
    """Memory, processes and paths change no vectors; every other argument and variable of numbers may."""
    plain = vllm.identity(vllm.Options())
    assert plain == {}
    for same in (
        vllm.Options(python="b", environment={"HF_TOKEN": "x", "VLLM_CPU_KVCACHE_SPACE": "1"}),
        vllm.Options(engine={"gpu_memory_utilization": 0.5, "data_parallel_size": 2}),
    ):
        assert vllm.identity(same) == plain
    for other in (
        vllm.Options(engine={"quantization": "fp8"}),
        vllm.Options(engine={"tensor_parallel_size": 2}),
        vllm.Options(environment={"VLLM_FLOAT32_MATMUL_PRECISION": "high"}),
    ):
        assert vllm.identity(other) != plain


def test_an_adapter_is_in_the_revision_and_in_every_request(served: Any, tmp_path: Path) -> None:
    """Its weights count, not its folder; vLLM has room for its largest rank."""
    folders = [tmp_path / name for name in ("one", "moved", "other")]
    for folder in folders:
        write_adapter(folder, weights=b"other" if folder.name == "other" else b"same")
    one, moved, other = (vllm.identity(vllm.Options(adapter=str(folder))) for folder in folders)
    assert one == moved != other
    encoder = served(adapter=str(folders[0])).inner
    tokens = vllm.Tokens([[5, 6]], [None])
    assert encoder._engines.numbers(tokens, is_pairs=False, adapter=encoder._adapter)[0, 4] == 1
    assert "'enable_lora': True" in starts(tmp_path)[0]
    assert "'max_lora_rank': 32" in starts(tmp_path)[0]


def test_a_base_and_its_adapters_start_one_engine(served: Any, local_models: dict[str, Any], tmp_path: Path) -> None:
    """One model after the other; the engine ends before a model of another kind is loaded."""
    for number, name in enumerate(("one", "two"), start=1):
        write_adapter(tmp_path / name, weights=name.encode())
        encoder = served(adapter=str(tmp_path / name)).inner
        rows = encoder._engines.numbers(vllm.Tokens([[5, 6]], [None]), is_pairs=False, adapter=encoder._adapter)
        assert rows[0, 4] == number
    base = served(engine={"enable_lora": True, "max_lora_rank": 32}).inner
    assert base._engines is encoder._engines
    assert base._engines.numbers(vllm.Tokens([[5, 6]], [None]), is_pairs=False)[0, 4] == 0
    assert len(starts(tmp_path)) == 1
    models.load(local_models["mini-zh"][0], cache=tmp_path)
    assert resident.kept("vllm") is None


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"peft_type": "IA3"}, SpecError, "expected a LoRA adapter of PEFT"),
        ({"modules_to_save": ["embed_tokens"]}, SpecError, "has whole modules beside LoRA"),
        ({"r": 1024}, SpecError, "expected ranks from 1 to 512"),
        (None, ModelAbsent, r"adapter_config\.json is missing"),
    ],
)
def test_adapters_that_vllm_would_apply_in_part_are_refused(
    settings: dict[str, Any] | None, error: type[Exception], words: str, tmp_path: Path
) -> None:
    """Before anything starts, with what to do instead."""
    from tcmbench.encoders._vllm_adapter import lora_arguments

    write_adapter(tmp_path, weights=b"w", **(settings or {}))
    if settings is None:
        (tmp_path / "adapter_config.json").unlink()
    base = Base.model_validate({"name": "b", "kind": "embedding", "encoder": "vllm", "path": "p"})
    with pytest.raises(error, match=words):
        lora_arguments(base, str(tmp_path), engine={})


def write_adapter(folder: Path, *, weights: bytes, **settings: Any) -> None:
    """Write the files of an adapter."""
    folder.mkdir(exist_ok=True)
    config = {"peft_type": "LORA", "r": 8, "rank_pattern": {"q_proj": 20}, **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(weights)


def test_calls_that_vllm_does_not_have_do_not_bind() -> None:
    """The argument of older versions, which the former stand-in took."""
    with pytest.raises(TypeError, match="truncate_prompt_tokens"):
        bind("LLM.embed", None, ["text"], truncate_prompt_tokens=8)
    with pytest.raises(TypeError, match="EngineArgs"):
        bind("LLM", "model", task="embed")
    assert bind("LLM", "model", enable_prefix_caching=True)["enable_prefix_caching"]
