"""The work that all sides do: the same as work.mjs, for Python."""

import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

SEEDS = {"train": 1000, "group": 2000, "prefill": 3000, "decode": 4000, "judge": 5000, "step": 6000}


def arguments():
    """Arguments of every script: size (a key of work.json), folder of the model, case, threads, precision."""
    size, folder, name, threads, precision = sys.argv[1:6]
    here = Path(__file__)
    work = json.loads(here.with_name("work.json").read_text())[size]
    work["vocab"] = json.loads((here.parent.parent / "shapes.json").read_text())[work["shape"]]["vocab"]
    # Nothing is downloaded, and nothing may try.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["OMP_NUM_THREADS"] = threads
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    return work, folder, name, int(threads), precision


def tokens(seed, n, vocab):
    """n token ids from a seed, the same in both languages; never id 0, which ends a text."""
    state = (seed * 2654435761 + 1) & 0xFFFFFFFF
    out = []
    for _ in range(n):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(1 + (state >> 8) % (vocab - 1))
    return out


def timed(runs, work):
    """Seconds of the median run of `work` after one warm-up."""
    work()
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def spread(values):
    """64 of the values, evenly taken: the part of a result that must agree between the sides."""
    return values[:: -(-len(values) // 64)]


def report(seconds, work, unit, check=None, phases=None):
    """Prints one JSON line with the keys of work.mjs."""
    # Kilobytes on Linux, bytes on macOS.
    unit_size = 1e9 if sys.platform == "darwin" else 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit_size
    line = {"seconds": seconds, "work": work, "unit": unit, "peakGB": peak, "check": check, "phases": phases}
    print(json.dumps(line), flush=True)
