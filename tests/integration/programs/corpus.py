"""Runs a program of the corpora, and keeps it alive.

    corpus.py IN OUT PULSE FILE

["run"]  runs FILE as a module, and its run(); what that takes besides is loaded and compiled before
"""

import asyncio
import collections
import contextlib
import functools
import pathlib
import sys
import types

from talk import Talk

LOADED = (asyncio, collections, contextlib, functools)
CODE = compile(pathlib.Path(sys.argv[4]).read_bytes(), sys.argv[4], "exec")
asyncio.run(asyncio.sleep(0))


def run():
    module = types.ModuleType("corpus_program")
    sys.modules[module.__name__] = module
    exec(CODE, vars(module))
    module.run()
    return "done"


if __name__ == "__main__":
    talk = Talk()
    talk.handlers["run"] = run
    talk.ready()
    while True:
        talk.serve()
