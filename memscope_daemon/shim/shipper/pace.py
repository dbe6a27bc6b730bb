"""How long the shipper may sleep: short while the rings fill, long while nothing happens."""

from __future__ import annotations

FLUSH_AGE_NS = 50_000_000
#: A batch costs the daemon a millisecond, however short, and a daemon has many sessions: few events wait.
#: What runs beside a target takes caches and turns from it where the processors are few.
FEW_EVENTS, FEW_FLUSH_AGE_NS = 4096, 250_000_000
BEAT_NS = 80_000_000
IDLE_SLEEP_NS = 50_000_000
_LONG_WAIT_SLEEP_NS = 20_000_000
_FULLER_SLEEP_NS = 5_000_000
_FULL_SLEEP_NS = 1_000_000
_HURRY_NS = 2_000_000_000
_FULLER = 1 / 16
_FULL = 1 / 4


class Pace:
    """Sleeps double from 1 ms up to 50 ms while nothing comes; while little comes they are as long: at most a
    sixteenth of a ring fills in one."""

    def __init__(self) -> None:
        self._idle_ns = _FULL_SLEEP_NS

    def after(self, record_count: int, fill: float) -> int:
        """Nanoseconds to sleep after a read that found ``record_count`` records in a ring ``fill`` full."""
        if fill > _FULL:
            self._idle_ns = _FULL_SLEEP_NS
        elif fill > _FULLER:
            self._idle_ns = _FULLER_SLEEP_NS
        elif record_count:
            self._idle_ns = IDLE_SLEEP_NS
        else:
            self._idle_ns = min(2 * self._idle_ns, IDLE_SLEEP_NS)
        return self._idle_ns

    def awaiting(self, waited_ns: int) -> int:
        """Nanoseconds to sleep while the shim is not entered yet; a GIL held for long can delay that."""
        return _FULL_SLEEP_NS if waited_ns < _HURRY_NS else _LONG_WAIT_SLEEP_NS

    def hurry(self) -> int:
        """Nanoseconds to sleep while somebody waits for what the shim is about to do."""
        self._idle_ns = _FULL_SLEEP_NS
        return self._idle_ns
