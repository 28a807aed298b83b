#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is on the raw image of a disk, for wipe.sh:

disk.py left BEFORE AFTER      how many sectors of BEFORE (headers and keyslots as they were) are anywhere in AFTER; zeros are none.
                               Fails where BEFORE has too few to compare with
disk.py used AFTER OFFSET      how many sectors behind OFFSET are not zero
disk.py times FILE             of the lines of a wipe: milliseconds from "started" to the keys, and to the end"""

import sys

SECTOR = 512
ENOUGH = 100


def sectors(path):
    zero = bytes(SECTOR)
    block = 8192 * SECTOR
    with open(path, "rb") as f:
        at = 0
        while True:
            data = f.read(block)
            if not data:
                return
            if data.count(0) != len(data):
                for i in range(0, len(data), SECTOR):
                    if data[i:i + SECTOR] != zero:
                        yield at + i, data[i:i + SECTOR]
            at += len(data)


def left(before, after):
    old = {sector for _, sector in sectors(before)}
    if len(old) < ENOUGH:
        print("only %d sectors to compare with" % len(old))
        return 1
    print(sum(sector in old for _, sector in sectors(after)))
    return 0


def used(after, offset):
    print(sum(at >= int(offset) for at, _ in sectors(after)))
    return 0


def times(path):
    at = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            words = line.split()
            at.setdefault(words[1], int(words[0]))
    print(at["keys-gone"] - at["started"], at["finishing"] - at["started"], at["started"])
    return 0


if __name__ == "__main__":
    sys.exit({"left": left, "used": used, "times": times}[sys.argv[1]](*sys.argv[2:]))
