"""What the Ray executor decides without a cluster: options, the environment it sends, and a machine without Ray."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from tcmbench.cli._executor import chosen
from tcmbench.errors import MissingExtra, SpecError
from tcmbench.executors import _worker_environment
from tcmbench.executors import ray as on_ray
from tcmbench.workspace import Workspace, find
from tests.runs.test_queue import job

if TYPE_CHECKING:
    from pathlib import Path


def test_without_ray_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is tried."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"executor ray needs ray.*tcmbench\[ray\]"):
        on_ray.run([job(tmp_path, "one")], options=on_ray.Options(), emit=lambda _: None)
    on_ray.run([], options=on_ray.Options(), emit=lambda _: None)


def test_only_given_options_reach_the_executor() -> None:
    """Each executor has its own default number of jobs; an address is none of this machine's."""
    assert chosen("local", jobs=None, address="").options.model_fields_set == set()
    assert chosen("ray", jobs=None, address="head:6379").options.model_dump() == {
        "jobs": 1_024, "address": "head:6379", "retries": 2,
    }  # fmt: skip
    assert chosen("ray", jobs=3, address="").options.model_dump()["jobs"] == 3
    with pytest.raises(
        SpecError, match="--address head:6379: it is the cluster of --executor ray, got --executor local"
    ):
        chosen("local", jobs=1, address="head:6379")


def test_workers_get_switches_and_caches_and_no_secret_in_view(
    workspace_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray shows variables on its dashboard: tokens, keys and passwords of proxies travel with the job instead."""
    (workspace_dir / "models/bases/server.toml").write_text(
        'kind = "embedding"\nencoder = "endpoint"\n[options]\nurl = "http://localhost:1"\nmodel = "m"\n'
        'revision = "1"\napi_key_env = "CLINIC_KEY"\n',
        encoding="utf-8",
    )
    sent = {
        "HF_HUB_OFFLINE": "1", "HF_HOME": "/shared/hub", "OMP_NUM_THREADS": "4", "TCMBENCH_DATA": "/shared/data",
        "TOKENIZERS_PARALLELISM": "false", "NO_PROXY": "localhost",
    }  # fmt: skip
    secret = {
        "HF_TOKEN": "hf_abcdefghijklmnopqrstuvwxyz", "CLINIC_KEY": "quiet", "HTTPS_PROXY": "http://me:word@proxy:3128",
    }  # fmt: skip
    neither = {"CUDA_VISIBLE_DEVICES": "0", "AWS_SECRET_ACCESS_KEY": "other", "HOSTNAME": "here"}
    for name, value in (sent | secret | neither).items():
        monkeypatch.setenv(name, value)
    place: Workspace = find(workspace_dir, cache=workspace_dir / "store")
    variables = _worker_environment.variables()
    assert sent.items() <= variables.items()
    assert variables["OMP_WAIT_POLICY"] == "passive"
    assert not {*secret, *neither} & variables.keys()
    assert secret.items() <= _worker_environment.keys(place).items()
    assert not neither.keys() & _worker_environment.keys(place).keys()
