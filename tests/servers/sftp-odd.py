#!/usr/bin/env python3
"""An SFTP server on standard input and output that takes liberties, or breaks the rules.

    sftp-odd.py MANNER FILE     serves FILE as /srv/a, and nothing else

Manners within the rules: short (answers with 1 to 1,000 bytes at a time), handles (of all 256 bytes), bare (no modes
but in the line of ls, no words in statuses), backwards (answers in another order than asked).
Against them: chatter (a line of text before the greeting), flood (a frame of 2 GiB), other (names instead of bytes),
empty (no bytes at all), more (one byte more than asked), cut (ends inside a frame), mute (never answers a read),
paths (names with slashes in a listing), forever (a listing without end), loud (a megabyte of complaints, then the end).
"""

import os
import struct
import sys

MANNER, FILE = sys.argv[1:3]
BODY = open(FILE, "rb").read()
HANDLE = bytes(range(256)) if MANNER == "handles" else b"h"
OUT = sys.stdout.buffer


def text(data):
    return struct.pack(">I", len(data)) + data


def send(kind, number, rest):
    frame = struct.pack(">BI", kind, number) + rest
    OUT.write(struct.pack(">I", len(frame)) + frame)
    OUT.flush()


def status(number, code):
    send(101, number, struct.pack(">I", code) + (b"" if MANNER == "bare" else text(b"odd \xff\x1b words") + text(b"")))


def attrs(size, mode):
    if MANNER == "bare":
        return struct.pack(">IQII", 1 | 8, size, 7, 7) if mode & 0o100000 else struct.pack(">I", 0)
    return struct.pack(">IQIII", 1 | 4 | 8, size, mode, 7, 7)


def exactly(count):
    data = sys.stdin.buffer.read(count)
    if len(data) < count:
        sys.exit(0)
    return data


def listing(number, state={"told": 0}):
    state["told"] += 1
    name = b"../../etc/passwd" if MANNER == "paths" else b"a" if state["told"] == 1 else b"n%d" % state["told"]
    if state["told"] > 1 and MANNER != "forever":
        return status(number, 1)
    send(104, number, struct.pack(">I", 1) + text(name) + text(b"-rw-r--r-- 1 0 0 0 Jan 1 1970 a") + attrs(len(BODY), 0o100644))


def read(number, rest):
    at, length = struct.unpack(">QI", rest[4 + len(HANDLE):])
    if at >= len(BODY):
        return status(number, 1)
    if MANNER == "short":
        length = min(length, 1 + at * 7919 % 1000)
    data = BODY[at:at + length]
    if MANNER == "other":
        return send(104, number, struct.pack(">I", 0))
    if MANNER == "empty":
        data = b""
    if MANNER == "more":
        data = data + b"!"
    if MANNER == "cut":
        OUT.write(struct.pack(">I", 100) + b"g")
        OUT.flush()
        sys.exit(1)
    if MANNER == "loud":
        sys.stderr.write("complaint \x1b[31m\n" * 60_000 + "the last word\n")
        sys.exit(255)
    if MANNER != "mute":
        send(103, number, text(data))


def answer(kind, number, rest):
    path = rest[4:4 + struct.unpack(">I", rest[:4])[0]]
    if kind in (7, 8):
        if kind == 7 and path not in (b"/srv", b"/srv/a"):
            return status(number, 2)
        send(105, number, attrs(len(BODY), 0o40755 if path == b"/srv" else 0o100644))
    elif kind in (3, 11):
        fits = path == (b"/srv/a" if kind == 3 else b"/srv")
        send(102, number, text(HANDLE)) if fits else status(number, 2)
    elif kind == 4:
        status(number, 0)
    elif kind == 5:
        read(number, rest)
    elif kind == 12:
        listing(number)
    else:
        status(number, 8)


def main():
    if MANNER == "chatter":
        print("Last login: Mon Jan  1 from nowhere", flush=True)
    frame = exactly(struct.unpack(">I", exactly(4))[0])
    assert frame[0] == 1
    if MANNER == "flood":
        OUT.write(struct.pack(">I", 1 << 31))
        OUT.flush()
        sys.stdin.buffer.read()
    OUT.write(struct.pack(">IBI", 5, 2, 3))
    OUT.flush()
    waiting = []
    while True:
        frame = exactly(struct.unpack(">I", exactly(4))[0])
        kind, number = struct.unpack(">BI", frame[:5])
        if MANNER == "backwards" and kind == 5:
            waiting.append((kind, number, frame[5:]))
            if len(waiting) < 4:
                continue
            for late in reversed(waiting):
                answer(*late)
            waiting = []
        else:
            answer(kind, number, frame[5:])


if __name__ == "__main__":
    os.environ.clear()
    main()
