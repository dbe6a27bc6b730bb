"""The formats there are, by name, with the name of the file of each.

It imports nothing: the command line checks what was asked for before it loads anything.
"""

from __future__ import annotations

FORMATS = {
    "json": "report.json",
    "collapsed": "stacks.collapsed",
    "speedscope": "stacks.speedscope.json",
    "svg": "flame.svg",
    "html": "report.html",
}
DEFAULT_FORMATS = ("json", "collapsed", "html")
