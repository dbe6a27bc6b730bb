"""An allocation storm: instances, dicts, lists, strings and bytes, made, kept for a while and dropped."""

import collections

import pace

KEPT = 20011


class Line:
    __slots__ = ("amount", "article")

    def __init__(self, number):
        self.article = f"article-{number}"
        self.amount = (number, number * 1.25)


class Order:
    def __init__(self, number):
        self.number = number
        self.lines = [Line(number + n) for n in range(4)]
        self.labels = {"customer": f"c-{number % 997}", "weight": number * 0.5}
        self.note = bytes(40 + number % 907)


kept = collections.deque(maxlen=KEPT)


def take(number):
    """An order comes in, an old one goes, and a summary of it is made."""
    order = Order(number * 7919 % 100003)
    kept.append(order)
    return {**order.labels, "articles": ",".join(line.article for line in order.lines)}


for number in range(KEPT):
    take(number)
pace.run(take, 3000)
