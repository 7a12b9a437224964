"""What is measured: each measure is a function from a kernelspec's name to one sample, taken on fresh kernels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

from benchmarks.kernels import Kernel, KernelFailed, launched
from benchmarks.processes import container_ids, container_pids, descendant_pids, pss_bytes, shim_pids
from bun_sandbox_kernel import engines, selfcheck
from bun_sandbox_kernel.policy import SandboxPolicy

SANDBOXED = "bun_sandbox"
PEER = "python3"
WARM_UP_CELLS = 20
WARM_CELLS = 200
LINES = 100_000
IDLE_SECONDS = 2.0
BURST_KERNELS = 8
ONE_CPU = {"BUN_SANDBOX_CPUS": "1"}

TRIVIAL = "1+1"
PRINT_LINES = {
    "python": f"for i in range({LINES}): print(f'line {{i}}')",
    "typescript": f"for (let i = 0; i < {LINES}; i++) console.log(`line ${{i}}`)",
}
ENDLESS = {
    "python": {
        "loop": "while True: pass",
        "sleep": "import time; time.sleep(600)",
    },
    "typescript": {
        "loop": "while (true) {}",
        "loop after a wait": "await Bun.sleep(1); while (true) {}",
        "loop in a timer": "setTimeout(() => { while (true) {} }); await new Promise(() => {})",
        "sleep": "await Bun.sleep(600_000)",
        "child": "await Bun.spawn([process.execPath, '-e', 'while (true) {}']).exited",
    },
}
"""Cells without an end; each is put behind a print that tells that it runs."""
PRINT = {"python": "print('on')\n", "typescript": "console.log('on')\n"}
KEEP = {"python": "kept = 41", "typescript": "let kept = 41"}
INTERRUPTS = 10
RESTARTS = 10
TICKS = 50
TELL_TIME = {
    "python": f"import time\nfor _ in range({TICKS}): print(time.time()); time.sleep(0.02)",
    "typescript": f"for (let i = 0; i < {TICKS}; i++) {{ console.log(Date.now() / 1000); await Bun.sleep(20) }}",
}
PRINTED = "".join(f"line {i}\n" for i in range(LINES))


@dataclass(frozen=True)
class Sample:
    """One reading, in the measure's unit; `details` explain it; a `fault` says that the kernel did the work wrongly."""

    value: float
    details: Mapping[str, float] = field(default_factory=dict)
    fault: str | None = None


@dataclass(frozen=True)
class Target:
    """The most that counts as met: a multiple of the peer's median, or, `absolute`, a value in the measure's unit."""

    limit: float
    absolute: bool = False


@dataclass(frozen=True)
class Measure:
    """One line of the table: a sample of each kernel is taken in turn, `rounds` times, and the medians are compared."""

    name: str
    title: str
    unit: str
    target: Target
    rounds: int
    sample: Callable[[str], Sample]


def launch(name: str) -> Sample:
    """Milliseconds from starting the kernel process to the reply to its first cell, which waits in the socket."""
    with launched(name) as kernel:
        kernel.reply_to(kernel.send(TRIVIAL))
        return Sample((time.perf_counter() - kernel.started) * 1e3)


def proof(name: str) -> Sample:
    """Milliseconds that a new sandbox takes to prove its limits; the peer has none."""
    if name != SANDBOXED:
        return Sample(0.0)
    engine, policy = engines.load(), SandboxPolicy()
    sandbox = engine.start(policy, lambda _: None)
    try:
        started = time.perf_counter()
        selfcheck.prove(sandbox, policy, engine.name)
        return Sample((time.perf_counter() - started) * 1e3)
    finally:
        sandbox.stop()


def warm(name: str) -> Sample:
    """Milliseconds from sending a trivial cell to having its reply and idle; the median of 200 cells after 20."""
    with _warmed_up(name) as kernel:
        return Sample(median(kernel.execute(TRIVIAL).seconds for _ in range(WARM_CELLS)) * 1e3)


def lines(name: str) -> Sample:
    """Milliseconds from sending a cell that prints 100,000 lines, one call each, to idle; the sandbox has one CPU."""
    with _warmed_up(name, ONE_CPU) as kernel:
        if kernel.language not in PRINT_LINES:
            raise KernelFailed(f"{name} speaks {kernel.language}; the benchmark knows {', '.join(PRINT_LINES)}")
        execution = kernel.execute(PRINT_LINES[kernel.language])
    lost = LINES - execution.stdout.count("\n")
    fault = None if execution.stdout == PRINTED else f"{lost:,} of {LINES:,} lines lost" if lost else "lines altered"
    details = {"lost lines": lost, "stream messages": execution.stream_messages}
    return Sample(execution.idle_seconds * 1e3, details, fault)


def interrupt(name: str) -> Sample:
    """Milliseconds from the interrupt of an endless cell to idle, variables kept; the median of ten of each kind."""
    with _warmed_up(name) as kernel:
        kernel.execute(KEEP[kernel.language])
        taken = {
            kind: [kernel.interrupt(PRINT[kernel.language] + code) * 1e3 for _ in range(INTERRUPTS)]
            for kind, code in ENDLESS[kernel.language].items()
        }
        kept = kernel.execute("kept + 1").result
    fault = None if kept is not None and "42" in kept else "variables lost"
    every = [milliseconds for kind in taken.values() for milliseconds in kind]
    return Sample(median(every), {f"{kind} ms": median(taken[kind]) for kind in taken}, fault)


def restart(name: str) -> Sample:
    """Milliseconds from the end of a cell that ended its process to the next one's result; the peer ends with it."""
    if name != SANDBOXED:
        return Sample(0.0)
    with _warmed_up(name) as kernel:
        taken = [kernel.restart("process.exit(1)", TRIVIAL) for _ in range(RESTARTS)]
    wrong = sum(result is None or "2" not in result for _, result in taken)
    every = [seconds * 1e3 for seconds, _ in taken]
    return Sample(median(every), {"slowest ms": max(every)}, f"{wrong} wrong results" if wrong else None)


def delay(name: str) -> Sample:
    """Milliseconds from printing a line to having it, while the cell runs; the median of 50 lines, 20 ms apart."""
    with _warmed_up(name) as kernel:
        delays = sorted(seconds * 1e3 for seconds in kernel.delays(TELL_TIME[kernel.language]))
    fault = None if len(delays) == TICKS else f"{TICKS - len(delays)} lines lost"
    return Sample(median(delays), {"slowest ms": delays[-1]}, fault)


def memory(name: str) -> Sample:
    """Megabytes (10^6 bytes) of PSS of the kernel and its sandbox, after one cell and 2 s of idle."""
    with launched(name) as kernel:
        kernel.reply_to(kernel.send(TRIVIAL))
        time.sleep(IDLE_SECONDS)  # Not to wait for something: idleness is what is measured.
        contained = {pid for container in container_ids(kernel.pid) for pid in container_pids(container)}
        sandbox = contained | descendant_pids(kernel.pid)
        parts = {
            "kernel MB": pss_bytes({kernel.pid}) / 1e6,
            "sandbox MB": pss_bytes(sandbox) / 1e6,
            "containerd-shim MB (not counted)": pss_bytes(shim_pids(contained)) / 1e6,
        }
    fault = "no process of the sandbox found" if name == SANDBOXED and not sandbox else None
    return Sample(parts["kernel MB"] + parts["sandbox MB"], parts, fault)


def burst(name: str) -> Sample:
    """Milliseconds from starting the first of 8 kernels, none waiting for another, to the last one's first reply."""
    with ExitStack() as running:
        kernels = [running.enter_context(launched(name)) for _ in range(BURST_KERNELS)]
        for kernel, request in [(kernel, kernel.send(TRIVIAL)) for kernel in kernels]:
            kernel.reply_to(request)
        return Sample((time.perf_counter() - kernels[0].started) * 1e3)


MEASURES = (
    Measure("launch", "launch → first result", "ms", Target(1.5), 9, launch),
    Measure("proof", "self-check at launch", "ms", Target(20.0, absolute=True), 9, proof),
    Measure("warm", "warm round trip of `1+1`", "ms", Target(1.0), 5, warm),
    Measure("lines", "100,000 lines at 1 CPU", "ms", Target(1.0), 5, lines),
    Measure("interrupt", "interrupt → idle", "ms", Target(50.0, absolute=True), 3, interrupt),
    Measure("restart", "process ended → next result", "ms", Target(200.0, absolute=True), 3, restart),
    Measure("delay", "line printed → received", "ms", Target(50.0, absolute=True), 3, delay),
    Measure("memory", "idle memory (PSS)", "MB", Target(130.0, absolute=True), 3, memory),
    Measure("burst", "8 kernels at once → last first result", "ms", Target(2.5), 5, burst),
)


@contextmanager
def _warmed_up(name: str, env: Mapping[str, str] | None = None) -> Iterator[Kernel]:
    """A kernel that has run a few cells and answers them rightly."""
    with launched(name, env) as kernel:
        kernel.reply_to(kernel.send(TRIVIAL))
        kernel.subscribe()
        for _ in range(WARM_UP_CELLS):
            result = kernel.execute(TRIVIAL).result
            if result is None or "2" not in result:
                raise KernelFailed(f"{name} answers {TRIVIAL} with {result!r}")
        yield kernel
