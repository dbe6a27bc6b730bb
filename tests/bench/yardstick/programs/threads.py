"""Four threads: text to rows, rows to JSON, compressed (without the GIL) and hashed."""

import csv
import hashlib
import io
import json
import random
import threading
import zlib

from pace import Pace

THREADS = 4
EACH = 5  # operations of a thread in a slice


def text_of(number):
    dice = random.Random(number)
    return "\n".join(f"{n},name{n},{dice.random():.4f},tag{n % 7}" for n in range(149))


def work(text):
    groups = {}
    for row in csv.reader(io.StringIO(text)):
        number, name, value, tag = row
        known = {"id": number, "name": name, "value": value, "tag": tag}
        groups.setdefault(tag, []).append({**known, "value": float(value)})
    packed = zlib.compress(json.dumps(groups).encode() * 2, 1)
    return hashlib.sha256(zlib.decompress(packed)).hexdigest()


def run(number, meeting):
    text = text_of(number)
    meeting.wait()
    while True:
        for _ in range(EACH):
            work(text)
        meeting.wait()  # one of the four ends the slice; waiting takes no processor time


class Slices:
    def __init__(self):
        self.pace = Pace(THREADS * EACH)
        self.has_begun = False

    def end(self):
        if self.has_begun:
            self.pace.slice_done()
        else:
            self.pace.record()
            self.has_begun = True


meeting = threading.Barrier(THREADS, action=Slices().end)
for number in range(1, THREADS):
    threading.Thread(target=run, args=(number, meeting), daemon=True).start()
run(0, meeting)
