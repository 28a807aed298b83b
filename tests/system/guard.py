#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What mdm-agent-guard lets start and what not, by the kernel's own questions: guard.py OBJECT-TREE [TEST]…

On file systems of the test's own, in a mount namespace of its own. Needs root. GUARD_CHURN_SECONDS=600 is the long form
of the churn of making, changing and starting programs (4)."""

import os
import subprocess
import sys
import threading
import time

from guard_rig import (ALLOW_MODE, END, NO_USER_PROGRAMS, STATE, USER, Rig, children, inode, main, make_table, readlink, run)

STRICT = "set flags %d" % ALLOW_MODE
CHURN_SECONDS = float(os.environ.get("GUARD_CHURN_SECONDS", "4"))
LOADER = os.path.realpath(next(p for p in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1",
                                           "/lib/ld-musl-aarch64.so.1") if os.path.exists(p)))


def hello_says_what_can_be_done():
    with Rig(start=False) as r:
        hello = r.start()
        assert hello["has_permissions"] == 1 and hello["generation"] == 0, hello
        assert hello["keeper_pid"] == r.process.pid, hello
        # Nothing is watched before there is a table, nobody is there to answer.
        assert not children(r.process.pid)
        assert run(r.program("a", owner=USER))


def table_allows_and_refuses():
    with Rig() as r:
        good, bad, users = r.program("good"), r.program("bad"), r.program("users", owner=USER)
        system, open_to_all = r.program("system", owner=99), r.program("open", mode=0o777)
        state = r.table(STRICT, inode(bad, "deny", "badpack"))
        assert state["n_filesystems"] == 1 and state["n_unwatched"] == 0, state
        for uid in (0, USER):
            assert run(good, uid=uid) and run(system, uid=uid)
            assert not run(bad, uid=uid) and not run(users, uid=uid) and not run(open_to_all, uid=uid)
        told = r.denial()
        assert (told["owner"], told["reason"], told["audit"], told["count"]) == ("badpack", "blocked", 0, 1), told
        assert told["path"] == bad and told["uid"] == 0 and told["inode"] == os.stat(bad).st_ino, told
        told = r.denial()
        assert (told["owner"], told["reason"], told["path"]) == ("", "user_program", users), told
        assert abs(told["realtime_s"] - time.time()) < 60, told
        r.denial()
        assert r.denial()["uid"] == USER
        # In the mode deny people's own programs run, but for what is refused by name.
        r.table("set flags 0", inode(bad, "deny"))
        assert run(users) and not run(bad)
        r.table("set flags %d" % NO_USER_PROGRAMS, inode(bad, "deny"))
        assert not run(users) and not run(bad) and run(good)


def audit_only_tells():
    with Rig() as r:
        bad, users, good = r.program("bad"), r.program("users", owner=USER), r.program("good")
        r.table("set mode 0", STRICT, inode(bad, "deny", "badpack"))
        assert run(bad) and run(users) and run(good)
        assert r.denial()["audit"] == 1 and r.denial()["reason"] == "user_program"
        before = r.counts()["n_events"]
        for _ in range(10):
            assert run(bad) and run(good)
        # What would be refused is asked about each time, the rest once for each table.
        assert r.counts()["n_events"] - before == 11


def repeat_is_not_asked_again():
    with Rig() as r:
        good, users = r.program("good"), r.program("users", owner=USER)
        r.table("set flags 0")
        for _ in range(100):
            assert run(good)
        state = r.counts()
        assert state["n_events"] == 1, state
        # What people can write is asked about each time: a shared mapping changes it without a trace.
        for _ in range(10):
            assert run(users)
        assert r.counts()["n_events"] == 11


def write_drops_the_answer():
    with Rig() as r:
        good = r.program("good")
        r.table(STRICT)
        assert run(good) and run(good)
        for n, change in enumerate((lambda: os.truncate(good, os.path.getsize(good)), lambda: append(good))):
            before = r.counts()["n_events"]
            assert run(good) and run(good)
            change()
            assert run(good) and run(good)
            assert r.counts()["n_events"] - before == 2, n


def append(path):
    with open(path, "ab") as f:
        f.write(b"\0")


def answer_is_not_remembered_while_it_is_written():
    """A file that is open for writing: the kernel drops the mark; the next start asks again."""
    with Rig() as r:
        good = r.program("good")
        r.table(STRICT)
        with open(good, "r+b"):
            try:
                run(good)
            except OSError as e:
                assert e.errno == 26, e  # ETXTBSY
        assert run(good) and run(good)
        assert 2 <= r.counts()["n_events"] <= 2


def upgrade_by_rename():
    with Rig() as r:
        good, bad = r.program("good"), r.program("bad")
        r.table(STRICT, inode(bad, "deny"), "path %s badpack" % bad)
        assert run(good) and not run(bad)
        # New inodes in the old places.
        r.program("good")
        r.program("bad")
        assert run(good)
        assert not run(bad), "a refused program runs after an upgrade"
        os.rename(bad, bad + "-2")
        assert run(bad + "-2"), "its path alone was refused"


def other_names_of_the_same_file():
    with Rig() as r:
        bad = r.program("bad")
        other = os.path.join(r.area, "other")
        os.link(bad, other)
        mounted = r.program("mounted")
        directory = os.path.join(r.area, "directory")
        os.mkdir(directory)
        r.table(STRICT, inode(bad, "deny"))
        assert not run(other)
        os.symlink(bad, os.path.join(r.area, "link"))
        assert not run(os.path.join(r.area, "link"))
        subprocess.run(["mount", "--bind", bad, mounted], check=True)
        assert not run(mounted)
        subprocess.run(["mount", "--bind", r.area, directory], check=True)
        assert not run(os.path.join(directory, "bad"))
        os.rename(bad, bad + "-renamed")
        assert not run(bad + "-renamed")


def deleted_files_are_judged():
    with Rig() as r:
        users, bad, good = r.program("users", owner=USER), r.program("bad"), r.program("good")
        r.table(STRICT, inode(bad, "deny"))
        for path, may in ((users, False), (bad, False), (good, True)):
            fd = os.open(path, os.O_RDONLY)
            os.unlink(path)
            assert run("/proc/self/fd/%d" % fd) == may, path
            os.close(fd)


def memory_files_are_not_seen():
    """A hole that is told of: what is in no file system that can be marked (memfd_create(2))."""
    with Rig() as r:
        users = r.program("users", owner=USER)
        r.table(STRICT)
        assert not run(users)
        fd = os.memfd_create("copy", 0)
        with open(users, "rb") as f:
            os.write(fd, f.read())
        assert run("/proc/self/fd/%d" % fd)


def loader_is_not_seen_but_noexec_helps():
    with Rig() as r:
        users = r.program("users", owner=USER)
        r.table(STRICT)
        assert not run(users)
        assert starts(LOADER, users), "the loader itself starts, and reads the program"
        subprocess.run(["mount", "-o", "remount,noexec", r.area], check=True)
        assert not starts(LOADER, users)


def starts(*argv):
    return subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def scripts_and_interpreters():
    with Rig() as r:
        shell = r.program("sh", source=os.path.realpath("/bin/sh"))
        script = os.path.join(r.area, "script")
        with open(script, "w", encoding="ascii") as f:
            f.write("#!%s\nexit 0\n" % shell)
        os.chmod(script, 0o755)
        r.table(STRICT)
        assert run(script)
        assert r.counts()["n_events"] == 2, "the script and its interpreter"
        os.chown(script, USER, USER)
        assert not run(script)
        # A hole that is told of: an interpreter reads what may not be started.
        assert starts(shell, script)
        os.chown(script, 0, 0)
        r.table(STRICT, inode(shell, "deny"))
        assert not run(script)


def interpreter_of_a_user_is_refused():
    """A program's own loader is executed, too."""
    with Rig() as r:
        users = r.program("ld", owner=USER, source=LOADER)
        script = r.program("script")
        with open(script, "w", encoding="ascii") as f:
            f.write("#!%s\n" % users)
        r.table(STRICT)
        assert not run(script)


def foreign_devices_are_refused():
    with Rig() as r:
        good = r.program("good")
        device = "device %d" % os.stat(good).st_dev
        r.table(STRICT, device, inode(good, "allow"))
        assert not run(good)
        assert r.denial()["reason"] == "foreign_file_system"
        r.table("set flags 0", device)
        assert run(good)


def hasher_goes_before_nobody():
    with Rig() as r:
        users = r.program("users", owner=USER)
        r.table(STRICT, "hash " + "0" * 64)
        assert not run(users)
        verdict = r.wait_verdict()
        hasher = next(pid for pid in children(r.process.pid) if pid != verdict)
        assert os.getpriority(os.PRIO_PROCESS, verdict) == -20, "it was raised for who answers"
        assert os.getpriority(os.PRIO_PROCESS, hasher) == -5, os.getpriority(os.PRIO_PROCESS, hasher)


# --- much of it
def storms_are_answered():
    """More at once than there are descriptors: nobody is refused for want of them."""
    with Rig() as r:
        r.table(STRICT)
        programs = [r.program("p%d" % i, source="/bin/true") for i in range(600)]
        pids = []
        for path in programs:
            pid = os.fork()
            if pid == 0:
                try:
                    os.execv(path, [path])
                finally:
                    os._exit(99)
            pids.append(pid)
        assert all(os.waitpid(pid, 0)[1] == 0 for pid in pids)
        assert r.counts()["n_events"] == len(programs)


def worker(r, number, end):
    """Makes, changes, moves and starts programs; its exit status says whether all went as it should."""
    directory = os.path.join(r.area, "w%d" % number)
    os.mkdir(directory)
    n = 0
    while time.monotonic() < end:
        n += 1
        for step in (lambda: r.program("a", directory=directory), lambda: append(os.path.join(directory, "a")),
                     lambda: os.rename(os.path.join(directory, "a"), os.path.join(directory, "b"))):
            step()
            name = "b" if os.path.exists(os.path.join(directory, "b")) else "a"
            for _ in range(2):
                if not run(os.path.join(directory, name)):
                    return 1
        os.unlink(os.path.join(directory, "b"))
        if n % 5 == 0 and run(r.program("u", owner=USER, directory=directory)):
            return 2
        for name in ("u",):
            if os.path.exists(os.path.join(directory, name)):
                os.unlink(os.path.join(directory, name))
    return 0 if n > 2 else 3


def churn_without_a_false_answer(n_workers=10, seconds=CHURN_SECONDS, reload=False):
    with Rig() as r:
        r.table(STRICT)
        end = time.monotonic() + seconds
        pids = []
        for number in range(n_workers):
            pid = os.fork()
            if pid == 0:
                status = 99
                try:
                    status = worker(r, number, end)
                finally:
                    os._exit(status)
            pids.append(pid)
        n_tables = 0
        while time.monotonic() < end:
            if reload:
                # As fast as they are taken.
                r.table(STRICT, *("inode 99 %d deny p%d" % (i + 1, i) for i in range(n_tables % 50)))
                n_tables += 1
            else:
                r.drain(0.2)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        assert statuses == [0] * n_workers, statuses
        state = r.counts()
        assert state["n_restarts"] == 0 and state["n_events"] > 0, state
        return n_tables


def tables_change_under_load():
    with Rig() as r:
        good, bad = r.program("good"), r.program("bad")
        state = r.table(STRICT, inode(bad, "deny"))
        stop, wrong = threading.Event(), []

        def start_again():
            while not stop.is_set():
                if not run(good) or run(bad):
                    wrong.append(r.generation)

        thread = threading.Thread(target=start_again)
        thread.start()
        for n in range(1000):
            state = r.table(STRICT, inode(bad, "deny"), "path /nowhere/%d x" % n)
        stop.set()
        thread.join()
        assert not wrong and state["generation"] == 1001, (wrong, state)
    churn_without_a_false_answer(4, 2, reload=True)


def new_table_takes_back_what_was_remembered():
    with Rig() as r:
        good = r.program("good")
        for _ in range(20):
            r.table(STRICT)
            assert run(good) and run(good)
            r.table(STRICT, inode(good, "deny"))
            assert not run(good)


def refusals_are_counted_not_repeated():
    with Rig() as r:
        bad = r.program("bad")
        r.table(STRICT, inode(bad, "deny"))
        for _ in range(200):
            assert not run(bad)
        r.drain()
        assert len(r.denied) == 1, r.denied
        assert r.counts()["n_denied"] == 200
        # Different ones: no more than a burst of them.
        for i in range(100):
            assert not run(r.program("u%d" % i, owner=USER))
        r.drain()
        assert 20 <= len(r.denied) <= 45, len(r.denied)
        assert r.counts()["n_lost"] >= 50


def names_of_strangers_do_no_harm():
    with Rig() as r:
        r.table(STRICT)
        for name in ("with space", "new\nline", "\x1b[2J", "\u00e9" * 60, "x" * 250, "(deleted)"):
            assert not run(r.program(name, owner=USER)), name
            told = r.denial()["path"]
            assert told.startswith(r.area) and "\n" not in told and "\x1b" not in told, told
        raw = os.fsencode(os.path.join(r.area, "raw")) + b"\xff\xfe"
        os.rename(r.program("raw", owner=USER), raw)
        assert not run(raw)
        assert r.denial()["path"].endswith("raw??")


# --- the other end
def goes_on_without_the_enforcer():
    with Rig() as r:
        bad = r.program("bad")
        r.table(STRICT, inode(bad, "deny"))
        r.connection.close()
        r.listener.close()
        for _ in range(3):
            assert not run(bad)
        os.unlink(r.path)
        time.sleep(0.5)
        r.listen()
        hello = r.accept()
        assert hello["generation"] == 1, hello
        # What happened meanwhile is told, and once.
        told = r.denial()
        assert told["path"] == bad and told["count"] == 3, told
        assert not run(bad)
        assert r.counts()["generation"] == 2


def damaged_tables_are_refused():
    with Rig() as r:
        bad = r.program("bad")
        r.table(STRICT, inode(bad, "deny"))
        whole = make_table(9, [STRICT])
        for data, seals in ((whole[:-8], 0xf), (b"x" * 4096, 0xf), (whole, 0), (whole + b"\0" * 8, 0xf), (b"MDG1", 0xf)):
            r.send_table([], seals=seals, data=data)
            kind, state = r.receive()
            while kind != STATE:
                kind, state = r.receive()
            assert state["refused_table"] == 1 and state["generation"] == 1, state
            assert not run(bad)
        r.generation = 10
        state = r.table(STRICT)
        assert state["refused_table"] == 0 and run(bad), state


def end_lets_go():
    for how in ("message", "signal"):
        with Rig() as r:
            bad = r.program("bad")
            r.table(STRICT, inode(bad, "deny"))
            assert not run(bad)
            if how == "message":
                r.send(END)
            else:
                r.process.terminate()
            assert r.process.wait(10) == 0
            assert run(bad)


def confined():
    """What the two processes may still do, as /proc has it."""
    with Rig() as r:
        r.table(STRICT)
        keeper, verdict = r.process.pid, r.verdict()
        others = [pid for pid in children(keeper) if pid != verdict]
        assert len(others) == 1, others
        for pid, capabilities, filtered in ((keeper, 0x10200004, 0), (verdict, 0x200000, 2), (others[0], 0x10000000, 2)):
            status = status_of(pid)
            assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == capabilities, (pid, status["CapEff"])
            assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
            assert status["NoNewPrivs"] == "1" and int(status["Seccomp"]) == (0 if is_sanitized() else filtered), (pid, status)
            assert os.getpriority(os.PRIO_PROCESS, pid) == (-5 if pid == others[0] else -20)
        assert is_sanitized() or all(int(status_of(pid)["VmLck"].split()[0]) > 0 for pid in (verdict, keeper))
        # Neither holds a file of a file system that it judges, nor anything but what it needs.
        held = [readlink("/proc/%d/fd/%s" % (verdict, fd)) for fd in os.listdir("/proc/%d/fd" % verdict)]
        assert not any(h.startswith(r.area) for h in held) and len(held) <= 9, held
        # In fail-open mode the keeper does not keep a dead one's group alive.
        held = [readlink("/proc/%d/fd/%s" % (keeper, fd)) for fd in os.listdir("/proc/%d/fd" % keeper)]
        assert "anon_inode:[fanotify]" not in held, held


def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return {line.split(":")[0]: line.split(":", 1)[1].strip() for line in f}


def is_sanitized():
    """Then there is no filter and no locked memory."""
    return any("asan" in name for name in libraries())


def libraries():
    needed = subprocess.run(["readelf", "-d", os.path.join(os.path.abspath(sys.argv[1]), "mdm-agent-guard")], capture_output=True,
                            text=True, check=True).stdout
    return [line.split("[")[1].split("]")[0] for line in needed.splitlines() if "NEEDED" in line]


def links_the_c_library_alone():
    found = libraries()
    assert all(name.startswith(("libc.", "ld-")) for name in found) or is_sanitized(), found


if __name__ == "__main__":
    main([hello_says_what_can_be_done, table_allows_and_refuses, audit_only_tells, repeat_is_not_asked_again,
          write_drops_the_answer, answer_is_not_remembered_while_it_is_written, upgrade_by_rename, other_names_of_the_same_file,
          deleted_files_are_judged, memory_files_are_not_seen, loader_is_not_seen_but_noexec_helps, scripts_and_interpreters,
          interpreter_of_a_user_is_refused, foreign_devices_are_refused, hasher_goes_before_nobody, storms_are_answered, churn_without_a_false_answer,
          tables_change_under_load, new_table_takes_back_what_was_remembered,
          refusals_are_counted_not_repeated, names_of_strangers_do_no_harm, goes_on_without_the_enforcer,
          damaged_tables_are_refused, end_lets_go, confined, links_the_c_library_alone])
