"""One attach and one detach, and the proof that a target works on and is as it was.

What is compared before and after is read from outside; what nobody can read there (module tables, handlers,
names) the program tells when asked, once before and once after.
"""

from __future__ import annotations

import contextlib
import threading

from memscope_client import Client, DaemonError, Sampling, Session
from tests.support.outside import ProcessState, difference, image_words, process_state, shim_mappings
from tests.support.targets import Target
from tests.support.waiting import until

#: Programs whose threads or children come and go: looked at while they rest, with the main thread alone.
CHANGING = frozenset({"wait_join", "thread_storm", "fork_storm"})
HOOKED_WORDS = 12  # malloc, calloc, realloc, free of three domains


def attach_and_leave(client: Client, target: Target, sampling: Sampling, hold_s: float = 0.0) -> Session:
    """One whole round, one try: nothing of it may be left, and the target works before, during and after.

    ``hold_s``: how long the hooks stay in at least, with the program undisturbed by us.

    :returns: the session as it ended, with the figures of both halves.
    :raises DaemonError: the attach was refused or failed.
    """
    inside, before, words = target.ask("state"), looked_at(target), image_words(target.pid)
    try:
        session = client.attach(target.pid, sampling).result()
    except DaemonError as refusal:
        try:
            settle(target, before)
        except AssertionError as error:
            raise AssertionError(f"after {refusal.code} ({refusal}): {error}") from refusal
        raise
    try:
        hooks = image_words(target.pid).pointing_into(shim_mappings(target.pid))
        target.works()
        threading.Event().wait(hold_s)
    finally:
        ended = client.detach(session.session_id)
    target.works()
    assert ended.end_reason == "detached", ended
    assert len(hooks) == HOOKED_WORDS, hooks
    after = image_words(target.pid)
    assert after.at(list(hooks)) == words.at(list(hooks)), "allocator tables differ"
    assert not (left := after.pointing_into(shim_mappings(target.pid))), left
    assert (now := target.ask("state")) == inside, (inside, now)
    settle(target, before)
    return ended


def looked_at(target: Target) -> ProcessState:
    """Its state from outside, at rest if its threads come and go."""
    if target.program not in CHANGING:
        return process_state(target.pid)
    target.ask("rest")
    with contextlib.suppress(AssertionError):  # a thread too many shows in the comparison
        until(lambda: len(process_state(target.pid).threads) == 1, "its other threads to be gone", 2.0)
    return process_state(target.pid)


def settle(target: Target, before: ProcessState) -> None:
    """Waits until it is as before, and keeps it at work meanwhile.

    A call that was given up may still stand in the interpreter's queue, and a few pages with it, until the
    main thread comes by and passes over it.
    """
    found: dict[str, object] = {}

    def settled() -> bool:
        target.works()
        found.clear()
        found.update(difference(before, looked_at(target)))
        return not found

    try:
        until(settled, "the target to be as before", 15.0)
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from None
