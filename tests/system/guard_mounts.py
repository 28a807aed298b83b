#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What mdm-agent-guard watches of what is mounted, and what users can do to that: guard_mounts.py OBJECT-TREE [TEST]…

On file systems of the test's own, in a mount namespace of its own. Needs root."""

import ctypes
import os
import subprocess
import tempfile
import time

from guard_rig import ALLOW_MODE, USER, Rig, main, run, shim

STRICT = "set flags %d" % ALLOW_MODE
LIMIT_FILESYSTEMS = 512  # agent/util/limits.h
LIBC = ctypes.CDLL(None, use_errno=True)
LONG = 30


def private_mounts_of_users_are_not_seen():
    """A hole that is told of: a file system that only a user's own namespaces have."""
    with Rig() as r:
        users = r.program("users", owner=USER)
        r.table(STRICT)
        assert not run(users, uid=USER)
        command = "mount -t tmpfs none /mnt && cp %s /mnt/copy && /mnt/copy && echo ran" % users
        done = subprocess.run(["setpriv", "--reuid", str(USER), "--clear-groups", "unshare", "-Urm", "sh", "-c", command],
                              capture_output=True, text=True, check=False)
        if "unshare" in done.stderr:
            return  # this system lets nobody have such a namespace, which closes it
        assert "ran" in done.stdout, done


def new_mount_is_watched_at_once():
    with Rig(extra_mounts=["later", "never"]) as r:
        later, never = (os.path.join(r.top, name) for name in ("later", "never"))
        os.mkdir(later)
        state = r.table(STRICT)
        assert state["n_filesystems"] == 1, state
        r.mount("tmpfs", later)
        while r.receive()[1]["n_filesystems"] != 2:
            pass
        assert not run(r.program("users", owner=USER, directory=later))
        # The same place, the same numbers, another file system.
        for _ in range(6):
            subprocess.run(["umount", later], check=True)
            r.mount("tmpfs", later)
            users = r.program("users", owner=USER, directory=later)
            end = time.monotonic() + 10
            while run(users):
                assert time.monotonic() < end, "a new file system is not watched"
        # One that might never answer is named, not watched, and waited for by nobody.
        os.mkdir(never)
        fuse = os.open("/dev/fuse", os.O_RDWR)
        options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fuse
        if LIBC.mount(b"none", never.encode(), b"fuse", 0, options) == 0:
            state = r.receive()[1]
            while state.get("n_unwatched") != 1:
                state = r.receive()[1]
            assert state["unwatched"] == never + ": fuse", state
        os.close(fuse)


def covered_file_system_is_watched():
    """A user may mount over a directory of theirs; whoever stands below still starts programs from it."""
    with Rig(start=False) as r:
        inside = os.open(r.area, os.O_RDONLY)
        users, good = (r.program(name, owner=owner).replace(r.area, "/proc/self/fd/%d" % inside)
                       for name, owner in (("users", USER), ("good", 0)))
        fuse = mount_fuse(r.area)
        if fuse is None:
            return  # no such file systems here
        r.start()
        state = r.table(STRICT)
        # What lies beneath is watched all the same, and the cover is where it was.
        assert state["n_filesystems"] == 1 and state["unwatched"] == r.area + ": fuse", state
        assert not run(users) and run(good)
        assert mounts_at(r.area) == ["tmpfs", "fuse"]
        # So does a second one over that.
        fuse2 = mount_fuse(r.area)
        while r.receive()[1].get("n_unwatched") != 2:
            pass
        assert r.states[-1]["n_filesystems"] == 1 and not run(users), r.states[-1]
        os.close(fuse)
        os.close(fuse2)
        os.close(inside)


def covered_directory_hangs_nobody():
    """A file system that never answers, over a directory on the way to another: nobody walks through it."""
    with Rig(start=False, extra_mounts=["way/there"]) as r:
        way, there = os.path.join(r.top, "way"), os.path.join(r.top, "way/there")
        os.makedirs(there)
        r.mount("tmpfs", there)
        inside = os.open(there, os.O_RDONLY)
        users = r.program("users", owner=USER, directory=there).replace(there, "/proc/self/fd/%d" % inside)
        fuse = mount_fuse(way)
        if fuse is None:
            return  # no such file systems here
        r.start()
        state = r.table(STRICT)
        assert (state["n_filesystems"], state["n_unwatched"]) == (2, 0), state
        assert not run(users) and mounts_at(way) == ["fuse"] and mounts_at(there) == ["tmpfs"]
        os.close(fuse)
        os.close(inside)


def mount_fuse(where):
    """Of nobody who serves it; None: that cannot be."""
    try:
        fuse = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        return None
    if LIBC.mount(b"none", where.encode(), b"fuse", 0, b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fuse) != 0:
        os.close(fuse)
        return None
    return fuse


def mounts_at(where):
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return [line.split(" - ")[1].split()[0] for line in f if line.split()[4] == where]


def more_file_systems_than_fit_are_named():
    with Rig(extra_mounts=["many/%d" % i for i in range(LIMIT_FILESYSTEMS)]) as r:
        os.mkdir(os.path.join(r.top, "many"))
        for path in r.mounts[1:]:
            os.mkdir(path)
            assert LIBC.mount(b"none", path.encode(), b"tmpfs", 0, None) == 0
        state = r.table(STRICT)
        # The area is the one more.
        assert (state["n_filesystems"], state["n_unwatched"]) == (LIMIT_FILESYSTEMS, 1), state
        assert state["unwatched"] == r.mounts[-1] + ": tmpfs", state
        assert not run(r.program("users", owner=USER)) and not run(r.program("users", owner=USER, directory=r.mounts[-2]))
        # There is room again for those that could not be.
        subprocess.run(["umount", r.mounts[5]], check=True)
        while r.receive()[1].get("n_unwatched") != 0:
            pass
        assert not run(r.program("users", owner=USER, directory=r.mounts[-1]))


def stick_is_foreign_at_once():
    """Whose the files of a stick are was written elsewhere: it is judged as foreign before the next table says so."""
    with Rig(extra_mounts=["stick"]) as r:
        stick, image = os.path.join(r.top, "stick"), os.path.join(r.top, "image")
        with open(image, "wb") as f:
            f.truncate(8 << 20)
        if subprocess.run(["mkfs.ext4", "-q", image], check=False).returncode != 0:
            return  # no such tool
        os.mkdir(stick)
        r.table(STRICT)
        if subprocess.run(["mount", "-o", "loop", image, stick], check=False, stderr=subprocess.DEVNULL).returncode != 0:
            return  # no loop devices here
        program = r.program("program", directory=stick)
        while r.receive()[1].get("n_filesystems") != 2:
            pass
        assert not run(program, uid=USER)
        assert r.denial()["reason"] == "foreign_file_system"
        # Nobody minds, and what was remembered then is no answer when somebody does.
        r.table("set flags 0")
        assert run(program)
        r.table(STRICT)
        assert not run(program)
        # Where the system has it as well it is the system's.
        assert run(r.program("good"))


def overlay_is_watched():
    with Rig(extra_mounts=["merged"]) as r:
        parts = {}
        for name in ("lower", "upper", "work"):
            parts[name] = os.path.join(r.area, name)
            os.mkdir(parts[name])
        merged = os.path.join(r.top, "merged")
        os.mkdir(merged)
        low = r.program("low", directory=parts["lower"])
        r.program("low-users", directory=parts["lower"], owner=USER)
        options = "lowerdir=%(lower)s,upperdir=%(upper)s,workdir=%(work)s" % parts
        subprocess.run(["mount", "-t", "overlay", "none", "-o", options, merged], check=True)
        users = r.program("users", owner=USER, directory=merged)
        r.table(STRICT)
        assert run(os.path.join(merged, "low")) and run(low)
        assert not run(users) and not run(os.path.join(merged, "low-users"))


def storm_of_mounts():
    """Whoever mounts all the time has the guard look a few times at once, then once in a while; the last one is seen."""
    with tempfile.TemporaryDirectory() as top:
        rounds = os.path.join(top, "rounds")
        with open(rounds, "wb"):
            pass
        with Rig(env=dict(shim(top), GUARD_SHIM_ROUNDS=rounds), extra_mounts=["storm", "last"]) as r:
            storm, last = (os.path.join(r.top, name) for name in ("storm", "last"))
            os.mkdir(storm)
            os.mkdir(last)
            r.table(STRICT)
            before, begin = os.path.getsize(rounds), time.monotonic()
            for _ in range(500):
                assert LIBC.mount(b"none", storm.encode(), b"tmpfs", 0, None) == 0
                assert LIBC.umount2(storm.encode(), 2) == 0
                # As a storm is, with time to hear of each.
                time.sleep(0.002)
            r.mount("tmpfs", last)
            users = r.program("users", owner=USER, directory=last)
            while run(users):
                assert time.monotonic() < begin + 2 * LONG, "the last one is not watched"
                time.sleep(0.05)
            # Five walks over the list in each; eight at once, and one in two seconds.
            n, most = (os.path.getsize(rounds) - before) / 5, 8 + (time.monotonic() - begin) / 2 + 2
            assert 1 <= n <= most, (n, most)
            # What else wants a look does not wait for that: another table, another one that answers.
            for _ in range(20):
                r.counts()
            assert not run(users) and not run(r.program("own", owner=USER))


if __name__ == "__main__":
    main([private_mounts_of_users_are_not_seen, new_mount_is_watched_at_once, covered_file_system_is_watched,
          covered_directory_hangs_nobody, more_file_systems_than_fit_are_named, stick_is_foreign_at_once,
          overlay_is_watched, storm_of_mounts])
