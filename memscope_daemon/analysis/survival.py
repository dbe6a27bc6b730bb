"""How long blocks live, where some are live still.

A block that is live has a lifetime that nobody knows yet: only that it is longer than the block's age. To
leave such blocks out would call every program's blocks short-lived, a leaking one's above all. So the share S
of blocks that live longer than t is the product-limit estimate of Kaplan and Meier (1958), over bins: with d
blocks that ended in a bin, c that are live and of that age, and n that got as old as the bin's beginning::

    S(bin) = S(bin before) · (1 - d / (n - c/2))

The actuarial c/2: those that are live left from our sight somewhere within the bin. Its variance is
Greenwood's, S² · Σ d / n(n - d), and the interval of a quantile is where S ± 1.96 σ passes it (Brookmeyer and
Crowley 1982). Samples have weights: what stands for a block in the variance is Kish's effective number of
them, (Σ w)² / Σ w².
"""

from __future__ import annotations

import dataclasses

import numpy as np

from memscope_daemon.model.columns import Floats

NORMAL_95 = 1.959963984540054


@dataclasses.dataclass(frozen=True, slots=True)
class Survival:
    """The share of blocks that live longer than each bin's end, and the 95 % interval of that."""

    share: Floats
    low: Floats
    high: Floats


def survival(ended: Floats, live: Floats, squared_weights: float) -> Survival:
    """``ended``, ``live``: blocks (estimated) by bin; ``squared_weights``: the sum over all of their samples,
    0: nothing is estimated, the interval is the share itself."""
    entered = np.cumsum((ended + live)[::-1])[::-1]
    at_risk = np.maximum(entered - live / 2.0, ended)
    hazard: Floats = np.divide(ended, at_risk, out=np.zeros_like(ended), where=at_risk > 0.0)
    share: Floats = np.multiply.accumulate(1.0 - hazard)
    effective = float(entered[0]) / squared_weights if squared_weights > 0.0 else 0.0  # samples a block
    left = at_risk - ended
    risk = at_risk * left * effective
    terms = np.divide(ended, risk, out=np.zeros_like(ended), where=risk > 0.0)
    error: Floats = NORMAL_95 * share * np.sqrt(np.cumsum(terms))
    low: Floats = np.maximum(share - error, 0.0)
    high: Floats = np.minimum(share + error, 1.0)
    return Survival(share, low, high)


def quantile(share: Floats, wanted: float) -> float | None:
    """Where ``share`` (which falls) has come down to ``wanted``: so many bins, and parts of one; None: it
    does not."""
    below = np.flatnonzero(share <= wanted)
    if not len(below):
        return None
    at = int(below[0])
    before = float(share[at - 1]) if at else 1.0
    fallen = before - float(share[at])
    return at - 1 + ((before - wanted) / fallen if fallen > 0.0 else 1.0)
