"""vLLM's engine in processes of the environment that has vLLM: started once, fed with token ids, ended surely.

A process ends with its `Engine`, with this process (also when that is killed), and never starts again after it died:
the next start would end the same way, after the minutes that it takes.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from multiprocessing import connection
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from tcmbench import strict_json
from tcmbench.encoders.runtime import resident
from tcmbench.errors import EvaluationError, MissingExtra, ModelAbsent, TcmbenchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

WORKER = Path(__file__).with_name("_vllm_worker.py")

_ENCODER = "vllm"
_END_SECONDS = 20.0
_POLL_SECONDS = 0.02
_WAIT_SECONDS = 0.5
_TAIL_BYTES = 65_536
_TAIL_LINES = 4
_LONGEST_LINE = 300


class Launch(NamedTuple):
    """What a process of vLLM is started with."""

    name: str
    """The base, for messages."""

    python: str
    """Interpreter of the environment that has vLLM."""

    arguments: Mapping[str, Any]
    """Arguments of `vllm.LLM`."""

    environment: Mapping[str, str]
    """All variables of the process."""


class Tokens(NamedTuple):
    """Texts or pairs as a model reads them."""

    ids: Sequence[Sequence[int]]
    """Token ids of each, special tokens included, not longer than the model reads."""

    segments: Sequence[int | None]
    """Position of the first token of the second text, for networks with segments (BERT); None for all others."""


class Adapter(NamedTuple):
    """A LoRA adapter beside the weights of its base."""

    path: str
    """Its folder."""

    sha256: str
    """Hash of its settings and weights."""


class Engines:
    """One engine, or several copies of it that share the texts (data parallel)."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        self._engines = [Engine(launch) for launch in launches]
        self.settings = _settings(launches)
        """What they are started with, as text: models with the same settings can share them."""
        self.installed = installed_version(launches[0].python)
        """Version of vLLM in their environment; "" where its files don't say."""
        self._adapters: dict[str, int] = {}

    def numbers(self, tokens: Tokens, *, is_pairs: bool, adapter: Adapter | None = None) -> NDArray[np.float32]:
        """Return the vector of each text, not normalised, or the logits of each pair, (texts, width), in order.

        Raises:
            TcmbenchError: vLLM can't be started, refused the request, or ended.
        """
        import numpy as np

        count = min(len(self._engines), len(tokens.ids))
        extra = {} if adapter is None else {"adapter": self._numbered(adapter)}
        # Texts come longest first: dealt out like cards, all copies have about the same number of tokens.
        shares = [
            {"ids": list(tokens.ids[start::count]), "segments": list(tokens.segments[start::count]), **extra}
            for start in range(count)
        ]
        parts = self._answers(shares, is_pairs=is_pairs)
        numbers = np.empty((len(tokens.ids), parts[0].shape[1]), dtype=np.float32)
        for start, part in enumerate(parts):
            numbers[start::count] = part
        return numbers

    def _answers(self, shares: Sequence[Mapping[str, Any]], *, is_pairs: bool) -> list[NDArray[np.float32]]:
        """Return the numbers of each share; Ctrl-C ends the processes, whose answers nobody waits for then."""
        if len(shares) == 1:
            return [self._engines[0].ask(shares[0], is_pairs=is_pairs)]
        with ThreadPoolExecutor(len(shares)) as pool:
            asked = [
                pool.submit(one.ask, share, is_pairs=is_pairs)
                for one, share in zip(self._engines, shares, strict=False)
            ]
            try:
                # In pieces, as in `Engine._exchange`.
                while wait(asked, timeout=_WAIT_SECONDS).not_done:
                    pass
            except BaseException:
                self.close()
                raise
        return [one.result() for one in asked]

    @property
    def packages(self) -> dict[str, str]:
        """The version of vLLM: what a started process says, or, where all vectors are stored, its environment."""
        versions = {engine.version for engine in self._engines} - {""} or {self.installed} - {""}
        return {_ENCODER: ", ".join(sorted(versions))} if versions else {}

    @property
    def has_failed(self) -> bool:
        """Whether one of them has ended, and won't be started again."""
        return any(engine.has_failed for engine in self._engines)

    def close(self) -> None:
        """End all processes."""
        for engine in self._engines:
            engine.close()

    def _numbered(self, adapter: Adapter) -> dict[str, Any]:
        """Return an adapter with the number by which vLLM knows it."""
        number = self._adapters.setdefault(adapter.sha256, len(self._adapters) + 1)
        return {"name": f"adapter-{number}", "id": number, "path": adapter.path}


def shared(launches: Sequence[Launch]) -> Engines:
    """Return engines for a model: those that are kept, where they have the same settings.

    Engines with room for adapters are kept for the next model, so that a base and its adapters start them once.
    """
    before = resident.kept(_ENCODER)
    if isinstance(before, Engines) and before.settings == _settings(launches) and not before.has_failed:
        return before
    # Both would have to fit into memory.
    before = None
    resident.keep(_ENCODER, None)
    resident.end_unused()
    engines = Engines(launches)
    resident.keep(_ENCODER, engines if launches[0].arguments.get("enable_lora") else None)
    return engines


def _settings(launches: Sequence[Launch]) -> str:
    return json.dumps([launch._replace(name="") for launch in launches], sort_keys=True)


def installed_version(python: str) -> str:
    """Return the version of vLLM in the environment of an interpreter, read off its files; "" where they don't say."""
    records = sorted(Path(python).parent.parent.glob("lib*/python*/site-packages/vllm-*.dist-info"))
    return records[-1].name.removeprefix("vllm-").removesuffix(".dist-info") if records else ""


class Engine:
    """A process of vLLM, started by the first request."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._end: weakref.finalize[..., Any] | None = None
        self._output: IO[bytes] | None = None
        self._failure: TcmbenchError | None = None
        self.version = ""
        """Of vLLM; "" until it has started."""

    def ask(self, request: Mapping[str, Any], *, is_pairs: bool) -> NDArray[np.float32]:
        """Return one row per text or pair.

        Raises:
            MissingExtra: The environment has no vLLM. ModelAbsent: There is no such interpreter.
            EvaluationError: vLLM refused its arguments or the request, or its process ended.
        """
        with self._lock:
            if self._failure is not None:
                raise type(self._failure)(*self._failure.args)
            try:
                if self._process is None:
                    self._start()
                answer = self._exchange({**request, "is_pairs": is_pairs})
            except TcmbenchError as error:
                self._failure = error
                self.close()
                raise
            except BaseException:
                # Its answer would be taken for that of the next request.
                self._failure = EvaluationError(f"{self._launch.name}: vLLM was interrupted. Run again.")
                self.close()
                raise
        if "error" in answer:
            raise EvaluationError(f"{self._launch.name}: vLLM refused a request: {answer['error']}")
        return self._rows(answer, len(request["ids"]))

    @property
    def has_failed(self) -> bool:
        """Whether its process has ended, and won't be started again."""
        return self._failure is not None

    def close(self) -> None:
        """End the process and all that it started; without effect where there is none."""
        if self._end is not None:
            self._end()
        self._process = None

    def _start(self) -> None:
        launch = self._launch
        if not Path(launch.python).is_file():
            raise ModelAbsent(f"{launch.name}: `python` in its options is {launch.python}, which does not exist.")
        logger.info("%s: starting vLLM", launch.name)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        process = subprocess.Popen(
            [launch.python, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
            text=True,
            encoding="utf-8",
            env=dict(launch.environment),
            # A group of its own: it can be ended with all processes that vLLM starts, and Ctrl-C reaches only this one.
            start_new_session=True,
        )
        self._process = process
        self._end = weakref.finalize(self, _end, process, os.getpid())
        answer = self._exchange({"engine": dict(launch.arguments)})
        if "ready" in answer:
            self.version = str(answer["ready"])
            logger.info("%s: vLLM %s is ready", launch.name, self.version)
            return
        if answer.get("is_absent"):
            raise MissingExtra(
                f"{launch.name} needs vllm, which {launch.python} doesn't have. Name the Python of an environment "
                "with vLLM in the base's options (docs/gpu.md), or run there: pip install 'tcmbench[vllm]'"
            )
        raise EvaluationError(
            f"{launch.name}: vLLM could not start: {answer.get('error')}. Check `engine` and `environment` in the "
            "base's options; tested with vLLM 0.32."
        )

    def _exchange(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a line and return the answer.

        Raises:
            EvaluationError: The process ended.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EvaluationError(f"{self._launch.name}: vLLM's process has no channel")
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            # polars, which mteb loads, has the system resume what Ctrl-C interrupts, so Python doesn't notice it. A
            # read is resumed, this wait isn't.
            connection.wait([process.stdout.fileno()])
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line.endswith("\n"):
            self.close()
            raise EvaluationError(self._obituary(process.returncode))
        try:
            answer: dict[str, Any] = strict_json.loads(line)
        except ValueError as error:
            raise EvaluationError(f"{self._launch.name}: expected JSON from vLLM's process, but: {error}") from error
        return answer

    def _rows(self, answer: Mapping[str, Any], count: int) -> NDArray[np.float32]:
        import numpy as np

        try:
            numbers = np.frombuffer(base64.b64decode(answer["numbers"]), dtype="<f4")
            return numbers.reshape(count, int(answer["width"])).copy()
        except (KeyError, ValueError) as error:
            raise EvaluationError(
                f"{self._launch.name}: expected the numbers of {count} texts from vLLM's process, got others"
            ) from error

    def _obituary(self, code: int) -> str:
        ended = f"ended with exit code {code}"
        advice = "Its last words may name the reason."
        if code < 0:
            ended = f"was killed ({signal.Signals(-code).name})"
            advice = (
                "The system does this where memory runs out: lower gpu_memory_utilization or max_num_seqs in `engine`, "
                "or VLLM_CPU_KVCACHE_SPACE in `environment`."
            )
        words = self._last_words()
        return f"{self._launch.name}: vLLM's process {ended}. {advice} It isn't started again; run again.{words}"

    def _last_words(self) -> str:
        """Return the last lines of vLLM's output."""
        if self._output is None:
            return ""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _TAIL_BYTES))
        lines = [line for line in self._output.read().decode("utf-8", "replace").splitlines() if line.strip()]
        logger.debug("output of vLLM's process:\n%s", "\n".join(lines))
        shown = "\n".join(line[:_LONGEST_LINE] for line in lines[-_TAIL_LINES:])
        return f" Last output:\n{shown}" if shown else ""


def _end(process: subprocess.Popen[str], owner: int) -> None:
    """End a process: by the end of its input, then by force, together with all processes of its group."""
    if os.getpid() != owner:  # a fork of the owner, which still needs it
        return
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    until = time.monotonic() + _END_SECONDS
    while not _has_ended(process) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    if process.returncode is None:
        # It is not reaped yet, so its id can't have become that of another group.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _has_ended(process: subprocess.Popen[str]) -> bool:
    """Return whether a process has ended, without reaping it."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
