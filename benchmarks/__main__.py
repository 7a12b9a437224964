"""`python -m benchmarks`: measure our kernel and its peer in turn, print a table of medians, write JSON if asked.

Never fails on speed: the exit status is 1 only when a kernel does not work.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from benchmarks.comparison import Comparison, compare
from benchmarks.kernels import KernelFailed
from benchmarks.measures import MEASURES, PEER, SANDBOXED, Measure, Sample, launch
from benchmarks.table import as_data, as_remarks, as_table, display_name, reading


def main() -> int:
    """Run the measures the command line asks for and return the exit status."""
    options = _options()
    # A shell's background job ignores SIGINT and hands that down: its kernels could never be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = [measure for measure in MEASURES if not options.only or measure.name in options.only]
    try:
        for name in (options.kernel, options.peer):
            launch(name)  # Not measured: it fills the disk cache, and tells at once if a kernel does not work.
    except KernelFailed as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return 1
    comparisons = [_compare(measure, options.kernel, options.peer, quick=options.quick) for measure in chosen]
    print(as_table(comparisons, options.kernel, options.peer))
    print(as_remarks(comparisons, options.kernel, options.peer))
    if options.json:
        data = as_data(comparisons, options.kernel, options.peer)
        options.json.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if any(isinstance(comparison.obstacle, KernelFailed) for comparison in comparisons) else 0


def _options() -> argparse.Namespace:
    names = [measure.name for measure in MEASURES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a third of the rounds: an impression, not a result")
    parser.add_argument("--only", action="append", choices=names, help="take this measure only; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample to this file")
    parser.add_argument("--kernel", default=SANDBOXED, metavar="NAME", help="the kernelspec to measure (%(default)s)")
    parser.add_argument("--peer", default=PEER, metavar="NAME", help="the one to compare it with (%(default)s)")
    return parser.parse_args()


def _compare(measure: Measure, kernel: str, peer: str, *, quick: bool) -> Comparison:
    """Take one measure, telling of each sample on standard error as it comes."""

    def tell(name: str, sample: Sample) -> None:
        fault = f" !!! {sample.fault}" if sample.fault else ""
        print(f"{measure.name:8}{display_name(name):12}{reading(sample.value, measure.unit)}{fault}", file=sys.stderr)

    return compare(measure, kernel, peer, measure.rounds // 3 if quick else measure.rounds, tell)


if __name__ == "__main__":
    sys.exit(main())
