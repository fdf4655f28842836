"""Header blocks by Python's hpack, one JSON object a line: hpack_blocks.py SEED BLOCKS. Table sizes and Huffman coding vary."""
import json
import random
import sys

from hpack import Encoder, HeaderTuple, NeverIndexedHeaderTuple

rng = random.Random(int(sys.argv[1]))
NAMES = [":path", ":authority", "content-type", "x-a", "x-request-id", "user-agent", "accept", "traceparent", "x-" + "n" * 40]
CHARS = [chr(c) for c in range(0x20, 0x100) if chr(c) not in "\x7f@?"]  # no credential in a URL


def value() -> str:
    if rng.random() < 0.5:
        return rng.choice(["", "a", "application/json", "gzip, deflate", "node", "v" * 200])
    return "".join(rng.choice(CHARS) for _ in range(rng.choice([1, 3, 20, 300])))


encoder = Encoder()
for _ in range(int(sys.argv[2])):
    resized = 0
    if rng.random() < 0.05:
        resized = encoder.header_table_size = rng.choice([0, 64, 200, 1000, 4096, 16384, 100000])
    fields = [(rng.choice(NAMES), value()) for _ in range(rng.randint(0, 8))]
    headers = [
        (NeverIndexedHeaderTuple if rng.random() < 0.1 else HeaderTuple)(n.encode(), v.encode("latin1")) for n, v in fields
    ]
    block = encoder.encode(headers, huffman=rng.random() < 0.7)
    print(json.dumps({"size": resized, "block": block.hex(), "fields": fields}))
