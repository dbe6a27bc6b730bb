"""The live view of a session, in a terminal.

One way through: a ``source`` of points (a thread) and the keyboard (another) put events into the command's
one queue; ``show.LiveView``, in the main thread, takes them: a point becomes a ``moment.Moment`` (figures
with rates), a key changes the ``view.View`` (what is shown, and how) or asks the daemon for something.
``draw`` makes lines out of the two, ``screen`` writes those that changed. Everything but ``source``,
``terminal``, ``chooser`` and ``show`` is pure.
"""
