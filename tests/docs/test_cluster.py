"""The files of docs/cluster: they can be read by what reads them, and name what the page names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "cluster"


@pytest.mark.parametrize("name", ["by-hand.sh", "slurm.sbatch"])
def test_scripts_are_shell(name: str) -> None:
    """They are parsed."""
    done = subprocess.run(["bash", "-n", str(FOLDER / name)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_script_without_its_store_says_what_to_set() -> None:
    """Instead of a cluster whose nodes have stores of their own."""
    done = subprocess.run(
        ["bash", str(FOLDER / "by-hand.sh"), "head"], capture_output=True, text=True, check=False, env={"PATH": "/bin"}
    )
    assert done.returncode != 0
    assert "TCMBENCH_CACHE: set it to a folder that all machines share" in done.stderr


def test_all_pods_of_the_job_share_folders_and_environment() -> None:
    """Head and workers mount the same claim in the same place."""
    job = yaml.safe_load((FOLDER / "kuberay.yaml").read_text(encoding="utf-8"))
    cluster = job["spec"]["rayClusterSpec"]
    pods = [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    first, *others = [
        (pod["volumes"], pod["containers"][0]["volumeMounts"], pod["containers"][0]["env"]) for pod in pods
    ]
    assert others == [first]
    assert {"name": "TCMBENCH_CACHE", "value": "/shared/store"} in first[2]
    assert job["spec"]["entrypoint"].startswith("tcmbench run ")


def test_the_page_links_every_file() -> None:
    """And says what was not tested."""
    page = (DOCS / "cluster.md").read_text(encoding="utf-8")
    assert {*re.findall(r"\(cluster/([\w.-]+)\)", page)} == {path.name for path in FOLDER.iterdir()}
    assert "(untested)" in page
