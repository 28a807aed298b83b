#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-guard when its processes fall, hang or are stopped: whoever waits goes on: guard_falls.py OBJECT-TREE [TEST]…

The time is stated: at once where a process ends or is stopped, the table's answer_ms where it hangs. No test here
takes a time for a fault: what would hang is ended after LONG seconds and fails. Needs root."""

import fcntl
import glob
import hashlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from guard_rig import ALLOW_MODE, BUILD, GUARD, END, FAIL_CLOSED, PING, PONG, USER, Rig, children, inode, main, readlink, run, shim

STRICT = "set flags %d" % ALLOW_MODE
CLOSED = "set flags %d" % (ALLOW_MODE | FAIL_CLOSED)
LONG = 30
HANG_BYTES = 54321
SLOW_BYTES = 100001


class Waiting:
    """Starts a program on a thread of its own, and says how that ended."""

    def __init__(self, path):
        self.answer = None
        self.thread = threading.Thread(target=self.work, args=(path,), daemon=True)
        self.thread.start()

    def work(self, path):
        self.answer = run(path, timeout=LONG)

    def result(self):
        self.thread.join(LONG)
        assert not self.thread.is_alive(), "it still waits"
        return self.answer


def nobody_waits(r):
    """No process is left in the kernel's wait for an answer."""
    for stack in glob.glob("/proc/[0-9]*/wchan"):
        try:
            with open(stack, encoding="ascii") as f:
                what = f.read()
        except OSError:
            continue
        assert "fanotify" not in what, (stack, what)
    assert r.process.poll() is None


def killed_open():
    with Rig() as r:
        good, users = r.program("good"), r.program("users", owner=USER)
        r.table(STRICT)
        for n in range(1, 4):
            verdict = r.wait_verdict()
            os.kill(verdict, signal.SIGKILL)
            assert run(good)
            r.wait_verdict(other_than=verdict)
            # The new one has a group of its own, and all that was watched.
            state = r.receive()[1]
            while state.get("n_restarts") != n or state.get("generation") != 1:
                state = r.receive()[1]
            assert state["n_filesystems"] == 1, state
            assert not run(users)
        nobody_waits(r)


def stopped_open():
    """The keeper hears of it at once; what waits meanwhile runs."""
    with Rig() as r:
        r.table(STRICT)
        for n in range(5):
            verdict = r.wait_verdict()
            waits = [Waiting(r.program("p%d-%d" % (n, i))) for i in range(5)]
            os.kill(verdict, signal.SIGSTOP)
            waits += [Waiting(r.program("q%d-%d" % (n, i))) for i in range(5)]
            assert all(w.result() for w in waits)
            r.wait_verdict(other_than=verdict)
        nobody_waits(r)


def killed_and_stopped_closed():
    """Fail-closed: what the dead one had not answered is refused, the rest waits for the next."""
    with Rig() as r:
        good, users = r.program("good"), r.program("users", owner=USER)
        r.table(CLOSED)
        assert run(good)
        for how in (signal.SIGKILL, signal.SIGSTOP) * 3:
            verdict = r.wait_verdict()
            os.kill(verdict, how)
            for _ in range(20):
                assert not run(users), "in fail-closed mode somebody's program ran while nobody answered"
            r.wait_verdict(other_than=verdict)
        assert run(good)
        nobody_waits(r)
        # The policy changes: now the keeper keeps nothing.
        assert has_group(r.process.pid)
        r.table(STRICT)
        assert not has_group(r.process.pid)
        r.table(CLOSED)
        assert has_group(r.process.pid)
        assert not run(users)
        r.send(END)
        assert r.process.wait(10) == 0 and run(users)


def has_group(pid):
    return any(readlink("/proc/%d/fd/%s" % (pid, fd)) == "anon_inode:[fanotify]" for fd in os.listdir("/proc/%d/fd" % pid))


def hanging_program(r):
    path = r.program("hang")
    os.truncate(path, HANG_BYTES)
    return path


def hangs_open():
    """A fault that makes it work for ever: the kernel's timer ends it, whether or not the keeper is well."""
    with tempfile.TemporaryDirectory() as top:
        for keeper_is_stopped in (False, True):
            with Rig(env=dict(shim(top), GUARD_SHIM_HANG=str(HANG_BYTES))) as r:
                good, users = r.program("good"), r.program("users", owner=USER)
                r.table(STRICT, "set answer_ms 300")
                verdict = r.wait_verdict()
                if keeper_is_stopped:
                    r.process.send_signal(signal.SIGSTOP)
                assert run_or_broken(hanging_program(r))
                assert run(good)
                if keeper_is_stopped:
                    # Nobody answers, nobody is asked.
                    assert run(users)
                    r.process.send_signal(signal.SIGCONT)
                r.wait_verdict(other_than=verdict)
                while r.receive()[1].get("n_restarts", 0) < 1:
                    pass
                assert not run(users)
                nobody_waits(r)


def leases_hold_nobody_up():
    """Who owns a program may hold a lease on it; opening it then waits, for somebody who need not hurry."""
    for flags in (STRICT, CLOSED):
        with Rig() as r:
            good, users, held = r.program("good"), r.program("users", owner=USER), r.program("held", owner=USER)
            r.table(flags)
            verdict = r.wait_verdict()
            reader, writer = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.setresuid(USER, USER, USER)
                signal.signal(signal.SIGIO, signal.SIG_IGN)
                fd = os.open(held, os.O_RDWR)
                fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
                os.write(writer, b"!")
                time.sleep(2 * LONG)
                os._exit(0)
            assert os.read(reader, 1) == b"!"
            try:
                waits = [Waiting(held) for _ in range(5)]
                for _ in range(20):
                    assert run(good) and not run(users), "refused programs run while somebody holds a lease"
                assert not any(w.result() for w in waits)
                assert r.verdict() == verdict, "a lease ended the process that answers"
            finally:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                os.close(reader)
                os.close(writer)
            assert not run(held)
            nobody_waits(r)


def unreadable_programs_end_nothing():
    """The kernel refuses what it cannot open for the guard: a key that is missing, a disk that is broken."""
    with tempfile.TemporaryDirectory() as top:
        with Rig(env=dict(shim(top), GUARD_SHIM_ERRORS="126,5,117,22")) as r:
            users = r.program("users", owner=USER)
            r.table(STRICT)
            verdict = r.wait_verdict()
            for _ in range(12):
                assert not run(users)
            assert r.verdict() == verdict, "a program that cannot be read ended the process that answers"


def hangs_closed():
    with tempfile.TemporaryDirectory() as top:
        with Rig(env=dict(shim(top), GUARD_SHIM_HANG=str(HANG_BYTES))) as r:
            good = r.program("good")
            r.table(CLOSED, "set answer_ms 300")
            verdict = r.wait_verdict()
            assert not run_or_broken(hanging_program(r))
            r.wait_verdict(other_than=verdict)
            assert run(good)
            nobody_waits(r)


def run_or_broken(path):
    """A truncated program may run into ENOEXEC; then it was allowed."""
    try:
        return run(path, timeout=LONG)
    except OSError as e:
        assert e.errno in (8, 5, 22), e
        return True


def keeper_is_stopped():
    with Rig() as r:
        good, users = r.program("good"), r.program("users", owner=USER)
        r.table(STRICT)
        r.process.send_signal(signal.SIGSTOP)
        for i in range(50):
            assert run(good) and not run(users) and run(r.program("p%d" % i))
        r.process.send_signal(signal.SIGCONT)
        assert r.counts()["n_denied"] == 50


def keeper_is_killed():
    """All of it ends, and everything runs until the service manager starts it again."""
    with Rig() as r:
        for flags in (STRICT, CLOSED):
            users = r.program("users", owner=USER)
            r.table(flags)
            assert not run(users)
            pids = children(r.process.pid)
            r.process.kill()
            r.process.wait()
            assert run(users)
            end = time.monotonic() + LONG
            while any(os.path.exists("/proc/%d" % pid) and not is_zombie(pid) for pid in pids):
                assert time.monotonic() < end, "a child outlives the keeper"
                time.sleep(0.01)
            r.generation = 0
            assert r.start()["generation"] == 0


def keeper_answers_while_it_listens():
    """The enforcer finds out by this that it hangs; ending it is the enforcer's (guard_host.py)."""
    with Rig() as r:
        users = r.program("users", owner=USER)
        r.send(PING)
        assert r.receive()[0] == PONG, "asked before there is a table"
        r.table(STRICT)
        r.process.send_signal(signal.SIGSTOP)
        wait_stopped(r.process.pid)
        r.send(PING)
        assert not run(users), "while the keeper hangs the one that answers goes on"
        assert drain_kinds(r, 0.3) == [], "a stopped process answered"
        r.process.send_signal(signal.SIGCONT)
        while r.receive()[0] != PONG:
            pass


def drain_kinds(r, timeout):
    kinds = []
    try:
        while True:
            kinds.append(r.receive(timeout)[0])
    except (TimeoutError, socket.timeout):
        return kinds


def wait_stopped(pid):
    end = time.monotonic() + LONG
    while state_of(pid) != "T":
        assert time.monotonic() < end, "it does not stop"
        time.sleep(0.01)


def state_of(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def one_at_a_place():
    """A second one begins when the first has ended, not beside it; whose the place is can be asked."""
    with Rig() as r:
        with open(r.path + ".lock", "rb") as f:
            lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
            assert struct.unpack("hhqqi4x", fcntl.fcntl(f, fcntl.F_GETLK, lock))[4] == r.process.pid
        second = subprocess.run([GUARD, "--socket", r.path, "--mounts", r.area], capture_output=True, text=True,
                                timeout=LONG, check=False)
        assert second.returncode == 1 and "another guard" in second.stderr, second
        # One that waits for the end of the first takes its place.
        with open(os.path.join(r.top, "log"), "ab") as log:
            second = subprocess.Popen([GUARD, "--socket", r.path, "--mounts", r.area], stderr=log)
        try:
            r.send(END)
            assert r.process.wait(LONG) == 0
            assert r.accept()["keeper_pid"] == second.pid
        finally:
            second.kill()
            second.wait()


def manager_hears_that_it_lives():
    """WatchdogSec= of systemd, as sd_notify(3) has it: as long as the keeper's loop turns."""
    with tempfile.TemporaryDirectory() as top:
        for name in (os.path.join(top, "notify"), "\0mdm-guard-%d" % os.getpid()):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                s.bind(name)
                s.settimeout(LONG)
                env = {"NOTIFY_SOCKET": name.replace("\0", "@"), "WATCHDOG_USEC": "200000"}
                with Rig(env=env) as r:
                    for _ in range(5):
                        assert s.recv(100) == b"WATCHDOG=1"
                    r.process.send_signal(signal.SIGSTOP)
                    wait_stopped(r.process.pid)
                    s.settimeout(0.5)
                    try:
                        for _ in range(4):
                            s.recv(100)
                        raise AssertionError("it says that it lives, and is stopped")
                    except (TimeoutError, socket.timeout):
                        pass
        # It is for somebody else, or nonsense: nobody is told, and it goes on.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(os.path.join(top, "other"))
            for more in ({"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "0"}, {"NOTIFY_SOCKET": "x" * 200}):
                env = {"NOTIFY_SOCKET": os.path.join(top, "other"), "WATCHDOG_USEC": "20000", **more}
                with Rig(env=env) as r:
                    r.table(STRICT)
                    r.drain(0.2)
            s.setblocking(False)
            try:
                raise AssertionError(s.recv(100))
            except BlockingIOError:
                pass


def is_zombie(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def hasher_falls():
    with Rig() as r:
        users, good = r.program("users", owner=USER), r.program("good")
        r.table(STRICT, content_of(users))
        assert run(users)
        verdict = r.wait_verdict()
        hasher = next(pid for pid in children(r.process.pid) if pid != verdict)
        os.kill(hasher, signal.SIGKILL)
        # What cannot be read is not started; the rest goes on.
        assert run(good)
        end = time.monotonic() + LONG
        while not run(users):
            assert time.monotonic() < end, "nobody hashes any more"
            time.sleep(0.05)
        assert r.wait_verdict() == verdict


def hasher_of(r):
    verdict = r.wait_verdict()
    return next((pid for pid in children(r.process.pid) if pid != verdict), None)


def hasher_stops_or_hangs():
    """It is ended, and another one reads; what it had is refused, the rest goes on meanwhile."""
    with Rig() as r:
        users, good = r.program("users", owner=USER), r.program("good")
        r.table(STRICT, content_of(users))
        assert run(users)
        hasher = hasher_of(r)
        os.kill(hasher, signal.SIGSTOP)
        end = time.monotonic() + LONG
        while hasher_of(r) in (hasher, None) or not run(users):
            assert time.monotonic() < end and run(good), "one that is stopped is not replaced"
            time.sleep(0.05)
    with tempfile.TemporaryDirectory() as top:
        with Rig(env=dict(shim(top), GUARD_SHIM_READS="%d:-1" % SLOW_BYTES)) as r:
            users, good, slow = r.program("users", owner=USER), r.program("good"), slow_program(r, 0)
            r.table(STRICT, content_of(users), content_of(slow))
            verdict, hasher = r.wait_verdict(), hasher_of(r)
            waits = Waiting(slow)
            while waits.answer is None:
                assert run(good), "others wait with it"
                time.sleep(0.05)
            assert waits.result() is False and r.denial()["reason"] == "undecided"
            end = time.monotonic() + LONG
            while hasher_of(r) in (hasher, None) or not run(users):
                assert time.monotonic() < end, "one that hangs is not replaced"
                time.sleep(0.05)
            assert r.wait_verdict() == verdict


def hasher_has_a_long_queue():
    """Many large programs at once: some wait for too long, and it goes on with the others."""
    with tempfile.TemporaryDirectory() as top:
        with Rig(env=dict(shim(top), GUARD_SHIM_READS="%d:600" % SLOW_BYTES)) as r:
            programs = [slow_program(r, n) for n in range(8)]
            r.table(STRICT, content_of(programs[0]))
            hasher = hasher_of(r)
            waits = [Waiting(path) for path in programs]
            answers = [w.result() for w in waits]
            assert any(answers) and not all(answers), answers
            assert r.denial()["reason"] == "undecided"
            # Each that was read is known now; one after the other the rest is.
            for path in programs:
                end = time.monotonic() + LONG
                while not run(path):
                    assert time.monotonic() < end, "it is never read"
            assert hasher_of(r) == hasher, "it was ended while it worked"


def slow_program(r, n):
    path = r.program("slow%d" % n, owner=USER)
    os.truncate(path, SLOW_BYTES)
    return path


def killed_under_load():
    for flags in (STRICT, CLOSED):
        with Rig() as r:
            r.table(flags)
            end = time.monotonic() + 4
            pids = []
            for number in range(6):
                pid = os.fork()
                if pid == 0:
                    status = 99
                    try:
                        status = load(r, number, end)
                    finally:
                        os._exit(status)
                pids.append(pid)
            n = 0
            while time.monotonic() < end:
                verdict = r.verdict()
                if verdict:
                    try:
                        os.kill(verdict, signal.SIGKILL if n % 2 else signal.SIGSTOP)
                    except ProcessLookupError:
                        pass
                    n += 1
                time.sleep(0.05)
            statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
            assert statuses == [0] * 6 and n > 3, (statuses, n)
            nobody_waits(r)


def load(r, number, end):
    while time.monotonic() < end:
        run(r.program("w%d" % number), timeout=LONG)
    return 0


# --- how it is started
def bounded_as_by_a_service():
    """Nothing but what it keeps is in the bounding set; whoever starts it sees to priority and memory."""
    with Rig(start=False) as r:
        hello = r.start(prefix=["setpriv", "--bounding-set=-all,+sys_admin,+dac_read_search,+lease", "--no-new-privs"])
        assert "priority" in hello["note"], hello
        users = r.program("users", owner=USER, mode=0o700)
        r.table(STRICT, content_of(users))
        assert run(users) and not run(r.program("other", owner=USER, source="/bin/false"))


def detached():
    with Rig(start=False) as r:
        hello = r.start(argv=["--detach"])
        assert r.process.wait(10) == 0
        keeper = hello["keeper_pid"]
        assert keeper != r.process.pid and os.getsid(keeper) != os.getsid(0)
        r.table(STRICT)
        assert not run(r.program("users", owner=USER))
        r.send(END)
        end = time.monotonic() + LONG
        while os.path.exists("/proc/%d" % keeper) and not is_zombie(keeper):
            assert time.monotonic() < end, "it does not end"
            time.sleep(0.01)


def listens_to_root_alone():
    with Rig(start=False) as r:
        r.listener.close()
        os.unlink(r.path)
        os.chmod(r.top, 0o777)
        os.seteuid(USER)
        try:
            r.listen()
            os.chmod(r.path, 0o777)
        finally:
            os.seteuid(0)
        try:
            r.start()
            raise AssertionError("it talked to somebody else's socket")
        except EOFError:
            pass
        r.listener.close()
        r.listen()
        assert r.accept()["keeper_pid"] == r.process.pid


def usage():
    for argv, status in (["--help"], 0), (["--version"], 0), (["--nothing"], 2), (["word"], 2), (["--socket", "x" * 108], 2):
        done = subprocess.run([GUARD, *argv], capture_output=True, text=True, timeout=LONG, check=False)
        assert done.returncode == status, (argv, done)
        assert "mdm-agent-guard" in done.stdout + done.stderr, done


def kernels_that_do_not_ask():
    """Said by the guard, which ends, and by mdm-agentd --probe, which tries it without one."""
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        for absent in ("init", "mark"):
            env = dict(shim(top), GUARD_SHIM_ABSENT=absent)
            with Rig(start=False, env=env) as r:
                assert r.start()["has_permissions"] == 0
                assert r.process.wait(LONG) == 3
            row = probed(dict(os.environ, **env))
            assert row["support"] == "missing" and "none can be refused" in row["detail"], row
            assert "packages and Flatpaks are still removed" in row["detail"], row
        row = probed(os.environ)
        assert row["support"] == "works" and row["detail"] == "tried: the kernel asks before it starts a program", row
        # Where everybody may reach it.
        copy = shutil.copy(os.path.join(BUILD, "mdm-agentd"), top)
        row = probed(os.environ, "setpriv", "--reuid", str(USER), "--clear-groups", program=copy)
        assert row["support"] == "works" and "by root alone" in row["detail"], row


def probed(env, *prefix, program=os.path.join(BUILD, "mdm-agentd")):
    done = subprocess.run([*prefix, program, "--probe", "--json"], env=env, capture_output=True, timeout=LONG, check=True)
    return next(row for row in json.loads(done.stdout)["settings"] if (row["area"], row["setting"]) == ("apps", "guard"))


def largest_table():
    """All that the limits allow: taken, searched, and no reason for the watch to bite."""
    with Rig() as r:
        bad = r.program("bad")
        lines = ["inode 99 %d allow p%d" % (i + 1, i % 5000) for i in range(256 * 1024 - 1)]
        lines += ["path /usr/lib/refused/%d p%d" % (i, i % 5000) for i in range(65536)]
        for _ in range(3):
            state = r.table(STRICT, inode(bad, "deny"), *lines)
            assert not run(bad) and state["n_restarts"] == 0, state
        verdict = r.wait_verdict()
        with open("/proc/%d/status" % verdict, encoding="utf-8") as f:
            assert any(line.startswith("VmLck") for line in f)


def content_of(path):
    with open(path, "rb") as f:
        return "hash " + hashlib.sha256(f.read()).hexdigest()


if __name__ == "__main__":
    main([killed_open, stopped_open, killed_and_stopped_closed, hangs_open, leases_hold_nobody_up, unreadable_programs_end_nothing,
          hangs_closed, keeper_is_stopped, keeper_is_killed,
          keeper_answers_while_it_listens, one_at_a_place, manager_hears_that_it_lives,
          hasher_falls, hasher_stops_or_hangs, hasher_has_a_long_queue, killed_under_load, bounded_as_by_a_service, detached, listens_to_root_alone, usage, kernels_that_do_not_ask, largest_table])
