"""The yardstick: what memscope costs a program, beside what other tools that know of allocations cost it.

``scripts/bench`` runs it. The method:

* A workload is a program of its own that does real operations, always the same, and tells its processor
  time after each slice of them through a shared page. Nothing is measured by the clock on the wall.
* For every contestant and round the program starts afresh, warms up, the contestant comes in, the program
  warms up again; then the same number of slices is measured. A contestant that takes three times as long is
  cut off, and does fewer of these slices, which are all alike.
* In each round every workload meets every contestant, in an order that a seed decides, and nothing at all
  twice. A contestant's time for an operation is compared with that of nothing in the same round.
* What is told is the median of these ratios, with an interval that supposes nothing about how they are
  spread. Where nothing differs from itself by more than a contestant does, the answer is "cannot tell".
"""
