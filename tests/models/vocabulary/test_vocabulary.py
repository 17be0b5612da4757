"""A base with the Chinese part of another's vocabulary: a base with the same results on Chinese text."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tcmbench import models
from tcmbench.errors import ParityError, SpecError, UnknownName
from tcmbench.models import given, hub_layout, weights
from tcmbench.models.vocabulary import files, parity, report
from tcmbench.models.vocabulary.tokenizer_json import divided
from tcmbench.specs.base import Base
from tcmbench.workspace import bundled_content, find
from tests.models import adapters
from tests.models.vocabulary.test_tokenizer_json import TOKENIZERS, bpe, unigram

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

    from tcmbench.workspace import Workspace

TEXTS = ["咳嗽三日，痰黄", "名称：气虚证。定义：元气不足。"]


def derived(root: Path, name: str, *, kind: str = "embedding") -> Workspace:
    """Return a workspace with a base `small` that is derived from a bundled one."""
    for folder in ("models/bases", "tasks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "models/bases/small.toml").write_text(
        f'kind = "{kind}"\nderive = {{ base = "{name}", vocabulary = "zh", latin_pieces = 50 }}\n', encoding="utf-8"
    )
    return find(root, cache=root / "store")


@pytest.mark.parametrize("name", ["mini-zh", "mini-zh-static"])
def test_vectors_are_the_same_to_the_bit(tmp_path: Path, name: str) -> None:
    """Of a transformer with byte-level BPE and of a static table; prompts, pooling and length come with the folder."""
    place = derived(tmp_path, name)
    whole, small = models.base_model(place, name), models.base_model(place, "small")
    assert small.model_dir is not None
    assert whole.model_dir is not None
    assert small.base.query_prompt == whole.base.query_prompt
    assert (small.revision != whole.revision, small.weights_from) == (True, f"{name}, vocabulary zh")
    loaded = [models.load(model, cache=place.cache).model for model in (whole, small)]
    texts = [*TEXTS, *(whole.base.query_prompt + text for text in TEXTS)]
    np.testing.assert_array_equal(*[np.asarray(model.encode_texts(texts)) for model in loaded])
    tables = [load_file(folder / "model.safetensors") for folder in (whole.model_dir, small.model_dir)]
    assert tables[1].keys() == tables[0].keys()
    assert sum(table.nbytes for table in tables[1].values()) < sum(table.nbytes for table in tables[0].values())
    assert models.base_model(place, "small") == small


def test_pieces_of_its_own_prompts_are_kept(tmp_path: Path) -> None:
    """Words that Chinese text has no use for; without them each query would start with other pieces."""
    place = derived(tmp_path, "mini-zh")
    file = tmp_path / "models/bases/small.toml"
    prompt = "Instruct: retrieve the syndrome\\nQuery: "
    own = f'query_prompt = "{prompt}"\nown_prompts = true\n'
    file.write_text(file.read_text(encoding="utf-8").replace("= 50", "= 0") + own, encoding="utf-8")
    whole, small = models.base_model(place, "mini-zh"), models.base_model(place, "small")
    loaded = [models.load(model, cache=place.cache).model for model in (whole, small)]
    texts = [small.base.query_prompt + text for text in TEXTS]
    np.testing.assert_array_equal(*[np.asarray(model.encode_texts(texts)) for model in loaded])


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_a_bert_is_derived_from_too(tmp_path: Path, kind: str) -> None:
    """Of either kind of tokenizer; special pieces that stand in a file of their own stay special."""
    place = derived(tmp_path, "bert")
    write_bert(tmp_path / "models/bert", TOKENIZERS[kind]())
    for name, place_of in (
        ("bert", 'path = "bert"'),
        ("small", 'derive = { base = "bert", vocabulary = "zh", latin_pieces = 1 }'),
    ):
        (tmp_path / f"models/bases/{name}.toml").write_text(f'kind = "embedding"\n{place_of}\nmax_length = 64\n')
    whole, small = models.base_model(place, "bert"), models.base_model(place, "small")
    loaded = [models.load(model, cache=place.cache).model for model in (whole, small)]
    np.testing.assert_array_equal(*[model.encode_texts(["咳嗽三日", "口干，痰黄！"]) for model in loaded])
    tokenizers = [model.model.tokenizer for model in loaded]
    assert len(tokenizers[1]) < len(tokenizers[0])
    assert tokenizers[1].pad_token == tokenizers[0].pad_token is not None


def write_bert(folder: Path, tokenizer: Tokenizer) -> None:
    """Write a random BERT, with its special pieces in special_tokens_map.json alone, as older models have them."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size() + 3, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=64, pad_token_id=0, dtype="float32",
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    base = Base(name="bert", kind="embedding", path="bert", pooling="cls", max_length=64)
    hub_layout.write_embedding_modules(folder, base=base, dimensions=config.hidden_size)
    first = tokenizer.id_to_token(0)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=first).save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    special = {"pad_token": settings.pop("pad_token")}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(special), encoding="utf-8")


def test_a_reranker_keeps_its_answers(tmp_path: Path) -> None:
    """The pieces of its template, and of yes and no, are kept with their new ids; scores are equal."""
    place = derived(tmp_path, "mini-zh-reranker", kind="reranker")
    whole, small = models.base_model(place, "mini-zh-reranker"), models.base_model(place, "small")
    loaded = [models.load(model, cache=place.cache).model for model in (whole, small)]
    pairs = [("咳嗽痰黄", "痰热证"), ("夜间盗汗", "阴虚证")]
    np.testing.assert_array_equal(*[model.predict(pairs) for model in loaded])


def test_a_derived_base_is_tuned_like_any_other(tmp_path: Path) -> None:
    """An adapter is merged onto it; the row says over what, and is not itself derived."""
    place = derived(tmp_path, "mini-zh")
    folder = adapters.adapter(tmp_path / "adapter", kind="AutoModel")
    place, called = given.register(place, [str(folder)], tuned_from="small")
    model, small = models.base_model(place, called[str(folder)]), models.base_model(place, "small")
    assert model.weights_from == "adapter over small (mini-zh, vocabulary zh)"
    assert (model.base.tuned_from, model.base.derive) == ("small", None)
    vectors = [models.load(one, cache=place.cache).model.encode_texts(TEXTS) for one in (model, small)]
    assert vectors[0].shape == vectors[1].shape
    assert not np.array_equal(*vectors)


def test_a_derived_base_has_the_settings_of_the_other(tmp_path: Path) -> None:
    """Prompts and precision that are in its file alone, without which it would be another model; its own come first."""
    for folder in ("tasks", "models/bases"):
        (tmp_path / folder).mkdir(parents=True)
    write_bert(tmp_path / "models/enc", TOKENIZERS["wordpiece"]())
    enc = 'kind = "embedding"\npath = "enc"\ndtype = "bfloat16"\nmax_length = 64\nquery_prompt = "问："\n'
    part = 'kind = "embedding"\nderive = { base = "enc", vocabulary = "zh" }\nmax_length = 32\n'
    (tmp_path / "models/bases/enc.toml").write_text(enc, encoding="utf-8")
    (tmp_path / "models/bases/part.toml").write_text(part, encoding="utf-8")
    base = models.base_model(find(tmp_path, cache=tmp_path / "store"), "part").base
    assert (base.dtype, base.query_prompt, base.max_length, base.path) == ("bfloat16", "问：", 32, None)


def test_what_is_derived_from_itself_is_refused(tmp_path: Path) -> None:
    """By way of others too."""
    place = derived(tmp_path, "small")
    with pytest.raises(SpecError, match="small → small"):
        models.base_model(place, "small")


def test_listing_builds_nothing(tmp_path: Path) -> None:
    """A base is here where the base that it is derived from is."""
    place = derived(tmp_path, "mini-zh")
    assert weights.state(place, place.spec(Base, "small")) == "here"
    assert not (tmp_path / "store").exists()
    with pytest.raises(UnknownName, match="no base named 'mini-zk'"):
        weights.state(place, derived(tmp_path, "mini-zk").spec(Base, "small"))


def test_weights_per_piece_elsewhere_are_refused(tmp_path: Path) -> None:
    """A model with other results on the same pieces is no derived base."""
    place = find(bundled_content(), cache=tmp_path / "store")
    origin = models.base_model(place, "mini-zh-static")
    assert origin.model_dir is not None
    other = shutil.copytree(origin.model_dir, tmp_path / "other")
    parity.require_same(origin, other)
    tensors = load_file(other / "model.safetensors")
    save_file({name: value + 1 for name, value in tensors.items()}, other / "model.safetensors")
    with pytest.raises(ParityError, match="other results on the same pieces"):
        parity.require_same(origin, other)


def test_ids_in_configurations_are_found_and_renumbered() -> None:
    """Numbers, lists, nested tables; negative ones and those that are absent stay."""
    config = {"eos_token_id": [7, 9], "pad_token_id": None, "vocab_size": 12, "hidden_size": 4,
              "text_config": {"bos_token_id": 9, "vocab_size": 12}, "image_token_id": -1}  # fmt: skip
    assert set(files._ids(config)) == {7, 9}
    part = divided(bpe(), latin=0, always=frozenset())
    places = {"eos_token_id": [part.places[7], part.places[9]], "pad_token_id": None, "vocab_size": len(part.kept),
              "hidden_size": 4, "text_config": {"bos_token_id": part.places[9], "vocab_size": len(part.kept)},
              "image_token_id": -1}  # fmt: skip
    assert files._renumbered(config, part) == places


def test_a_report_counts_what_changes() -> None:
    """Pieces that are lost are counted in their place, by what they would have been."""
    whole = unigram()
    part = divided(whole, latin=1, always=frozenset()).tokenizer
    changes = report.changes(whole, part, ["咳嗽三日", "咳嗽cough", "", "the"])
    assert (changes.lines, changes.changed_lines) == (4, 1)
    assert (changes.tokens, changes.chinese) == (5, 3)
    assert (changes.changed, changes.chinese_changed) == (1, 0)
    assert changes.lost == (("cough", 1),)
