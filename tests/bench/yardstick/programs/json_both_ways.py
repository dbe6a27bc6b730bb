"""A document of JSON is decoded, summed up and encoded."""

import json
import random

import pace

dice = random.Random(1)
ITEMS = [
    {
        "id": number,
        "uuid": f"{dice.getrandbits(128):032x}",
        "name": f"Item {number} \u2014 ünïcode",
        "price": dice.random() * 100,
        "tags": [dice.choice(("red", "green", "blue", "new", "sale")) for _ in range(4)],
        "size": {"width": dice.random(), "height": dice.random(), "unit": "cm"},
        "text": "lorem ipsum dolor sit amet " * dice.randint(1, 12),
        "active": bool(number % 3),
        "parent": None,
    }
    for number in range(211)
]
TEXT = json.dumps({"meta": {"page": 1, "next": "/v1/items?page=2"}, "items": ITEMS})


def answer(number):
    document = json.loads(TEXT)
    document["meta"]["sum"] = sum(item["price"] for item in document["items"] if item["active"])
    return json.dumps(document)


pace.run(answer, 10)
