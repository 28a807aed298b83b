#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The enforcer and its guard: started where the policy wants it, given its table, started anew when
it falls, ended when nobody wants it. The real agent and server; the guard is played by the test,
which says and hears what the table of messages has, so that it can fall, lie and be silent. As root
there is one more, with the real guard on a file system of its own, in a private mount namespace.

Usage: guard_host.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import contextlib
import ctypes
import mmap
import os
import queue
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Admin, Server, Skip, check, run_tests
from agent_rig import Agent, wait_for

HELLO, TABLE, STATE, DENIED, END, PING, PONG = 48, 49, 50, 51, 52, 53, 54
MAGIC = 0x3147444D
AUDIT, ENFORCE = 0, 1
ALLOW_MODE, NO_USER_PROGRAMS, FAIL_CLOSED = 1, 2, 4
R_BLOCKED, R_USER_PROGRAM = 1, 3
DATABASE = """P:{0}
V:1-r0
A:x86_64
F:usr/bin
R:{0}
a:0:0:755

"""


class Guard:
    """One that connects. Whether it listens is asked at any time, and answered beside the test."""

    def __init__(self, path, answers=True):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.connect(path)
        self.table = None
        self.answers, self.asked = answers, 0
        self.came = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self.s, 4096, 4)
                if data[:4] == struct.pack("=I", PING):
                    self.asked += 1
                    if self.answers:
                        self.send(PONG, bytes(8))
                    continue
            except OSError:
                data, fds = b"", []
            self.came.put((data, fds))
            if not data:
                return

    def send(self, kind, body):
        self.s.send(struct.pack("=II", kind, len(body)) + body)

    def hello(self, generation=0, permissions=1, note=b"", version=0):
        self.send(HELLO, struct.pack("=IIIIQ257s7x", permissions, 0, os.getpid(), version, generation, note))
        return self

    def state(self, generation, refused=0, restarts=0, unwatched=b""):
        self.send(STATE, struct.pack("=QIIIIQQQ257s7x", generation, 1, int(bool(unwatched)), restarts,
                                     refused, 0, 0, 0, unwatched))

    def denied(self, owner=b"", path=b"/usr/bin/game", uid=10000, reason=R_BLOCKED, audit=0, count=1):
        self.send(DENIED, struct.pack("=QQqIIIII65s257s2x", 1, 2, int(time.time()), 1, uid, reason,
                                      audit, count, owner, path))

    def receive(self, patience=60):
        """Kind of the next message; a table is mapped and checked."""
        try:
            data, fds = self.came.get(timeout=patience)
        except queue.Empty:
            return None
        if not data:
            return 0
        kind, size = struct.unpack("=II", data[:8])
        check(size == len(data) - 8, "size", size)
        if kind == TABLE:
            check(len(fds) == 1, "a table comes with its memory")
            self.take(fds[0])
        for fd in fds:
            os.close(fd)
        return kind

    def take(self, fd):
        n = os.fstat(fd).st_size
        # Nobody can change it behind the guard's back, not even the agent.
        for flags, protection in ((mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE),):
            try:
                mmap.mmap(fd, n, flags, protection)
            except (PermissionError, OSError):
                continue
            raise AssertionError("the table can be written")
        try:
            os.ftruncate(fd, n - 1)
            raise AssertionError("the table can be cut")
        except PermissionError:
            pass
        self.table = mmap.mmap(fd, n, mmap.MAP_PRIVATE, mmap.PROT_READ)[:]
        (magic, size, self.generation, self.mode, self.flags, self.uid_min, self.answer_ms,
         _, _, _, self.n_paths) = struct.unpack("=IIQIIIIIIII", self.table[:48])
        check((magic, size) == (MAGIC, n), "header", magic, size, n)

    def in_force(self):
        """Takes a table and says so."""
        kind = self.receive()
        check(kind == TABLE, "no table but", kind)
        self.state(self.generation)
        return self

    def close(self):
        # Whoever reads from it holds it open.
        with contextlib.suppress(OSError):
            self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()


class Phone:
    """An enrolled phone whose guard is a program that only notes that it was started."""

    def __init__(self, base, settings, packages=("game", "tool"), program=None):
        os.chmod(base, 0o755)
        self.base, self.admin = base, Admin(base)
        self.server = Server(self.admin)
        self.starts_file = os.path.join(base, "starts")
        wrapper = os.path.join(base, "guard")
        with open(wrapper, "w") as f:
            f.write("#!/bin/sh\necho \"$@\" >>%s\n%s" % (self.starts_file, program or ""))
        os.chmod(wrapper, 0o755)
        self.push({"apps": settings})
        self.agent = Agent(base, options=["--guard-program", wrapper], files={
            "lib/apk/db/installed": "".join(DATABASE.format(p) for p in packages),
            "etc/apk/world": "".join(p + "\n" for p in packages),
            "proc/self/mountinfo": "21 1 253:0 / / rw - ext4 /dev/dm-0 rw\n"
                                   "22 21 8:1 / /run/media/ada/x rw - vfat /dev/sda1 rw\n",
        }, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
        for package in packages:
            self.agent.write("usr/bin/" + package, "")
            os.chmod(self.agent.path("usr/bin/" + package), 0o755)
        self.agent.start()
        self.path = os.path.join(self.agent.base, "guard.sock")

    def push(self, settings):
        self.admin.policy("p.json", settings)
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        self.admin.ok("policy", "push", "p.jws")

    def policy(self, **settings):
        self.push({"apps": settings})
        self.agent.sync()

    def enrol(self):
        self.agent.enrol(self.admin.json("ticket", "new", "--group", "staff")["uri"])
        return self

    def starts(self):
        try:
            with open(self.starts_file) as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def wait_starts(self, n):
        wait_for("start %d of the guard, after %s\n%s" % (n, self.starts(), self.agent.log()),
                 lambda: len(self.starts()) >= n)

    def guard(self):
        return self.agent.status()["guard"]

    def wait_guard(self, state):
        wait_for("a guard that is %s, not %s\n%s" % (state, self.guard(), self.agent.log()),
                 lambda: self.guard()["state"] == state)

    def setting(self, name):
        for row in self.agent.json("compliance")["settings"]:
            if (row["area"], row["setting"]) == ("apps", name):
                return row
        return None

    def wait_setting(self, name, state):
        return wait_for("%s to be %s, not %s\n%s" % (name, state, self.setting(name), self.agent.log()),
                        lambda: (lambda r: r if r and r["state"] == state else None)(self.setting(name)))

    def journal(self):
        return [r["data"]["what"] for r in self.agent.journal("guard")]

    def close(self):
        self.agent.stop()
        self.server.__exit__()


def with_phone(settings, enrol=True, **options):
    def decorate(function):
        def run(base):
            phone = Phone(base, settings, **options)
            try:
                if enrol:
                    phone.enrol()
                function(phone)
            finally:
                phone.close()
        run.__name__ = function.__name__
        return run
    return decorate


@with_phone({"mode": "deny", "blocked": ["game"], "guard": "enforce", "user_programs": False})
def test_story(phone):
    """Started, given its table, in force; the policy is met only when the guard says so."""
    phone.wait_starts(1)
    check(phone.starts()[0] == "--socket %s --detach" % phone.path, phone.starts())
    check(phone.setting("guard")["state"] == "pending", phone.setting("guard"))
    check(phone.setting("user_programs")["state"] == "pending", phone.setting("user_programs"))
    g = Guard(phone.path).hello()
    check(g.receive() == TABLE, "no table")
    check((g.mode, g.flags) == (ENFORCE, NO_USER_PROGRAMS), g.mode, g.flags)
    check(g.uid_min == 1000 and g.answer_ms == 3000, g.uid_min, g.answer_ms)
    check(g.n_paths == 1 and b"game\0" in g.table and b"tool\0" not in g.table, g.n_paths)
    check(phone.setting("guard")["state"] == "pending", "a table was sent, and nobody said it is in force")
    g.state(g.generation + 1)
    check(phone.setting("guard")["state"] == "pending", "another table is in force")
    g.state(g.generation)
    check(phone.wait_setting("guard", "compliant")["observed"] == "enforce", phone.setting("guard"))
    phone.wait_setting("user_programs", "compliant")
    check(phone.guard()["state"] == "in_force" and phone.guard()["mode"] == "enforce", phone.guard())
    # A package comes: another table; what was in force goes on to count meanwhile.
    before = g.generation
    phone.agent.write("usr/bin/editor", "")
    os.chmod(phone.agent.path("usr/bin/editor"), 0o755)
    phone.agent.write("lib/apk/db/new", "".join(DATABASE.format(p) for p in ("game", "tool", "editor")))
    os.rename(phone.agent.path("lib/apk/db/new"), phone.agent.path("lib/apk/db/installed"))
    check(g.receive() == TABLE and g.generation != before, "no other table for other packages")
    check(phone.setting("guard")["state"] == "compliant", phone.setting("guard"))
    g.state(g.generation)
    # Another policy: what is in force does not count any more.
    phone.policy(mode="allow", allowed=["tool"], blocked=["game"], guard="enforce", guard_failure="closed")
    check(g.receive() == TABLE, "no table for another policy")
    check(phone.setting("guard")["state"] == "pending", phone.setting("guard"))
    check(g.flags == ALLOW_MODE | FAIL_CLOSED, g.flags)
    g.state(g.generation)
    phone.wait_setting("guard_failure", "compliant")
    # Nobody wants one any more.
    phone.policy(mode="deny", blocked=["game"])
    check(g.receive() == END, "it is not ended")
    g.close()
    check(phone.guard()["state"] == "off", phone.guard())
    check(len(phone.starts()) == 1, phone.starts())


@with_phone({"mode": "deny", "guard": "audit"})
def test_outlives_the_agent(phone):
    """An agent that starts again finds its guard, and sends nothing that it has already."""
    phone.wait_starts(1)
    g = Guard(phone.path).hello().in_force()
    phone.wait_guard("in_force")
    check(phone.guard()["mode"] == "audit", phone.guard())
    phone.agent.stop()
    check(g.receive() == 0, "the agent ended and its guard was told something")
    generation = g.generation
    phone.agent.start()
    g = Guard(phone.path).hello(generation)
    phone.wait_guard("in_force")
    check(g.receive(1) is None, "the same table was sent again")
    g.close()


@with_phone({"mode": "deny", "guard": "enforce"})
def test_falls(phone):
    """It is started at once when it falls, and later and later when it does so again and again."""
    phone.wait_starts(1)
    Guard(phone.path).hello().in_force().close()
    phone.wait_starts(2)
    g = Guard(phone.path).hello()
    check(g.receive() == TABLE, "no table")
    begin = time.monotonic()
    g.close()
    phone.wait_starts(3)
    check(time.monotonic() - begin >= 0.9, "the second fall in a row does not make it wait")
    check(phone.setting("guard")["reason"] == "guard_down", phone.setting("guard"))
    check(any("guard" in p["what"] for p in phone.agent.status()["problems"]), phone.agent.status()["problems"])
    g = Guard(phone.path).hello().in_force()
    phone.wait_guard("in_force")
    phone.wait_setting("guard", "compliant")
    g.state(g.generation)
    check(not any("guard" in p["what"] for p in phone.agent.status()["problems"]), "a problem stays")
    check(phone.journal().count("fell") >= 2 and "in_force" in phone.journal(), phone.journal())


@with_phone({"mode": "deny", "guard": "enforce"})
def test_silent(phone):
    """It is in force only while it answers: one that hangs is told of and started again."""
    phone.wait_starts(1)
    g = Guard(phone.path).hello().in_force()
    phone.wait_setting("guard", "compliant")
    check(phone.guard()["state"] == "in_force", phone.guard())
    wait_for("it to be asked", lambda: g.asked > 0)
    g.answers = False
    # Whoever looks has it asked.
    check(phone.guard()["state"] == "in_force", phone.guard())
    phone.wait_setting("guard", "noncompliant")
    row = phone.setting("guard")
    check(row["reason"] == "guard_down" and "did not answer" in row["detail"], row)
    problems = phone.agent.status()["problems"]
    check(any("did not answer" in p["what"] for p in problems), problems)
    check(g.receive() == 0, "it is not let go of")
    g.close()
    phone.wait_starts(2)
    g = Guard(phone.path).hello().in_force()
    phone.wait_setting("guard", "compliant")
    # One that says nothing at all is no guard either.
    g.close()
    phone.wait_starts(3)
    g = Guard(phone.path)
    check(g.receive() == 0, "one that says nothing is waited for")
    check("fell" in phone.journal(), phone.journal())


@with_phone({"mode": "deny", "guard": "enforce", "guard_failure": "open"})
def test_absent(phone):
    """A kernel that does not ask: said, and not tried over and over."""
    phone.wait_starts(1)
    g = Guard(phone.path).hello(permissions=0, note=b"fanotify_mark: Invalid argument")
    row = phone.wait_setting("guard", "unsupported")
    check(row["reason"] == "guard_absent" and "fanotify" in row["detail"], row)
    g.close()
    time.sleep(2)
    check(len(phone.starts()) == 1, phone.starts())
    check(phone.guard()["state"] == "absent", phone.guard())


@with_phone({"mode": "deny", "guard": "enforce"})
def test_lies(phone):
    """Whoever says what no guard says is let go of; a newer guard replaces an older one."""
    phone.wait_starts(1)
    for nonsense in (b"", b"x", struct.pack("=II", STATE, 4) + b"abcd", struct.pack("=II8x", END, 8),
                     struct.pack("=II8x", TABLE, 8), struct.pack("=IIQIIIIQQQ257s7x", STATE, 312, 1, 0, 0, 0,
                                                                0, 0, 0, 0, b"\xff" * 257)):
        g = Guard(phone.path)
        g.s.send(nonsense)
        # Told to end, or an older one would come again and again.
        if nonsense:
            check(g.receive() == END, "it is not told to end", nonsense)
        check(g.receive() == 0, "it goes on", nonsense)
        g.close()
    first = Guard(phone.path).hello().in_force()
    phone.wait_guard("in_force")
    second = Guard(phone.path).hello().in_force()
    check(first.receive() == END and first.receive() == 0, "two guards")
    phone.wait_guard("in_force")
    second.state(second.generation, refused=1)
    wait_for("the journal to say so", lambda: "refused_table" in phone.journal())
    second.state(second.generation, restarts=1, unwatched=b"/media/x: fuse")
    wait_for("the journal to say so", lambda: {"restarted", "unwatched"} <= set(phone.journal()))
    wait_for("the place to be named", lambda: "/media/x" in phone.setting("guard")["detail"])
    check(os.stat(phone.path).st_mode & 0o777 == 0o600, "others may connect")


@with_phone({"mode": "deny", "guard": "enforce"})
def test_older(phone):
    """A guard outlives the agent, but not its upgrade."""
    phone.wait_starts(1)
    g = Guard(phone.path).hello(version=4711)
    check(g.receive() == END, "an older one goes on")
    g.close()
    phone.wait_starts(2)
    newer = Guard(phone.path).hello().in_force()
    phone.wait_guard("in_force")
    newer.close()


@with_phone({"mode": "deny", "blocked": ["game"], "guard": "enforce"})
def test_denials(phone):
    """Into the journal, once an hour for each program, with the count; without names of users."""
    phone.wait_starts(1)
    g = Guard(phone.path).hello().in_force()
    for _ in range(50):
        g.denied(b"game")
    g.denied(b"", b"/home/ada/Games/x.AppImage", reason=R_USER_PROGRAM)
    wait_for("both in the status", lambda: phone.guard()["denied"] == 51)
    records = [r["data"] for r in phone.agent.journal("exec_denied")]
    check(len(records) == 2, records)
    check(records[0]["owner"] == "game" and records[0]["reason"] == "blocked", records)
    check(records[1]["path"] == "~/.../x.AppImage" and records[1]["reason"] == "user_program", records)
    check("ada" not in str(records) + str(phone.guard()), records, phone.guard())
    check([d["program"] for d in phone.guard()["last"]] == ["x.AppImage", "game"], phone.guard())
    check(phone.guard()["last"][1]["count"] == 50, phone.guard())
    # The administrator hears of it.
    check(phone.agent.sync() == 0, phone.agent.log())


@with_phone({"guard": "enforce"})
def test_nothing_to_refuse(phone):
    """Enforced, in force, and without a mode: nothing is refused, and that is said."""
    phone.wait_starts(1)
    g = Guard(phone.path).hello().in_force()
    row = phone.wait_setting("guard", "compliant")
    check("nothing is refused" in row["detail"] and "apps.mode" in row["detail"], row)
    page = " ".join(phone.agent.ok("status").split())
    check("nothing is refused: the policy sets no apps.mode" in page, page)
    phone.policy(guard="enforce", user_programs=False)
    g.in_force()
    wait_for("it to be said no more", lambda: "nothing" not in phone.setting("guard")["detail"])
    phone.policy(guard="enforce", mode="off")
    g.in_force()
    wait_for("it to be said again", lambda: "nothing is refused" in phone.setting("guard")["detail"])
    g.close()


@with_phone({"mode": "deny", "guard": "enforce"})
def test_leaving(phone):
    """With the enrolment the guard goes."""
    phone.wait_starts(1)
    g = Guard(phone.path).hello().in_force()
    phone.wait_guard("in_force")
    phone.agent.ok("unenroll", "--yes")
    check(g.receive() == END, "it is not ended")
    check(phone.guard()["state"] == "off", phone.guard())


@with_phone({"mode": "deny", "guard": "enforce"}, enrol=False)
def test_not_enrolled(phone):
    """One that is left over from somewhere is ended."""
    check(Guard(phone.path).hello(7).receive() == END, "it goes on")
    check(phone.starts() == [], phone.starts())


def starts(program, uid=0):
    """Whether it may be started, within a time that is no hang."""
    try:
        subprocess.run([program], check=True, timeout=20, user=uid, group=uid, extra_groups=[])
    except PermissionError:
        return False
    return True


def guards(base):
    """Processes of the guard that watches this directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"mdm-agent-guard") and base.encode() in words:
            found.append(int(pid))
    return found


def keeper_of(base):
    """The first of its processes; None."""
    found = guards(base)
    return next((pid for pid in found if parent_of(pid) not in found), None)


def parent_of(pid):
    with contextlib.suppress(OSError):
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    return None


def real(phone, base):
    game, tool = phone.agent.path("usr/bin/game"), phone.agent.path("usr/bin/tool")
    home = phone.agent.path("home/ada")
    os.makedirs(home)
    os.chown(home, 10000, 10000)
    for program in (game, tool, os.path.join(home, "own")):
        shutil.copy("/bin/true", program)
    os.chown(os.path.join(home, "own"), 10000, 10000)
    check(starts(game) and starts(tool) and starts(os.path.join(home, "own"), 10000), "before there is a guard")
    phone.enrol()
    phone.wait_guard("in_force")
    phone.wait_setting("guard", "compliant")
    phone.wait_setting("user_programs", "compliant")
    check(not starts(game) and starts(tool), "the table is in force and does not hold")
    check(not starts(os.path.join(home, "own"), 10000), "a user's own program")
    # An upgrade: another file at the same place.
    shutil.copy("/bin/true", game + ".new")
    os.rename(game + ".new", game)
    check(not starts(game), "an upgraded program is another one")
    wait_for("the journal to know", lambda: {r["data"].get("owner") for r in phone.agent.journal("exec_denied")}
             >= {"game"})
    wait_for("the status to know of both", lambda: {d["reason"] for d in phone.guard()["last"]} ==
             {"blocked", "user_program"})
    # All of it is killed, and stopped: what may run runs, and what may not soon does not again.
    for how in (signal.SIGKILL, signal.SIGSTOP):
        before = guards(base)
        check(before, "no guard runs")
        for pid in before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        if how == signal.SIGSTOP:
            # Nobody is left to answer: the kernel keeps it waiting, until somebody ends them.
            for pid in before:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        check(starts(tool), "a phone without a guard stands still")
        wait_for("the guard to be back after %s\n%s" % (how, phone.agent.log()), lambda: not starts(game))
        print("# %s: judged again after %.1f s" % (how.name, time.monotonic() - begin))
    phone.wait_setting("guard", "compliant")
    # The one that talks to the agent hangs: it still judges, by the last table. It is found out, and another one comes.
    keeper = keeper_of(base)
    os.kill(keeper, signal.SIGSTOP)
    check(not starts(game) and starts(tool), "nobody judges while the keeper hangs")
    phone.guard()
    wait_for("a guard that hangs to be replaced\n" + phone.agent.log(), lambda: keeper not in guards(base))
    wait_for("the next one to judge\n" + phone.agent.log(), lambda: keeper_of(base) and not starts(game))
    phone.wait_guard("in_force")
    check(any("did not answer" in r["data"].get("detail", "") for r in phone.agent.journal("guard")), phone.journal())
    # Likewise one that hangs since before the agent came: it has the place of the next one.
    keeper = keeper_of(base)
    phone.agent.stop(signal.SIGKILL)
    os.kill(keeper, signal.SIGSTOP)
    phone.agent.start()
    wait_for("one that never comes to be replaced\n" + phone.agent.log(), lambda: keeper not in guards(base))
    phone.wait_guard("in_force")
    check(not starts(game) and starts(tool), "the table is in force and does not hold")
    # The agent goes, and the guard stays; it comes back, and both find each other.
    phone.agent.stop(signal.SIGKILL)
    check(not starts(game) and starts(tool), "nothing holds without the agent")
    n = len(phone.starts())
    phone.agent.start()
    phone.wait_guard("in_force")
    check(len(phone.starts()) == n, "a guard was there and another one was started")
    # Nobody wants it any more, and it does not hear of that.
    os.kill(keeper_of(base), signal.SIGSTOP)
    phone.agent.ok("unenroll", "--yes")
    wait_for("everything to run again", lambda: starts(game) and starts(os.path.join(home, "own"), 10000))
    wait_for("the guard to end", lambda: not guards(base))


def test_real(base):
    """The agent and the real guard."""
    if os.geteuid() != 0:
        raise Skip("fanotify's questions need root")
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.mount(b"guarded", base.encode(), b"tmpfs", 0, b"mode=755") == 0, "mount", ctypes.get_errno())
    phone = None
    try:
        phone = Phone(base, {"mode": "deny", "blocked": ["game"], "guard": "enforce", "user_programs": False},
                      program="exec %s/mdm-agent-guard --mounts %s \"$@\"\n" % (BUILD, base))
        real(phone, base)
    finally:
        for pid in guards(base):
            # The others end with the first one.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if phone:
            phone.close()
        libc.umount2(base.encode(), 2)


if __name__ == "__main__":
    if os.geteuid() == 0 and "MDM_GUARD_HOST_NS" not in os.environ and shutil.which("unshare"):
        os.execvpe("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv],
                   dict(os.environ, MDM_GUARD_HOST_NS="1"))
    sys.exit(run_tests([test_real, test_story, test_outlives_the_agent, test_falls, test_silent, test_absent, test_lies, test_older, test_denials,
                        test_nothing_to_refuse, test_leaving, test_not_enrolled], beside=4))
