"""Specs: what TOML files may contain, and the errors for anything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcmbench.errors import SpecError, UnknownName
from tcmbench.specs import toml
from tcmbench.specs.base import Base
from tcmbench.specs.model_set import Matrix, ModelSet
from tcmbench.specs.suite import Suite
from tcmbench.specs.variant import Variant
from tcmbench.workspace import bundled_content, find


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_name_is_the_files(tmp_path: Path) -> None:
    """A spec without a name has its file's."""
    path = _write(tmp_path, "mine", 'kind = "baseline"\nencoder = "bm25"\n')
    assert toml.read(Base, path).name == "mine"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("kind = ", "not valid TOML"),
        ('name = "other"\nkind = "baseline"\nencoder = "bm25"', "the name inside is 'other'"),
        ('kind = "embeding"\nhub_id = "a/b"', "kind: Input should be 'embedding'"),
        (
            'kind = "embedding"\nhub_id = "a/b"\nmaxlength = 3',
            r"maxlength: unknown field\. Did you mean 'max_length'\?",
        ),
        ('kind = "embedding"', "set either path"),
        ('kind = "embedding"\nhub_id = "a/b"\npath = "c"', "set either path"),
        ('kind = "baseline"\nencoder = "bm25"\npath = "c"', r"bm25 have no weights here \(built in\): remove path"),
        ('kind = "baseline"\npath = "c"', "doesn't run models of kind 'baseline'; these do: bm25, hashed_chars"),
        ('kind = "reranker"\nencoder = "tfidf"\npath = "c"', "doesn't run.*these do: cross_encoder, endpoint, vllm"),
        (
            'kind = "reranker"\npath = "c"\nquery_prompt = "q: "',
            "query_prompt is a prefix.*embedding model",
        ),
        ('kind = "embedding"\nhub_id = "a/b"\nmax_length = 2', "max_length: .*greater than or equal to 8.*got 2"),
    ],
)
def test_bad_base_is_refused_with_its_reason(tmp_path: Path, text: str, complaint: str) -> None:
    """Every mistake names the file and the field."""
    path = _write(tmp_path, "mine", text)
    with pytest.raises(SpecError, match=r"(?s)mine\.toml.*" + complaint):
        toml.read(Base, path)


def test_unknown_encoder_of_a_base_suggests(tmp_path: Path) -> None:
    """Whether a base has weights here is known to its encoder, so a base needs one that exists."""
    path = _write(tmp_path, "mine", 'kind = "baseline"\nencoder = "bm52"')
    with pytest.raises(UnknownName, match=r"base mine: no encoder named 'bm52'. Did you mean 'bm25'"):
        toml.read(Base, path)


def test_options_of_a_trainer_in_the_wrong_table(tmp_path: Path) -> None:
    """A field that is an option of the trainer is refused with the table it belongs in."""
    path = _write(tmp_path, "mine", 'base = "b"\ndata = "d"\n[training]\ndevices = 2\nmatryoshka_dims = [8]\n')
    with pytest.raises(SpecError, match=r"devices, matryoshka_dims: options of the trainer.*\[training\.options\]"):
        toml.read(Variant, path)


def test_suite_refuses_a_column_twice(tmp_path: Path) -> None:
    """A column occurs once."""
    row = '[[tasks]]\ntask = "A"\nrole = "general"\n'
    with pytest.raises(SpecError, match="duplicate columns: A"):
        toml.read(Suite, _write(tmp_path, "s", row + row))


def test_set_needs_its_reference(tmp_path: Path) -> None:
    """Gains are measured against something that is measured."""
    text = 'suite = "s"\nreference = "x"\nmodels = ["y"]\n'
    with pytest.raises(SpecError, match="reference 'x' is not among models"):
        toml.read(ModelSet, _write(tmp_path, "m", text))


def test_matrix_spells_every_combination() -> None:
    """A matrix is the product of its axes, in order, tables merged."""
    matrix = Matrix.model_validate(
        {
            "name": "p-{neg}-{tune}",
            "common": {"base": "mini-zh", "data": "d", "training": {"epochs": 2}},
            "axes": {
                "neg": {"none": {}, "bm25": {"negatives": {"miner": "bm25"}}},
                "tune": {"full": {}, "lora": {"tuner": "lora", "training": {"lora_rank": 4}}},
            },
        }
    )
    variants = matrix.variants(where="set p")
    assert [v.name for v in variants] == ["p-none-full", "p-none-lora", "p-bm25-full", "p-bm25-lora"]
    assert (variants[3].training.epochs, variants[3].training.lora_rank) == (2, 4)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "p-{tunr}"}, r"no axis named 'tunr': expected \{axis\} of neg, tune, as in '\{neg\}-\{tune\}'"),
        ({"name": "p-{tune"}, r"'p-\{tune' is not a template"),
        ({"name": "{tune.x}"}, r"no axis named 'tune\.x'"),
        ({"axes": {"neg": {}, "tune": {"full": {}}}}, r"axes\.neg: .*at least 1 item"),
        (
            {"axes": {"neg": {"a": {"training": {"epochs": 1}}}, "tune": {"b": {"training": {"epochs": 2}}}}},
            r"axes neg and tune both set training\.epochs",
        ),
    ],
)
def test_a_matrix_that_would_lose_variants_is_refused(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    """A wrong name or axis, and two axes that cancel each other, are reported with the file."""
    matrix = {"name": "p-{neg}-{tune}", "axes": {"neg": {"none": {}}, "tune": {"full": {}}}} | changes
    given = {"name": "m", "suite": "s", "reference": "x", "models": ["x"], "matrix": [matrix]}
    with pytest.raises(SpecError, match=complaint):
        toml.parse(ModelSet, given, where="m.toml")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"seeds": [-1]}, "greater than or equal to 0"),
        ({"seeds": [2**32]}, "less than 4294967296"),
        ({"training": {"learning_rate": float("inf")}}, "finite number"),
        ({"name": ""}, "name of 1 to 150 bytes, got 0"),
        ({"name": "a b"}, "name 'a b': expected letters, digits"),
        ({"name": "a/../b"}, r"name 'a/\.\./b': expected a file name"),
        ({"training": {"epochs": 1e9}}, "less than or equal to 10000, got 1000000000"),
        ({"training": {"batch_size": 10**9}}, "less than or equal to 1000000"),
        (
            {"task": "reranker", "data": [{"path": "d", "prompt": "问："}]},
            "prompt of 'd' is a prefix of queries, which rerankers don't have",
        ),
        ({"data": "../elsewhere"}, "leads out of the data root. If that is intended, write outside_data_root = true"),
    ],
)
def test_a_variant_refuses_what_no_trainer_can_follow(changes: dict[str, object], complaint: str) -> None:
    """Such values ended in a library, or in a path, long after the file was read."""
    with pytest.raises(SpecError, match=complaint):
        toml.parse(Variant, {"name": "v", "base": "b", "data": "d", **changes}, where="v.toml")


def test_a_set_refuses_a_model_twice() -> None:
    """Its row would stand on the board twice."""
    given = {"name": "m", "suite": "s", "reference": "x", "models": ["x", "y", "x"]}
    with pytest.raises(SpecError, match="models that are listed twice: x"):
        toml.parse(ModelSet, given, where="m.toml")


def test_variant_refuses_batches_of_one() -> None:
    """InfoNCE with one example a batch teaches nothing, so it can't be asked for."""
    given = {"name": "v", "base": "b", "data": "d", "training": {"batch_size": 1}}
    with pytest.raises(SpecError, match=r"training\.batch_size: .*greater than or equal to 2"):
        toml.parse(Variant, given, where="v.toml")


def test_adapters_have_no_rate_for_token_vectors() -> None:
    """They leave the table as it is, so a rate for it would do nothing."""
    given = {"name": "v", "base": "b", "data": "d", "tuner": "lora", "training": {"token_learning_rate": 1e-3}}
    with pytest.raises(SpecError, match="'lora' doesn't tune the token vectors"):
        toml.parse(Variant, given, where="v.toml")


def test_every_bundled_spec_is_valid() -> None:
    """All files that come with tcmbench fit their schemas, and sets name only what exists."""
    place = find(bundled_content())
    for schema in (Base, Variant, Suite):
        for name in place.names(schema):
            place.spec(schema, name)
    for name in place.names(ModelSet):
        model_set = place.spec(ModelSet, name)
        place.spec(Suite, model_set.suite)
        for base in model_set.models:
            place.spec(Base, base)
        for variant in place.variants(model_set):
            place.spec(Base, variant.base)


def test_a_misspelt_rule_in_a_set_is_named_with_the_set_s_file(tmp_path: Path) -> None:
    """The policy of a set is checked when the set is read."""
    text = 'suite = "s"\nreference = "a"\nmodels = ["a"]\n[policy.baseline]\nmargn = 1\n'
    with pytest.raises(SpecError, match=r"mine\.toml: not a valid model set:(.|\n)*margn: unknown field"):
        toml.read(ModelSet, _write(tmp_path, "mine", text))
