#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the suites ask of JSON and of a journal, on the host:

fleet.py pick PATH <JSON       one member: "devices.0.id", "[serial=X].row"; JSON may be one document or one a line
fleet.py journal FILE          walks the bytes as docs/journal.md lays them out, with nothing of the agent's: prints
                               "records N last N torn N" and fails where the chain is broken
fleet.py state DIR BEFORE       the same for a copied disk, with all else that must be whole after a power cut, against the copy
                               before it (a directory without one: the first); one line about what was found
fleet.py repaired BOOT <JOURNAL when the settings of this boot were repaired last, in microseconds since its begin
fleet.py starts N <JOURNAL      whether the agent started N times, and nothing worse than torn tails was ever found
fleet.py etc BEFORE AFTER      the differences of two lists of files, one line each; fails if there are any"""

import hashlib
import json
import os
import re
import struct
import sys
import zlib

FILE_MAGIC, RECORD_MAGIC = b"\xffMDMjnl\n", b"\xffMJr"
HEADER, DIGEST = 56, 32
PAYLOAD_MAX = 4096


def pick(path):
    text = sys.stdin.read()
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as e:
            raise Broken("no JSON: %s" % text[:200]) from e
    for step in re.findall(r"\[[^]]*\]|[^.\[]+", path):
        if step.startswith("["):
            name, wanted = step[1:-1].split("=", 1)
            # One a line, and one line, is one document.
            found = [v for v in (value if isinstance(value, list) else [value]) if str(v.get(name)) == wanted]
            if not found:
                return 1
            value = found[0]
        elif isinstance(value, list):
            if not step.isdigit() or int(step) >= len(value):
                return 1
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return 1
    print(value if isinstance(value, str) else json.dumps(value))
    return 0


class Broken(Exception):
    pass


def record(data, at, previous):
    """The number of the record there and what follows it; None where it is not whole."""
    header = data[at:at + HEADER]
    if len(header) < HEADER or header[:4] != RECORD_MAGIC:
        return None
    size, number = struct.unpack_from("<I", header, 4)[0], struct.unpack_from("<Q", header, 12)[0]
    crc = struct.unpack_from("<I", header, 52)[0]
    end = at + HEADER + size
    if crc != zlib.crc32(header[:52]) or size > PAYLOAD_MAX or end + DIGEST > len(data):
        return None
    digest = hashlib.sha256(previous + data[at:end]).digest()
    if digest != data[end:end + DIGEST]:
        return None
    json.loads(data[at + HEADER:end])
    return number, end + DIGEST, digest


def read(path):
    with open(path, "rb") as f:
        return f.read()


def walk(data):
    """Records, number of the last one, bytes of good ones."""
    if len(data) < 64 or data[:8] != FILE_MAGIC or hashlib.sha256(data[:32]).digest() != data[32:64]:
        raise Broken("the header of the file is not one")
    at, previous, count, last = 64, data[32:64], 0, struct.unpack_from("<Q", data, 24)[0]
    while at < len(data):
        found = record(data, at, previous)
        if not found:
            break
        if found[0] <= last:
            raise Broken("record %d behind record %d" % (found[0], last))
        last, at, previous = found
        count += 1
    torn = len(data) - at
    # What a cut leaves is the beginning of one record, with no other behind it.
    if torn > HEADER + PAYLOAD_MAX + DIGEST or RECORD_MAGIC in data[at + 4:]:
        raise Broken("%d bytes behind record %d are no torn record" % (torn, last))
    return count, last, at


def journal(path):
    data = read(path)
    count, last, good = walk(data)
    print("records %d last %d torn %d" % (count, last, len(data) - good))
    return 0


def text_file(path):
    """The lines of facts or serials, whose last one is a digest of the others."""
    data = read(path)
    body, _, digest = data.rpartition(b"sha256 ")
    if hashlib.sha256(body).hexdigest() != digest.strip().decode():
        raise Broken("%s is not whole" % os.path.basename(path))
    return [line.split(" ") for line in body.decode().splitlines()[1:]]


def serials_of(base):
    return {line[1]: int(line[2]) for line in text_file(os.path.join(base, "serials"))}


def state(directory, before):
    base, old = (os.path.join(d, "var/lib/mdm-agent") for d in (directory, before))
    data = read(os.path.join(base, "journal"))
    count, last, good = walk(data)
    facts = {line[0]: line[1] for line in text_file(os.path.join(base, "facts"))}
    serials = serials_of(base)
    if facts["enrolled"] != "1":
        raise Broken("the enrolment is lost")
    if int(facts["acknowledged"]) > last:
        raise Broken("the server has records up to %s, the journal ends at %d" % (facts["acknowledged"], last))
    gained = count
    if os.path.isdir(old):
        known = read(os.path.join(old, "journal"))
        known = known[:walk(known)[2]]
        if data[:len(known)] != known:
            raise Broken("records of the journal that were on the disk are not any more")
        gained -= walk(known)[0]
        for name, serial in serials_of(old).items():
            if serials.get(name, 0) < serial:
                raise Broken("%s went back from %d to %d" % (name, serial, serials.get(name, 0)))
        if {line[0]: line[1] for line in text_file(os.path.join(old, "facts"))}["device"] != facts["device"]:
            raise Broken("the phone is another one")
    left = [name for _, _, names in os.walk(directory) for name in names if name.startswith(".mdm-")]
    print("%d records more, %d bytes torn, %d files half replaced, policy %d%s" % (
        gained, len(data) - good, len(left), serials.get("policy.cuts", 0),
        ", in the middle of a write" if left or len(data) > good else ""))
    return 0


def repaired(boot):
    """JOURNAL: the answer of "agentctl journal show --json"."""
    times = [r["uptime_us"] for r in json.load(sys.stdin)["records"]
             if r["boot"] == boot and r["type"] in ("applied", "drift_repaired")]
    if not times:
        raise Broken("nothing was repaired in this boot")
    print(max(times))
    return 0


def starts(wanted):
    records = json.load(sys.stdin)["records"]
    found = [r["boot"] for r in records if r["type"] == "started"]
    torn = [r["data"] for r in records if r["type"] == "recovered"]
    print("%d starts in %d boots, %d torn tails cut, %d records" % (
        len(found), len(set(found)), len(torn), len(records)))
    if len(found) != int(wanted):
        raise Broken("%s starts are wanted" % wanted)
    if any(data["what"] != "torn_tail" for data in torn):
        raise Broken("more than torn tails: %s" % torn)
    return 0


def etc(before, after):
    lists = []
    for path in (before, after):
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            lists.append(dict(reversed(line.rstrip("\n").split("  ", 1)) for line in f if "  " in line))
    old, new = lists
    lines = ["gone: %s (%s)" % (p, old[p]) for p in sorted(old.keys() - new.keys())]
    lines += ["new: %s (%s)" % (p, new[p]) for p in sorted(new.keys() - old.keys())]
    lines += ["changed: %s (%s, was %s)" % (p, new[p], old[p])
              for p in sorted(old.keys() & new.keys()) if old[p] != new[p]]
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    try:
        sys.exit({"pick": pick, "journal": journal, "state": state, "repaired": repaired, "starts": starts, "etc": etc}[sys.argv[1]](*sys.argv[2:]))
    except (Broken, OSError) as e:
        print("fleet.py: %s: %s" % (sys.argv[2], e), file=sys.stderr)
        sys.exit(1)
