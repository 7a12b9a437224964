"""One measure taken of our kernel and of its peer in turn, and what the two medians say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.kernels import KernelFailed
from benchmarks.measures import Measure, Sample
from benchmarks.processes import Unmeasurable


@dataclass(frozen=True)
class Comparison:
    """The samples of both kernels; without samples `obstacle` says why the measure could not be taken here."""

    measure: Measure
    ours: tuple[Sample, ...]
    peer: tuple[Sample, ...]
    obstacle: KernelFailed | Unmeasurable | None = None

    @property
    def ratio(self) -> float | None:
        """Our median as a multiple of the peer's."""
        ours, peer = middle(self.ours), middle(self.peer)
        return None if ours is None or not peer else ours / peer

    @property
    def fault(self) -> str | None:
        """What our kernel did wrongly in the first of the rounds where it did."""
        return next((sample.fault for sample in self.ours if sample.fault), None)

    @property
    def met(self) -> bool | None:
        """Whether our kernel did the work, and within the target; None if it was not measured."""
        reading = middle(self.ours) if self.measure.target.absolute else self.ratio
        return None if reading is None else reading <= self.measure.target.limit and self.fault is None


def middle(samples: tuple[Sample, ...]) -> float | None:
    """The median of the samples' values, in the measure's unit."""
    return median(sample.value for sample in samples) if samples else None


def compare(measure: Measure, kernel: str, peer: str, rounds: int, note: Callable[[str, Sample], None]) -> Comparison:
    """Take `rounds` samples of each kernel, ours and the peer's in turn, so that a drifting machine hits both alike.

    Args:
        measure: what to measure.
        kernel: the kernelspec's name of ours.
        peer: the kernelspec's name of the one it is compared with.
        rounds: the number of samples of each.
        note: told the kernel's name and each sample as soon as it is taken.
    """
    taken: dict[str, list[Sample]] = {"ours": [], "peer": []}
    try:
        for _ in range(rounds):
            for side, name in (("ours", kernel), ("peer", peer)):
                taken[side].append(measure.sample(name))
                note(name, taken[side][-1])
    except (KernelFailed, Unmeasurable) as obstacle:
        return Comparison(measure, (), (), obstacle)
    return Comparison(measure, tuple(taken["ours"]), tuple(taken["peer"]))
