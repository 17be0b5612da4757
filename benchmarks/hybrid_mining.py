"""How long do hybrid negatives take for all of TCM-SD's training records, against the usual script?

    python -m benchmarks.hybrid_mining                 all 43,180 records; the rival on 60 of them, extrapolated
    python -m benchmarks.hybrid_mining --records 2000 --sample 20

The rival is the usual script, reimplemented here: jieba segments every text, BM25 iterates over the words of a query
and over all documents for each (as rank_bm25 does), and every text is one call to an OpenAI-compatible endpoint. Both
use the same endpoint, a process of this benchmark with hardly any cost per text, so that mining and calling are
compared, not a model.

Times are CPU seconds of both processes, since wall time means little on a shared machine; it is shown too. The rival's
index is timed whole and its queries are extrapolated linearly, as a loop is linear.

Negatives must be the same where the definitions agree: BM25 over the same terms with the same weights, and
nearest vectors.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import multiprocessing
import random as stdlib_random
import sys
import time
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import _cost, _made_up, _result
from benchmarks._result import Row
from tcmbench.miners import MiningContext, Queries, bm25, embedding, hybrid
from tcmbench.text.ngrams import char_bigrams
from tcmbench.trainsets.pairs import corpus_of, positives_of, queries_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

    from tcmbench.data.tcm_sd import Folder

GOAL = 100.0
DIMENSIONS = 256
_BATCH = 512


class Endpoint(BaseHTTPRequestHandler):
    """POST /v1/embeddings; GET /cpu returns the CPU seconds used."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Return the CPU seconds."""
        self._answer({"seconds": time.process_time()})

    def do_POST(self) -> None:
        """Return hashed bags of characters, as base64 of float32, the format of the OpenAI client."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        data = [
            {"index": i, "embedding": base64.b64encode(vector(text).tobytes()).decode()} for i, text in enumerate(asked)
        ]
        self._answer({"data": data})

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def read(request: urllib.request.Request | str) -> Any:
    """Return the JSON that the endpoint answers."""
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own process
        return json.load(answer)


def vector(text: str) -> np.ndarray:
    """Return counts of hashed characters, of unit length."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    counts = np.bincount((codes * np.uint32(2654435761) >> np.uint32(8)) % DIMENSIONS, minlength=DIMENSIONS)
    return (counts / np.linalg.norm(counts)).astype(np.float32)


def serve(port: Connection) -> None:
    """Serve until the process is ended."""
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    port.send(server.server_port)
    server.serve_forever()


class Client:
    """Client of the endpoint."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.revision = "benchmark"

    def call(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors of texts in one call."""
        body = json.dumps({"model": "m", "input": list(texts)}).encode()
        headers = {"Content-Type": "application/json"}
        data = read(urllib.request.Request(f"{self.url}/v1/embeddings", body, headers))["data"]  # noqa: S310
        return np.stack([np.frombuffer(base64.b64decode(d["embedding"]), dtype=np.float32) for d in data])

    def embed(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        """Return the vectors of texts in as few calls as the batch allows."""
        del kind
        return np.concatenate([self.call(texts[s : s + _BATCH]) for s in range(0, len(texts), _BATCH)])

    def cpu_seconds(self) -> float:
        """Return the CPU seconds the endpoint has used."""
        return float(read(f"{self.url}/cpu")["seconds"])


class LoopBm25:
    """BM25 as a loop over the words of a query, each looked up in every document."""

    def __init__(self, documents: Sequence[Sequence[str]], *, k1: float = 1.5, b: float = 0.75) -> None:
        self.counts = [Counter(words) for words in documents]
        lengths = np.array([len(words) for words in documents])
        self.norm = k1 * (1 - b + b * lengths / lengths.mean())
        containing = Counter(word for counts in self.counts for word in counts)
        total = len(documents)
        self.idf = {w: math.log(1 + (total - n + 0.5) / (n + 0.5)) for w, n in containing.items()}

    def scores(self, words: Sequence[str]) -> np.ndarray:
        """Return the score of every document."""
        scores = np.zeros(len(self.counts))
        for word in words:
            frequency = np.array([counts.get(word, 0) for counts in self.counts])
            scores += self.idf.get(word, 0.0) * frequency / (frequency + self.norm)
        return scores


class Rival:
    """The usual script."""

    def __init__(self, texts: Sequence[str], client: Client, cut: Callable[[str], list[str]]) -> None:
        self.cut = cut
        self.index = LoopBm25([cut(text) for text in texts])
        self.client = client
        self.vectors = np.concatenate([client.call([text]) for text in texts])

    def negatives(self, text: str, positive: int, rng: stdlib_random.Random) -> list[int]:
        """Return 2 random, 3 BM25 and 3 embedding negatives of one record."""
        chosen: list[int] = []
        while len(chosen) < 2:
            document = rng.randrange(len(self.vectors))
            if document != positive and document not in chosen:
                chosen.append(document)
        by_words = np.argsort(-self.index.scores(self.cut(text)), kind="stable")
        by_model = np.argsort(-(self.vectors @ self.client.call([text])[0]), kind="stable")
        for ranking in (by_words, by_model):
            fresh = [d for d in ranking.tolist() if d != positive and d not in chosen]
            chosen += fresh[:3]
        return chosen


class Time(NamedTuple):
    """Costs of a function."""

    cpu: float
    wall: float

    @classmethod
    def of(cls, work: Callable[[], object], client: Client) -> Time:
        """Return the costs of a function, here and in the endpoint."""
        cpu, wall = time.process_time() + client.cpu_seconds(), time.perf_counter()
        work()
        return cls(time.process_time() + client.cpu_seconds() - cpu, time.perf_counter() - wall)


def agreement(queries: Queries, folder: Folder, client: Client, sample: int) -> list[tuple[str, float]]:
    """Return the shares of BM25 and of embedding negatives that both ways choose, over the same terms."""
    corpus = corpus_of(folder.knowledge, None)
    few = Queries(queries.ids[:sample], queries.texts[:sample], queries.positives[:sample])
    loop = LoopBm25([char_bigrams(text) for text in corpus.texts])
    vectors = client.embed(corpus.texts, kind="document")
    context = MiningContext(embedder=lambda _: client)
    ours_bm25 = bm25.mine(few, corpus, options=bm25.Options(count=3), seed=0, context=context)
    ours_model = embedding.mine(few, corpus, options=embedding.Options(count=3), seed=0, context=context)
    found = [0, 0]
    for number, text in enumerate(few.texts):
        rankings = (loop.scores(char_bigrams(text)), vectors @ client.call([text])[0])
        for way, (scores, ours) in enumerate(zip(rankings, (ours_bm25, ours_model), strict=True)):
            order = [corpus.ids[d] for d in np.argsort(-scores, kind="stable").tolist()]
            wanted = [doc_id for doc_id in order if doc_id not in few.positives[number]][:3]
            found[way] += len(set(wanted) & set(ours.ids[number]))
    return [("BM25", found[0] / (3 * sample)), ("embedding", found[1] / (3 * sample))]


def measure(records: int, sample: int, client: Client) -> list[Row]:
    """Return the rows."""
    import jieba

    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()
    folder = _made_up.folder(records=records)
    train = folder.splits["train"]
    queries = queries_of({"train": train}, positives_of(train))
    corpus = corpus_of(folder.knowledge, None)
    context = MiningContext(embedder=lambda _: client)
    before = _cost.peak_mib(reset=True)
    own = Time.of(lambda: hybrid.mine(queries, corpus, options=hybrid.Options(), seed=0, context=context), client)
    grown = _cost.peak_mib() - before
    made: list[Rival] = []
    index = Time.of(lambda: made.append(Rival(corpus.texts, client, jieba.lcut)), client)
    at = {doc_id: position for position, doc_id in enumerate(corpus.ids)}
    rng = stdlib_random.Random(0)

    def loop() -> None:
        for text, positives in zip(queries.texts[:sample], queries.positives[:sample], strict=True):
            made[0].negatives(text, at[min(positives)], rng)

    looped = Time.of(loop, client)
    factor = records / sample
    words = sum(len(jieba.lcut(text)) for text in queries.texts[:sample]) / sample
    characters = sum(map(len, queries.texts[:sample])) / sample
    row = Row(
        case=f"2 random, 3 BM25 and 3 embedding negatives: {records:,} records × {len(corpus.ids):,} documents",
        unit="processor s",
        ours=own.cpu,
        rival=index.cpu + looped.cpu * factor,
        rival_name="usual script, extrapolated",
        mib=grown,
        least_ratio=GOAL,
        note=f"The usual script is written here in our own words, the loop of rank_bm25's BM25Okapi too (it is not a "
        f"dependency). Its index is timed whole, its loop on {sample} records and multiplied by {factor:,.0f}: it is "
        f"linear in them. A record has {characters:.0f} characters, {words:.0f} words to jieba. Processor "
        "seconds of both processes.",
    )
    wall = row.model_copy(
        update={
            "unit": "wall s",
            "ours": own.wall,
            "rival": index.wall + looped.wall * factor,
            "mib": None,
            "least_ratio": None,
        }
    )
    return [row, wall, *(same(*found) for found in agreement(queries, folder, client, sample))]


def same(way: str, share: float) -> Row:
    """Return the row on negatives that both ways choose."""
    return Row(
        case=f"{way} negatives that both choose, over the same terms and weights", unit="share", ours=share, least=0.99
    )


def figures(given: argparse.Namespace) -> list[Row]:
    """Start the endpoint and measure."""
    # Spawned, so that the endpoint has no copy of this process.
    starter = multiprocessing.get_context("spawn")
    here, there = starter.Pipe()
    server = starter.Process(target=serve, args=(there,), daemon=True)
    server.start()
    records = given.records or (2000 if given.quick else _made_up.RECORDS)
    try:
        return measure(records, given.sample, Client(here.recv()))
    finally:
        server.terminate()
        server.join()


def options(parser: argparse.ArgumentParser) -> None:
    """Add the sizes."""
    parser.add_argument("--records", type=int, help=f"how many; {_made_up.RECORDS:,} by default")
    parser.add_argument("--sample", type=int, default=60, help="records on which the rival is measured")


if __name__ == "__main__":
    sys.exit(_result.command(__doc__, figures, packages=("numpy", "scipy", "bm25s", "jieba"), options=options))
