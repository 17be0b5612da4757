"""A chat model behind OpenAI's `/chat/completions`, whose answers are stored by what was asked.

An answer is stored under the hash of prompt, model, temperature, seed and length, as soon as it arrives. So the same
question is paid for once, whichever run asks it, at whatever address the model is served.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tcmbench.complaints import in_one_line
from tcmbench.encoders._http import RefusedRequest
from tcmbench.errors import EvaluationError, SpecError
from tcmbench.generation.pace import Pace
from tcmbench.store import differences, key, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tcmbench.encoders._http import Server
    from tcmbench.store import Store

KIND = "answers"
"""Kind of the store's artefacts."""

_FILTERED = (
    "content_filter",  # Azure OpenAI, Moonshot
    "content_policy_violation",  # OpenAI
    "data_inspection_failed",  # Model Studio (DashScope), by either of its interfaces
    "datainspectionfailed",
    "content exists risk",  # DeepSeek
    '"1301"',  # Zhipu
)
"""What a refusal contains where a filter refuses the prompt, in lower case: an answer to this prompt like any other
refusal, which asking again doesn't change, and no reason to end a run."""

_STAGE = "answer 1"
_FILE = "answer.json"
_PATH = "/chat/completions"


class ChatModel(BaseModel):
    """A chat model and how it is sampled; with the prompt, this is what an answer depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    """Name that the server knows the model by."""

    temperature: float = Field(default=0.7, ge=0, allow_inf_nan=False)

    seed: int = 0
    """Seed of the sampling, for servers that support one."""

    max_tokens: int | None = Field(default=None, ge=1)
    """Tokens of an answer; None leaves the limit to the server."""


class Connection(BaseModel):
    """Where and how fast a model is asked; changes no answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(repr=False)
    """Address up to, and without, `/chat/completions`."""

    api_key_env: str = ""
    """Environment variable that holds the key; "" sends none."""

    parallel: int = Field(default=4, ge=1, le=256)
    """Requests at the same time."""

    requests_per_minute: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Limit of the rate of requests, repeated ones too; None for none."""

    timeout: float = Field(default=300.0, gt=0)
    """Seconds that a request may take, until the last byte of its answer."""

    patience: float = Field(default=300.0, ge=0, le=86_400)
    """Seconds after which a request is no longer repeated; the pause between tries is the server's Retry-After, or
    doubles."""

    pause: float = Field(default=1.0, ge=0)
    """Seconds before the second try, where the server states none."""


class ChatAnswer(BaseModel):
    """What a model answered to one prompt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Name of the model that was asked."""

    text: str
    """"" for a refusal."""

    ending: Literal["whole", "cut_off", "refused"]
    """Whether the model came to its end, reached the limit of tokens, or refused."""

    tokens_in: int | None = None
    """Tokens of the prompt, as the server counts them; None where it doesn't say."""

    tokens_out: int | None = None


COSTS = (
    "requests", "cached", "tokens_in", "tokens_out", "cached_tokens_in", "cached_tokens_out", "uncounted",
)  # fmt: skip
"""What is counted: answers of this run, stored answers, the tokens of both, and answers whose tokens aren't stated."""


class Chat:
    """A chat model as a function from prompts to answers."""

    def __init__(self, connection: Connection, model: ChatModel, *, store: Store) -> None:
        """Prepare the connection; nothing is sent.

        Raises:
            SpecError: The address or the name of the variable is invalid.
            ModelAbsent: The variable that should hold the key isn't set.
        """
        self.model = model
        self.costs: Counter[str] = Counter(dict.fromkeys(COSTS, 0))
        """Name of `COSTS` → number."""
        self._server = _server(connection)
        self._parallel = connection.parallel
        self._store = store

    def require_local(self, texts_of: str) -> None:
        """Check that texts that are sent to the model stay on this machine.

        Raises:
            SpecError: The server's address is no loopback address.
        """
        if not self._server.is_local:
            raise SpecError(
                f"{self._server.shown}: expected a server on this machine (localhost, 127.0.0.1 or ::1), "
                f"as the texts of {texts_of} are sent to it. Nothing was sent. If these texts may leave this "
                "machine, add --allow-remote."
            )

    def answers(self, prompts: Sequence[str], *, watch: Callable[[int, int], None] | None = None) -> list[ChatAnswer]:
        """Return one answer per prompt, in order; equal prompts are asked once.

        Args:
            prompts: The prompts.
            watch: Called with the number of answers that are there, and of all, after each.

        Raises:
            ModelAbsent: The server can't be reached, is too busy until patience ends, or refuses the key.
            EvaluationError: It refuses a request, other than by a filter of contents, or answers with something else.
                Answers that came before are stored.
        """
        distinct = list(dict.fromkeys(prompts))
        answer_of: dict[str, ChatAnswer] = {}
        has_ended = threading.Event()

        def answer_unless_ended(prompt: str) -> tuple[ChatAnswer, bool]:
            # An idle thread takes the next prompt before an error of this one is seen where it can cancel the rest.
            if has_ended.is_set():
                raise CancelledError
            try:
                return self._answer(prompt)
            except BaseException:
                has_ended.set()
                raise

        pool = ThreadPoolExecutor(self._parallel)
        try:
            for prompt, (answer, is_new) in zip(distinct, pool.map(answer_unless_ended, distinct), strict=True):
                answer_of[prompt] = answer
                self._count(answer, is_new=is_new)
                if watch is not None:
                    watch(len(answer_of), len(distinct))
        finally:
            has_ended.set()
            pool.shutdown(wait=True, cancel_futures=True)
        return [answer_of[prompt] for prompt in prompts]

    def _answer(self, prompt: str) -> tuple[ChatAnswer, bool]:
        """Return the answer to a prompt, and whether it was asked for just now."""
        its = key(_STAGE, {"prompt": prompt, **differences(self.model)})
        if self._store.has(KIND, its):
            return self._stored(its), False
        with self._store.lock(KIND, its):
            if self._store.has(KIND, its):
                return self._stored(its), False
            body: dict[str, Any] = {
                "model": self.model.name,
                "messages": [{"role": "user", "content": prompt}],
                "temperature": self.model.temperature,
                "seed": self.model.seed,
                **({"max_tokens": self.model.max_tokens} if self.model.max_tokens else {}),
            }
            answer = self._asked(body)
            with self._store.build(KIND, its) as folder:
                write_json(folder / _FILE, answer.model_dump(mode="json"))
        return answer, True

    def _asked(self, body: dict[str, Any]) -> ChatAnswer:
        try:
            said = self._server.post(_PATH, body, texts=1)
        except RefusedRequest as error:
            if not any(mark in error.said.lower() for mark in _FILTERED):
                raise
            return ChatAnswer(model=self.model.name, text="", ending="refused")
        return _read(said, model=self.model.name, where=f"{self._server.shown}{_PATH}")

    def _count(self, answer: ChatAnswer, *, is_new: bool) -> None:
        prefix = "" if is_new else "cached_"
        self.costs["requests" if is_new else "cached"] += 1
        self.costs[f"{prefix}tokens_in"] += answer.tokens_in or 0
        self.costs[f"{prefix}tokens_out"] += answer.tokens_out or 0
        self.costs["uncounted"] += answer.tokens_in is None or answer.tokens_out is None

    def _stored(self, its: str) -> ChatAnswer:
        return ChatAnswer.model_validate(read_json(self._store.path(KIND, its) / _FILE))


def open_chat(connection: Mapping[str, object], model: Mapping[str, object], *, store: Store) -> Chat:
    """Return a chat model from the fields of its `Connection` and `ChatModel`; nothing is sent.

    Raises:
        SpecError: An invalid value; it isn't repeated, as an address may hold a password.
        ModelAbsent: The variable that should hold the key isn't set.
    """
    try:
        return Chat(Connection.model_validate(connection), ChatModel.model_validate(model), store=store)
    except ValidationError as error:
        raise SpecError(f"chat model: {in_one_line(error)}. Correct the option of this name.") from error


def _server(connection: Connection) -> Server:
    from tcmbench.encoders import endpoint
    from tcmbench.plugins import use

    given: dict[str, Any] = connection.model_dump(include={"url", "api_key_env", "timeout", "patience", "pause"})
    options = use("encoders", "endpoint", {**given, "model": "chat", "revision": "1"}, where="chat model").options
    if not isinstance(options, endpoint.Options):
        raise TypeError(f"expected {endpoint.Options}, got {type(options)}")
    server = endpoint.server_of(options, key=endpoint.key_of(options, where="chat model"))
    return replace(server, pace=Pace(connection.requests_per_minute) if connection.requests_per_minute else None)


def _read(said: Any, *, model: str, where: str) -> ChatAnswer:
    """Return the first choice of an answer.

    Raises:
        EvaluationError: It has none, or its content is no text.
    """
    try:
        choice = said["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
        ending = choice.get("finish_reason")
        usage = said.get("usage") or {}
        tokens = {f"tokens_{side}": usage.get(f"{name}_tokens") for side, name in _COUNTED}
        text = "" if content is None else content
        is_refused = bool(refusal) or ending == "content_filter" or (not text.strip() and ending != "length")
        return ChatAnswer(
            model=model,
            text="" if is_refused else text,
            ending="refused" if is_refused else "cut_off" if ending == "length" else "whole",
            **tokens,
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"{where}: expected `choices` with a `message` whose `content` is text, and `usage` with numbers of "
            f"tokens; got something else ({type(error).__name__}). Check that the server speaks OpenAI's chat API."
        ) from error


_COUNTED = (("in", "prompt"), ("out", "completion"))
