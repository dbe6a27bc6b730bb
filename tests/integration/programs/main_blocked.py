"""The main thread waits for ever for a lock while two threads work without pause; one takes the commands."""

import json
import threading

from talk import Talk

talk = Talk()
done = threading.Lock()
done.acquire()
ending = threading.Event()
TEXT = json.dumps({"rows": [{"n": n, "square": n * n} for n in range(101)]})


def work(is_first):
    while not ending.is_set():
        document = json.loads(TEXT)
        talk.check(document["rows"][97]["square"] == 97 * 97)
        if is_first:
            talk.beat()
            if talk.is_asked():
                talk.serve()


def leave():
    ending.set()
    done.release()


talk.leave = leave
threads = [threading.Thread(target=work, args=(is_first,)) for is_first in (True, False)]
for thread in threads:
    thread.start()
talk.ready()
done.acquire()
for thread in threads:
    thread.join()
