"""One thread that computes without pause, in pure Python, and checks its result each round."""

from talk import Talk

talk = Talk()
expected = sum(n * n % 7 for n in range(1009))
talk.ready()
while True:
    total = 0
    for n in range(1009):
        total += n * n % 7
    talk.check(total == expected)
    talk.beat()
    if talk.is_asked():
        talk.serve()
