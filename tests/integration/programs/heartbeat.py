"""A Python heartbeat of one millisecond, and the longest gap between two beats."""

import time

from talk import Talk

talk = Talk()
talk.ready()
last_ns = time.perf_counter_ns()
rounds = 0
while True:
    time.sleep(0.001)
    now_ns = time.perf_counter_ns()
    talk.gap(now_ns - last_ns)
    last_ns = now_ns
    talk.beat()
    rounds += 1
    if rounds % 16 == 0 and talk.is_asked():
        talk.serve()
        last_ns = time.perf_counter_ns()
