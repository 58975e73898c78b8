"""One measurement of one runtime, in a process of its own: prints one line of JSON.

    python workers.py RUNTIME MODEL --context 512 --threads 2

Reads `context` random tokens, then writes WRITTEN more, the same for every runtime; so that nothing
is compiled or loaded while it is timed, some tokens are read and written before. With --logits FILE
it writes the logits of the first PROBED tokens there instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

WRITTEN, WARM, PROBED, SEED = 32, 64, 128, 0
#: Tokens kept per KV head while edgehybrid reads: what it does with any long document.
BUDGET = 1024


class Runtime(Protocol):
    """What every runtime here can do."""

    def reset(self) -> None: ...
    def read(self, ids: Sequence[int]) -> None:
        """Read tokens; logits of the next one must be ready when it returns."""

    def probe(self, ids: Sequence[int]) -> Any:
        """Logits (T, vocab) after every token."""


class Edgehybrid:
    def __init__(self, model: Path, threads: int, context: int) -> None:
        import edgehybrid

        self.model = edgehybrid.load(model, threads=threads)
        self.vocab = self.model.vocab_size
        self.reset()

    def reset(self) -> None:
        self.stream = self.model.stream(budget=BUDGET)

    def read(self, ids: Sequence[int]) -> None:
        if len(ids) == 1:
            self.stream.take(ids[0])
        else:
            self.stream.feed(ids)

    def probe(self, ids: Sequence[int]) -> Any:
        return self.stream.feed(ids, all_logits=True)


class LlamaCpp:
    def __init__(self, model: Path, threads: int, context: int) -> None:
        import llama_cpp

        self.api = api = llama_cpp
        api.llama_backend_init()
        self._log = api.llama_log_callback(lambda *_: None)
        api.llama_log_set(self._log, None)
        self.loaded = api.llama_model_load_from_file(
            str(model).encode(), api.llama_model_default_params()
        )
        if not self.loaded:
            raise SystemExit("llama.cpp cannot load the model")
        params = api.llama_context_default_params()
        params.n_ctx = context + WRITTEN + WARM + PROBED
        params.n_batch, params.n_ubatch = 2048, 512
        params.n_threads = params.n_threads_batch = threads
        self.context = api.llama_init_from_model(self.loaded, params)
        if not self.context:
            raise SystemExit("llama.cpp cannot make a context")
        self.vocab = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.loaded))

    def reset(self) -> None:
        self.api.llama_memory_clear(self.api.llama_get_memory(self.context), True)

    def read(self, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), 2048):
            part = ids[start : start + 2048]
            tokens = (self.api.llama_token * len(part))(*part)
            batch = self.api.llama_batch_get_one(tokens, len(part))
            if self.api.llama_decode(self.context, batch):
                raise SystemExit("llama.cpp could not decode")
        self.last()

    def last(self) -> Any:
        """Logits after the last token; asking for them waits until they are computed."""
        logits = self.api.llama_get_logits_ith(self.context, -1)
        return np.ctypeslib.as_array(logits, (self.vocab,))

    def probe(self, ids: Sequence[int]) -> Any:
        rows = []
        for token in ids:
            self.read([token])
            rows.append(self.last().copy())
        return np.stack(rows)


class Transformers:
    """In float32 with its own PyTorch code: no fused kernels for these families on a CPU."""

    def __init__(self, model: Path, threads: int, context: int) -> None:
        import torch
        import transformers

        torch.set_num_threads(threads)
        self.torch = torch
        self.model = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        self.model.eval()
        self.vocab = self.model.config.vocab_size
        self.reset()

    def reset(self) -> None:
        self.cache: Any = None

    def read(self, ids: Sequence[int]) -> None:
        self._run(ids, 1)

    def probe(self, ids: Sequence[int]) -> Any:
        return self._run(ids, 0)

    def _run(self, ids: Sequence[int], last: int) -> Any:
        with self.torch.inference_mode():
            out = self.model(
                self.torch.tensor([list(ids)]),
                past_key_values=self.cache,
                use_cache=True,
                logits_to_keep=last,
            )
        self.cache = out.past_key_values
        return out.logits[0].numpy()


class OpenVino:
    """Its own pipeline tells how long the first token and each later one took; no logits."""

    def __init__(self, model: Path, threads: int, context: int) -> None:
        import openvino_genai

        self.api = openvino_genai
        self.pipeline = openvino_genai.LLMPipeline(str(model), "CPU", INFERENCE_NUM_THREADS=threads)
        self.vocab = json.loads((model / "config.json").read_text())["vocab_size"]

    def measure(self, context: int) -> dict[str, float]:
        import openvino

        random, ids = np.random.default_rng(SEED), None
        config = self.api.GenerationConfig(max_new_tokens=WRITTEN, ignore_eos=True)
        for length in (WARM, context):
            ids = random.integers(0, self.vocab, (1, length))
            inputs = self.api.TokenizedInputs(
                openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids))
            )
            metrics = self.pipeline.generate(inputs, config).perf_metrics
        return {
            "prefill": round(context / metrics.get_ttft().mean * 1e3, 2),
            "decode": round(1e3 / metrics.get_tpot().mean, 2),
        }


RUNTIMES: dict[str, Callable[[Path, int, int], Any]] = {
    "edgehybrid": Edgehybrid,
    "llama.cpp": LlamaCpp,
    "transformers": Transformers,
    "openvino-genai": OpenVino,
}


def measure(runtime: Any, context: int) -> dict[str, float]:
    """Tokens per second of reading and of writing."""
    random = np.random.default_rng(SEED)
    ids = random.integers(0, runtime.vocab, context + WRITTEN).tolist()
    runtime.read(ids[:WARM])
    runtime.read(ids[:1])
    runtime.reset()
    reading = _seconds(lambda: runtime.read(ids[:context]))
    writing = [_seconds(lambda t=token: runtime.read([t])) for token in ids[context:]]
    return {
        "prefill": round(context / reading, 2),
        "decode": round(1 / statistics.median(writing), 2),
    }


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def peak_rss_bytes() -> int:
    """The most memory this process ever had resident (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this system does not tell the peak of memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runtime", choices=RUNTIMES)
    parser.add_argument("model", type=Path)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--logits", type=Path)
    args = parser.parse_args()
    runtime = RUNTIMES[args.runtime](args.model, args.threads, args.context)
    if args.logits and hasattr(runtime, "probe"):
        ids = np.random.default_rng(SEED).integers(0, runtime.vocab, PROBED).tolist()
        np.save(args.logits, runtime.probe(ids))
        return
    found = (
        runtime.measure(args.context)
        if args.runtime == "openvino-genai"
        else (measure(runtime, args.context))
    )
    print(json.dumps(found | {"peak_rss_bytes": peak_rss_bytes()}))


if __name__ == "__main__":
    main()
