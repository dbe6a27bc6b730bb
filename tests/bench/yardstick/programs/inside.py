"""Profilers that begin inside the program. Each entry imports what it needs, and returns what begins it."""

kept = []


def tracemalloc_with(frames):
    import tracemalloc

    return lambda: tracemalloc.start(frames)


def ddtrace_memalloc():
    """The memory collector alone. It collects; nothing is sent."""
    from ddtrace.internal.datadog.profiling import ddup
    from ddtrace.profiling.collector import memalloc

    def begin():
        ddup.config(service="yardstick", env="none", version="1", max_nframes=64)
        ddup.start()
        kept.append(memalloc.MemoryCollector())
        kept[-1].start()

    return begin


PROFILERS = {
    "tracemalloc-1": lambda: tracemalloc_with(1),
    "tracemalloc-20": lambda: tracemalloc_with(20),
    "ddtrace": ddtrace_memalloc,
}
