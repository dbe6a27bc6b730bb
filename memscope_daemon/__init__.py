"""memscope: a sampling memory profiler for CPython that attaches by PID."""

__version__ = "0.1.0"
