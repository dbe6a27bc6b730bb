"""Drills: one round each, at moments that a seed decides; what must follow is asserted.

A drill gets a :class:`~tests.support.drills.rig.Rig` and dice, does one round, and returns a line that says
what it did. ``scripts/soak`` runs rounds until its time is up, the tests run a handful.
"""
