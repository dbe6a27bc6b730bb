"""Raises, catches, chains and re-raises exceptions through many frames, without pause."""

import traceback

from talk import Talk

talk = Talk()
FRAMES = 29
passed = [0]


class Odd(Exception):
    pass


def fall(frames, number):
    try:
        if frames:
            fall(frames - 1, number)
        elif number % 2:
            raise Odd(number)
        else:
            {}[number]
    finally:
        passed[0] += 1


def caught(number):
    try:
        try:
            fall(FRAMES, number)
        except KeyError as error:
            raise Odd(number) from error
    except Odd as error:
        chained = isinstance(error.__cause__, KeyError)
        return error.args[0], chained, len(traceback.extract_tb((error.__cause__ or error).__traceback__))


talk.ready()
while True:
    passed[0] = 0
    for number in range(53):
        is_even = number % 2 == 0
        talk.check(caught(number) == (number, is_even, FRAMES + 2))
    talk.check(passed[0] == 53 * (FRAMES + 1))
    talk.beat()
    if talk.is_asked():
        talk.serve()
