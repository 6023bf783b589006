"""Empty calls of a Ray actor, one after the other: `python -m tavola.load.bench.floor.ray_call ADDRESS SECONDS`.

load.bench.base.reports reads what it says. This is not built on Ray, it measures it; nothing else of `load`
imports it.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import msgspec
import ray

from tavola.load.measure.stats import percentiles

WARM_UP_S = 1.0


class Empty:
    async def nothing(self) -> None:
        """As empty as a call can be, of an actor with an event loop, as ours have."""


def main(address: str, seconds: float) -> None:
    ray.init(address=address, log_to_driver=False, configure_logging=False)
    empty: Any = ray.remote(Empty)
    actor = empty.options(num_cpus=0).remote()

    def call() -> float:
        began = time.perf_counter()
        ray.get(actor.nothing.remote())
        return time.perf_counter() - began

    def calls(seconds: float) -> list[float]:
        end = time.perf_counter() + seconds
        found = []
        while time.perf_counter() < end:
            found.append(call())
        return found

    call()
    _say("open")
    calls(WARM_UP_S)
    _say("begin")
    began, used = time.perf_counter(), time.process_time()
    times = calls(seconds)
    took, cpu_s = time.perf_counter() - began, time.process_time() - used
    _say("end", seconds=took, actions=len(times), client_cpu_s=cpu_s, everyone_ms=percentiles(times))
    ray.shutdown()


def _say(event: str, **more: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode({"event": event, **more}) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
