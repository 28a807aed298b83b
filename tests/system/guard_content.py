#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of people that mdm-agent-guard lets start for their content alone: guard_content.py OBJECT-TREE [TEST]…

Whoever owns the file means it ill: it is exchanged at every moment there is. Needs root."""

import hashlib
import mmap
import os
import subprocess
import threading
import time

from guard_rig import ALLOW_MODE, USER, Rig, main, run

STRICT = "set flags %d" % ALLOW_MODE


def append(path):
    with open(path, "ab") as f:
        f.write(b"\0")


def digest(path):
    with open(path, "rb") as f:
        return "hash " + hashlib.sha256(f.read()).hexdigest()


def content_speaks_for_users_programs():
    with Rig() as r:
        users, other = r.program("users", owner=USER, mode=0o700), r.program("other", owner=USER, source="/bin/false")
        r.table(STRICT, digest(users))
        for _ in range(3):
            assert run(users, uid=USER)
        assert not run(other, uid=USER)
        assert r.denial()["reason"] == "user_program"
        append(users)
        assert not run(users, uid=USER)
        # A new table and the same content: nothing is read again, and the answer is the new one.
        good = r.program("good", owner=USER)
        r.table(STRICT, digest(other))
        assert run(other) and not run(good)


def content_cannot_be_exchanged_behind_the_answer():
    """A shared mapping that was written to before changes pages without changing any time."""
    with Rig() as r:
        users = r.program("users", owner=USER)
        good = digest(users)
        r.table(STRICT, good)
        with open(users, "r+b") as f:
            mapping = mmap.mmap(f.fileno(), 0)
        mapping[-1] = mapping[-1]  # the page is dirty, and writable from here on
        assert not run_or_busy(users), "a program that somebody writes to was judged"
        assert r.denial()["reason"] == "undecided"
        mapping[-1] ^= 1
        mapping.close()
        assert not run(users), "the answer of a content that is no more"
        mapping_again = os.open(users, os.O_RDWR)
        os.pwrite(mapping_again, bytes([os.pread(mapping_again, 1, os.path.getsize(users) - 1)[0] ^ 1]),
                  os.path.getsize(users) - 1)
        os.close(mapping_again)
        assert digest(users) == good and run(users)


def run_or_busy(path):
    try:
        return run(path)
    except OSError as e:
        assert e.errno == 26, e
        return False


def writers_wait_for_the_start():
    """Whoever opens it for writing at the moment of the answer comes after execve(2)."""
    with Rig() as r:
        users = r.program("users", owner=USER)
        bad = b"#!/bin/sh\nexit 42\n"
        with open(users, "rb") as f:
            content = f.read()
        r.table(STRICT, digest(users))
        stop, found = threading.Event(), {0: 0, 42: 0, None: 0}

        def exchange():
            while not stop.wait(0.002):
                try:
                    fd = os.open(users, os.O_WRONLY | os.O_NONBLOCK)
                except OSError:
                    continue
                os.pwrite(fd, bad, 0)
                os.pwrite(fd, content[:len(bad)], 0)
                os.close(fd)

        thread = threading.Thread(target=exchange, daemon=True)
        thread.start()
        end = time.monotonic() + 3
        while time.monotonic() < end:
            # Refused, or busy, or started with the content that was judged.
            found[status_or_none(users)] += 1
        stop.set()
        thread.join()
        assert found[42] == 0 and found[0] > 0, found


def status_or_none(path):
    try:
        return subprocess.run([path], stderr=subprocess.DEVNULL, check=False).returncode
    except OSError:
        return None


def large_programs_hold_nobody_up():
    with Rig() as r:
        large, good = r.program("large", owner=USER), r.program("good")
        os.truncate(large, 200 * 1024 * 1024)
        sha = hashlib.sha256()
        with open(large, "rb") as f:
            while piece := f.read(1 << 20):
                sha.update(piece)
        r.table(STRICT, "hash " + sha.hexdigest())
        answer = []
        thread = threading.Thread(target=lambda: answer.append(run(large)))
        thread.start()
        time.sleep(0.1)  # its child has a copy of every pipe that is open when it is made
        n = 0
        while thread.is_alive():
            r.program("good")
            assert run(good)
            n += 1
        thread.join()
        assert answer == [True], answer
        assert n > 3, n
        os.truncate(large, 256 * 1024 * 1024 + 1)
        assert not run(large)
        r.drain()
        assert r.denied[-1]["reason"] == "user_program", r.denied


if __name__ == "__main__":
    main([content_speaks_for_users_programs, content_cannot_be_exchanged_behind_the_answer, writers_wait_for_the_start,
          large_programs_hold_nobody_up])
