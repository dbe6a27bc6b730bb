"""Runs a program of the corpora, and keeps it alive.

    corpus.py IN OUT PULSE FILE

["run"]  loads FILE as a module and calls its run()
"""

import importlib.util
import sys

from talk import Talk


def run():
    found = importlib.util.spec_from_file_location("corpus_program", sys.argv[4])
    module = importlib.util.module_from_spec(found)
    sys.modules["corpus_program"] = module
    found.loader.exec_module(module)
    module.run()
    return "done"


if __name__ == "__main__":
    talk = Talk()
    talk.handlers["run"] = run
    talk.ready()
    while True:
        talk.serve()
