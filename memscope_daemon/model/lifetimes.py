"""How long blocks live, in bins and in classes.

Lifetimes are told apart in bins of which :data:`PER_DECADE` make a decade: bin i is what is longer than bin
i - 1's end, and at most 10^(i/PER_DECADE) ns. So a decade's end, a class's end too, is a bin's end, and a bin
is 6 % wide.
"""

from __future__ import annotations

import numpy as np

from memscope_daemon.model.columns import Array, Floats, Integers

PER_DECADE = 40
#: The ends of the classes; what lives longer is the last class.
CLASSES_MS = (1, 10, 100, 1000)
PERCENTS = (50, 90, 95, 99)


def bins_of(lifetime_ns: Array) -> Integers:
    """The bin of each; what has no length, or a wrong one, lived for 1 ns."""
    decades = np.log10(np.maximum(lifetime_ns.astype(np.float64), 1.0))
    found: Integers = np.ceil(PER_DECADE * decades).astype(np.int64)
    return found


def sql_bin(lifetime_ns: str) -> str:
    """:func:`bins_of` in SQL."""
    return f"ceil({PER_DECADE} * log10(greatest({lifetime_ns}, 1)::DOUBLE))::BIGINT"


def ends_ns(bins: Array) -> Floats:
    """The longest lifetime in each of ``bins``."""
    found: Floats = 10.0 ** (np.asarray(bins, np.float64) / PER_DECADE)
    return found


def class_of_bins(count: int) -> Integers:
    """The class (index into :data:`CLASSES_MS`, or its length) of each of the bins 0..count-1."""
    ends = [PER_DECADE * round(np.log10(each * 1e6)) for each in CLASSES_MS]
    found: Integers = np.searchsorted(ends, np.arange(count)).astype(np.int64)
    return found
