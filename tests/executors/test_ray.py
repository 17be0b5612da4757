"""Jobs on a Ray cluster of two nodes of this machine: the same board, restarts, and requests that can't be met."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tcmbench import tasks
from tcmbench.boards import publish
from tcmbench.errors import SpecError
from tcmbench.executors import ray as on_ray
from tcmbench.records import failures
from tcmbench.records.events import JobFailed, JobFinished, ScoreMeasured, TrainingStep
from tcmbench.runs import gather
from tcmbench.runs.job import Needs
from tcmbench.specs.model_set import ModelSet
from tcmbench.workspace import find
from tests.executors.conftest import MODELS
from tests.processes import is_gone
from tests.running import run
from tests.runs.test_queue import job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tcmbench.records.events import Event
    from tcmbench.workspace import Workspace

ray = pytest.importorskip("ray", reason="needs the extra ray: pip install 'tcmbench[ray]'")

ROOT = Path(__file__).parents[2]
WORKER = "tcmbench.trainers._sentence_transformers.worker"
SET = """
suite = "tuned"
reference = "mini-zh-static"
models = ["mini-zh-static"]
[[variant]]
name = "tuned"
base = "mini-zh-static"
data = "tcm-synth"
seeds = [0, 1]
trainer = "sentence_transformers"
[variant.training]
batch_size = 16
epochs = 3
learning_rate = 2e-2
max_length = 64
"""
SUITE = """
[[tasks]]
task = "Tuned"
role = "in_domain"
[[tasks]]
task = "TunedSTS"
role = "general"
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with one core, to which tests add nodes."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("RAY_memory_monitor_refresh_ms", "0")  # other processes of the machine may fill its memory
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        head = {"num_cpus": 1, "include_dashboard": False}
        cluster = started(lambda: Cluster(initialize_head=True, head_node_args=head))
        try:
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


def started(start: Callable[[], Any], tries: int = 8) -> Any:
    """Return what a function starts; Ray gives a node half a minute, which a busy machine exceeds."""
    try:
        return start()
    except Exception:
        if tries == 1:
            raise
        return started(start, tries - 1)


@pytest.fixture
def tuned(workspace_dir: Path, synthetic_root: Path) -> Workspace:
    """A static model, measured, and two seeds of a variant to train."""
    for name, text in {
        "tasks/Tuned.toml": 'type = "syndrome_retrieval"\npath = "tcm-synth"\n',
        "tasks/TunedSTS.toml": 'type = "sts"\npath = "general-synth/sts.jsonl"\n',
        "tasks/suites/tuned.toml": SUITE,
        "models/sets/base.toml": SET.partition("[[variant]]")[0],
        "models/sets/tuned.toml": SET,
        "models/bases/mini-zh-static.toml": (ROOT / "models/bases/mini-zh-static.toml").read_text(encoding="utf-8"),
    }.items():
        (workspace_dir / name).write_text(text, encoding="utf-8")
    (workspace_dir / "models/mini-zh-static").symlink_to(ROOT / "models/mini-zh-static")
    place = find(workspace_dir, data=synthetic_root, cache=workspace_dir / "store")
    run(place, "base")
    return place


def on(cluster: Any, **options: Any) -> Callable[..., None]:
    """Return the executor on the cluster."""
    return partial(on_ray.run, options=on_ray.Options(address=cluster.address, **options))


def board(place: Workspace, name: str) -> dict[str, bytes]:
    """Return the files of the board of what the store has, but for measured speed."""
    model_set = place.spec(ModelSet, name)
    planned = tasks.plan_set(place, model_set)
    entries = [replace(entry, cost=None) for entry in gather.entries(place, model_set, planned)]
    files = publish.write_board(place, model_set, planned, entries).files
    return {path.name: path.read_bytes() for path in files if path.suffix in {".csv", ".html"}}


def trainings() -> list[psutil.Process]:
    """Return the processes of trainings that Ray's workers have started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if WORKER in process.cmdline() and process.parent().name().startswith("ray::"):
                found.append(process)
    return found


@pytest.mark.slow
def test_one_node_and_two_give_the_board_of_one_process(small: Workspace, cluster: Any) -> None:
    """Files are the same to the byte, and the events of all nodes arrive."""
    boards = []
    for name in ("here", "one", "two"):
        place = replace(small, cache=small.root / f"store-{name}")
        second = started(lambda: cluster.add_node(num_cpus=1)) if name == "two" else None
        done = run(place, "small", execute=None if name == "here" else on(cluster))
        if second is not None:
            cluster.remove_node(second)
        boards.append(board(place, "small"))
        assert [note for note in done.notes if "bitsandbytes" not in note] == []
        assert {event.model for event in done.events if isinstance(event, JobFinished)} == set(MODELS)
        assert len([event for event in done.events if isinstance(event, ScoreMeasured)]) == 4
    assert set(boards[0]) == {"index.html", "scores.csv"}
    assert boards[0] == boards[1] == boards[2]


@pytest.mark.slow
def test_a_killed_worker_and_a_lost_node_cost_no_score(tuned: Workspace, cluster: Any) -> None:
    """SIGKILL of a worker amid a training, then of a whole node amid another: both trainings are done again."""
    node = started(lambda: cluster.add_node(num_cpus=1))
    raylet = node.all_processes["raylet"][0].process.pid
    killed: list[int] = []

    def kill(event: Event) -> None:
        if not isinstance(event, TrainingStep):
            return
        running = trainings()
        if not killed and running:
            killed.append(running[0].pid)
            running[0].parent().kill()
        there = [one for one in running if one.pid not in killed and raylet in {up.pid for up in one.parents()}]
        if len(killed) == 1 and there:
            killed.append(there[0].pid)
            cluster.remove_node(node, allow_graceful=False)

    done = run(tuned, "tuned", execute=on(cluster), emit=kill)
    assert len(killed) == 2
    assert all(map(is_gone, killed))
    assert len([note for note in done.notes if note.endswith("died; restarted")]) == 2
    assert [entry.states for entry in done.entries] == [{}, {}]
    assert {len(scores) for scores in done.entries[1].scores.values()} == {2}


@pytest.mark.slow
def test_an_interrupted_run_leaves_no_process(tuned: Workspace, cluster: Any) -> None:
    """Ctrl-C amid a training ends it on its node, and the mailbox."""
    running: list[psutil.Process] = []

    def interrupt(event: Event) -> None:
        if isinstance(event, TrainingStep):
            running.extend(trainings())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tuned, "tuned", execute=on(cluster), emit=interrupt)
    assert running
    assert all(is_gone(process.pid) for process in running)
    assert not ray.is_initialized()


@pytest.mark.slow
def test_what_no_node_has_is_refused_at_once(tmp_path: Path, cluster: Any) -> None:
    """The message names what is needed and what nodes have; what depends on the job fails with it."""
    large = replace(job(tmp_path, "large"), needs=Needs(0, 1 << 40, 1))
    events: list[Event] = []
    start = time.monotonic()
    on(cluster)([large, job(tmp_path, "its", after="large")], emit=events.append)
    assert time.monotonic() - start < 300
    reasons = [event.reason for event in events if isinstance(event, JobFailed)]
    assert "large/seed0: needs 1 core and 1,099,511,627,776 MiB of memory on one node, which no node" in reasons[0]
    assert reasons[1].startswith("not measured, because its training failed: large/seed0: needs")
    kept = failures.last(large.workspace.store, "large")
    assert kept is not None
    assert str(kept.reason) == reasons[0]


@pytest.mark.slow
def test_a_node_without_the_folders_of_the_run_is_refused(tmp_path: Path, cluster: Any) -> None:
    """A worker with other code would store scores under wrong keys: the message names node and difference."""
    from tcmbench.executors import _ray_nodes

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ray_nodes, "code", lambda: "other")
        with pytest.raises(
            SpecError, match=r"Nodes of the cluster .*\n.*tcmbench is another version, or has other files"
        ):
            on(cluster)([job(tmp_path, "one")], emit=lambda _: None)


@pytest.mark.parametrize("mode", ["", "token"])
def test_a_cluster_that_refuses_may_want_a_token(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's message doesn't say so; whoever has set the variable knows."""

    def refuse(**_: Any) -> None:
        raise ConnectionError("Failed to connect to Ray cluster at head:6379")

    from tcmbench.executors import _ray_cluster

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(SpecError, match="but: Failed to connect") as caught, _ray_cluster.connected("auto"):
        pass
    assert ("RAY_AUTH_MODE=token" in str(caught.value)) == (mode == "")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "expected a Ray cluster, but: .*refused.*ray start --head"),
        ("ray://head:10001", "start it on a node of the cluster"),
        ("nonsense:port", "expected a Ray cluster, but: invalid literal"),
    ],
)
def test_an_address_without_a_cluster_is_refused(tmp_path: Path, address: str, said: str) -> None:
    """Before Ray waits for it; the message says how to start one."""
    with pytest.raises(SpecError, match=said):
        on_ray.run([job(tmp_path, "one")], options=on_ray.Options(address=address), emit=lambda _: None)


def nodes_of(monkeypatch: pytest.MonkeyPatch, *rooms: tuple[int, int, int]) -> Any:
    """Return the module of clusters, for which nodes have these cores, GPUs and memory."""
    from tcmbench.executors import _ray_cluster

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = [_ray_cluster.Node(str(i), f"node{i}", _ray_cluster.Room(*room)) for i, room in enumerate(rooms)]
    monkeypatch.setattr(_ray_cluster, "nodes", lambda: found)
    return _ray_cluster


@pytest.mark.parametrize(
    ("needs", "jobs", "room"),
    [
        (Needs(1, 9_000, 4), None, (4, 1, None)),
        (Needs(0, 9_000, 4), None, (4, 0, 9_000)),
        (Needs(0, None, 1), None, (1, 0, None)),
        (Needs(0, None, 4), 12, (2, 0, None)),
        (Needs(8, 9_000, 64), None, (16, 8, None)),
    ],
)
def test_a_job_takes_what_it_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: Needs, jobs: int | None, room: tuple[int, int, int | None]
) -> None:
    """Weights on a GPU take no memory of the node; with --jobs the cores are shared; no more than a node has."""
    cluster = nodes_of(monkeypatch, (16, 2, 64_000), (8, 0, 32_000)).Cluster(jobs)
    assert tuple(cluster.room(replace(job(tmp_path, "a"), needs=needs))) == room


def test_a_training_on_more_gpus_than_a_node_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two nodes with two each don't make four; without any GPU it runs on a processor, as on one machine."""
    four = replace(job(tmp_path, "a"), needs=Needs(4, 9_000, 4))
    cluster = nodes_of(monkeypatch, (16, 2, 64_000), (16, 2, 64_000)).Cluster(None)
    assert cluster.refusal(four) == (
        "a/seed0: needs 4 cores, 4 GPUs on one node, which no node of the cluster has (node0 has 16 cores, 2 GPUs and "
        "64,000 MiB of memory; node1 has 16 cores, 2 GPUs and 64,000 MiB of memory). Add such a node, or lower "
        "training.options.devices."
    )
    assert cluster.refusal(replace(four, needs=Needs(2, 9_000, 4))) is None
    plain = nodes_of(monkeypatch, (16, 0, 64_000)).Cluster(None)
    assert plain.refusal(four) is None
    nodes_of(monkeypatch, (16, 0, 64_000))
    lost = cluster.refusal(replace(four, needs=Needs(1, 9_000, 4)))
    assert lost is not None  # its GPU has gone with its node: it isn't measured on a processor instead


def test_a_task_without_gpus_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray sets the GPUs of others itself; each has as many threads as cores."""
    from tcmbench.executors._ray_tasks import variables_of

    room = nodes_of(monkeypatch, (16, 2, 64_000)).Room
    sent = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "9"}
    assert variables_of(room(2, 0, None), sent) == {**sent, "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}
    assert variables_of(room(4, 1, None), sent) == {**sent, "OMP_NUM_THREADS": "4"}
