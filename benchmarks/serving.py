"""Serving a model: processor time and requests per second of `tcmbench serve` and of other servers.

Short texts of different lengths, none sent twice, one per request; then 64 texts per request. All servers run at the
same time and are asked in turns, so that other load on the machine meets all of them; their vectors are compared
first. `--infinity` and `--vllm` name the Python of an environment that has the server; without it the rival is not
measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import _result
from benchmarks._result import LeftOut, Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

_CLIENTS = (1, 8, 32)
_REQUESTS, _QUICK_REQUESTS = 160, 16
_ROUNDS, _QUICK_ROUNDS = 3, 1
_BATCH = 64
_START_SECONDS = 300.0
_TOLERANCE = 2e-6
_RIVAL = "FastAPI + sentence-transformers, micro-batches"
_SYMPTOMS = tuple("咳嗽头痛胸闷气短乏力腹胀纳呆便溏失眠多梦盗汗口干耳鸣腰酸心悸眩晕恶寒发热痰多舌红苔黄脉弦")
_VLLM = {
    "VLLM_PLUGINS": "", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
}  # fmt: skip


class Load(NamedTuple):
    """A kind of load."""

    clients: int
    """Requests at the same time."""

    texts: int
    """Texts per request."""

    @property
    def shown(self) -> str:
        """The load in words."""
        return f"{self.clients} client{'s' * (self.clients > 1)}, {self.texts} text{'s' * (self.texts > 1)} per request"


@dataclass
class Spent:
    """What a server has spent under a load."""

    requests: int = 0
    cpu: float = 0.0
    wall: float = 0.0


@dataclass
class Server:
    """A server that runs."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    spent: dict[Load, Spent] = field(default_factory=dict)

    def cpu(self) -> float:
        """Return the processor seconds of the process and those that it started."""
        import psutil

        whole = psutil.Process(self.process.pid)
        times = [one.cpu_times() for one in (whole, *whole.children(recursive=True))]
        return float(sum(one.user + one.system for one in times))


def figures(given: argparse.Namespace) -> Iterator[Row | LeftOut]:
    """Yield costs of every load, against every rival."""
    from tcmbench import models
    from tcmbench.processor import cores
    from tcmbench.workspace import from_environment

    model = models.base_model(from_environment(Path.cwd()), given.base)
    if model.model_dir is None:
        _result.fail(f"{given.base}: expected a base with weights")
    folder = str(model.model_dir)
    python = sys.executable
    serve = [python, "-m", "tcmbench", "serve", given.base]
    commands = {
        "tcmbench": [*serve, "--port", "{port}", "--parallel-batches", str(cores())],
        _RIVAL: [python, "-m", "benchmarks._plain_server", folder, "{port}"],
    }
    if given.infinity:
        infinity = given.infinity_model or folder
        commands["infinity"] = [
            str(given.infinity), "-c", "from infinity_emb.cli import cli; cli()", "v2", "--model-id", infinity,
            "--served-model-name", given.base, "--engine", "torch",
            "--url-prefix", "/v1", "--device", "cpu", "--dtype", "float32", "--port", "{port}",
        ]  # fmt: skip
    if given.vllm:
        commands["vLLM, eager"] = [
            str(given.vllm), "-m", "vllm.entrypoints.openai.api_server", "--model", folder, "--served-model-name",
            given.base, "--runner", "pooling", "--enforce-eager", "--dtype", model.base.dtype, "--max-model-len",
            str(model.base.max_length), "--host", "127.0.0.1", "--port", "{port}",
        ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(_started(name, words)) for name, words in commands.items()]
        for server in servers:
            _wait(server, given.base)
        _require_same(servers, given.base)
        _measure(servers, given)
    yield from _rows(servers[0], servers[1:], base=given.base)
    for name, path in (("infinity", given.infinity), ("vLLM", given.vllm)):
        if not path:
            yield LeftOut(case=name, reason=f"name the Python of its environment with --{name.lower()}")


@contextlib.contextmanager
def _started(name: str, words: Sequence[str]) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [word.replace("{port}", str(port)) for word in words],
        stdout=subprocess.DEVNULL,
        env={**os.environ, **_result.ONE_THREAD, **_VLLM},
    )
    try:
        yield Server(name, port, process)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Server, base: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        if server.process.poll() is not None:
            _result.fail(f"{server.name}: ended with {server.process.returncode} before it could be asked")
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            asyncio.run(_ask_all(server.port, [_request(server.port, base, ["虚"])], clients=1))
            return
        if time.monotonic() > end:
            _result.fail(f"{server.name}: no answer within {_START_SECONDS:.0f} s")
        time.sleep(1)


def _require_same(servers: Sequence[Server], base: str) -> None:
    """Stop where the servers don't have the same vectors."""
    import numpy as np

    texts = list(_texts(8, seed=0))
    found = []
    for server in servers:
        (answer,) = asyncio.run(_ask_all(server.port, [_request(server.port, base, texts)], clients=1))
        rows = sorted(json.loads(answer)["data"], key=lambda row: row["index"])
        found.append(np.array([row["embedding"] for row in rows], dtype=np.float32))
    for server, vectors in zip(servers, found, strict=True):
        apart = float(np.abs(vectors - found[0]).max())
        if apart > _TOLERANCE:
            _result.fail(f"{server.name}: its vectors differ from ours by {apart}")


def _measure(servers: Sequence[Server], given: argparse.Namespace) -> None:
    """Ask the servers in turns, in another order in every round."""
    requests = given.requests or (_QUICK_REQUESTS if given.quick else _REQUESTS)
    loads = [Load(clients, 1) for clients in _CLIENTS] + [Load(1, _BATCH)]
    seed = itertools.count(1)
    for load in loads:
        count = max(load.clients, requests // load.texts or 1)
        for turn in range(_QUICK_ROUNDS if given.quick else _ROUNDS):
            texts = [list(_texts(load.texts, seed=next(seed))) for _ in range(count)]
            for server in (*servers[turn % len(servers) :], *servers[: turn % len(servers)]):
                bodies = [_request(server.port, given.base, part) for part in texts]
                spent = server.spent.setdefault(load, Spent())
                cpu, wall = server.cpu(), time.perf_counter()
                asyncio.run(_ask_all(server.port, bodies, clients=load.clients))
                spent.wall += time.perf_counter() - wall
                spent.cpu += server.cpu() - cpu
                spent.requests += count


def _rows(ours: Server, rivals: Sequence[Server], *, base: str) -> Iterator[Row]:
    for load, own in ours.spent.items():
        for rival in rivals:
            theirs = rival.spent[load]
            is_goal = load.clients > 1
            yield Row(
                case=f"{base}: {load.shown}",
                unit="processor ms per request",
                ours=1000 * own.cpu / own.requests,
                rival=1000 * theirs.cpu / theirs.requests,
                rival_name=rival.name,
                least_ratio=1.0 if is_goal else None,
            )
            yield Row(
                case=f"{base}: {load.shown}",
                unit="wall ms per request",
                ours=1000 * own.wall / own.requests,
                rival=1000 * theirs.wall / theirs.requests,
                rival_name=rival.name,
                least_ratio=1.0 if is_goal else None,
                note=f"{base}, {load.shown}: {own.requests / own.wall:.0f} requests per second, "
                f"{rival.name} {theirs.requests / theirs.wall:.0f}.",
            )


def _texts(count: int, *, seed: int) -> Iterator[str]:
    """Yield texts of 6 to 60 characters."""
    source = random.Random(seed)
    for _ in range(count):
        yield "".join(source.choices(_SYMPTOMS, k=source.randint(6, 60)))


def _request(port: int, base: str, texts: Sequence[str]) -> bytes:
    body = json.dumps({"model": base, "input": list(texts)}, ensure_ascii=False).encode()
    head = (
        f"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _ask_all(port: int, requests: Sequence[bytes], *, clients: int) -> list[bytes]:
    """Return the bodies of all answers, asked by so many clients, each over one connection."""
    left = iter(enumerate(requests))
    answers: dict[int, bytes] = {}

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        with contextlib.closing(writer):
            for number, request in left:
                writer.write(request)
                answers[number] = await _answer(reader)

    await asyncio.gather(*(client() for _ in range(clients)))
    return [answers[number] for number in range(len(requests))]


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """Return the body of one answer; a server that answers otherwise ends the benchmark."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    if not head.startswith("http/1.1 200"):
        _result.fail(f"a server answered: {head.splitlines()[0]}")
    length = next(line for line in head.splitlines() if line.startswith("content-length:"))
    return await reader.readexactly(int(length.partition(":")[2]))


def options(parser: argparse.ArgumentParser) -> None:
    """Add base, number of requests and the environments of rivals."""
    parser.add_argument("--base", default="mini-zh", help="an embedding base whose weights are here")
    parser.add_argument("--requests", type=int, help="texts per load and round")
    parser.add_argument("--infinity", type=Path, help="Python of an environment with infinity-emb")
    parser.add_argument("--infinity-model", default="", help="the base's folder in a form that infinity reads")
    parser.add_argument("--vllm", type=Path, help="Python of an environment with vLLM for processors")


if __name__ == "__main__":
    packages = ("fastapi", "uvicorn", "sentence-transformers", "torch", "transformers")
    sys.exit(_result.command(__doc__, lambda given: list(figures(given)), packages=packages, options=options))
