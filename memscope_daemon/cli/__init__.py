"""The command line: one file a command. A client of the daemon like any other.

Nothing is imported at the top that a command may not need: ``attach`` against a running daemon must
reach its first event quickly.
"""
