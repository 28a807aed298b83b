#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Being woken by a push service: a real phone whose user runs a distributor of UnifiedPush (a double,
both versions of the interfaces, on a private session bus) and a real mdm-server.

Usage: push.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import ctypes
import json
import os
import shutil
import signal
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Admin, Server, Skip, check, run_tests
from agent_rig import Agent, wait_for
from push_rig import Distributor
from session_rig import Desktop, LOGIN_PATH, Login, MANAGER, SESSION

TESTS = []
PTRACE_SEIZE, WALL = 0x4206, 0x40000000
URL = "https://push.example.org/up/1?up=1"


def test(function):
    TESTS.append(function)
    return function


class Field:
    """A phone with somebody logged in, enrolled under a policy that allows push or does not."""

    def __init__(self, base, push=True, active=True):
        os.chmod(base, 0o755)
        self.base, self.delay, self.open = base, 900, []
        try:
            self.login = self.keep(Login(base))
            self.desktop = self.keep(Desktop(base, service=False))
            self.session = self.login.session("c1", uid=self.desktop.uid, active=active)
            helper = os.path.join(base, "mdm-agent-session")
            shutil.copy(os.path.join(BUILD, "mdm-agent-session"), helper)
            self.admin = Admin(base)
            self.server = Server(self.admin)
            self.policy(push)
            self.phone = Agent(base, options=["--session-program", helper, "--runtime-dir", self.desktop.runtime],
                               env={"DBUS_SYSTEM_BUS_ADDRESS": self.login.bus.address})
        except BaseException:
            self.__exit__()
            raise

    def keep(self, thing):
        self.open.append(thing)
        return thing

    def distributor(self, **options):
        return self.keep(Distributor(self.desktop, self.base, **options))

    def start(self):
        self.phone.start()
        self.phone.enrol(self.admin.json("ticket", "new", "--group", "staff")["uri"])
        wait_for("the policy", lambda: self.phone.effective().get("screen_lock.idle_delay") == self.delay)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        if hasattr(self, "phone"):
            self.phone.stop()
        if hasattr(self, "server"):
            self.server.__exit__()
        for thing in reversed(self.open):
            thing.close()

    def policy(self, push):
        self.delay -= 10
        self.admin.file("p.json", json.dumps({
            "checkin": {"interval": 3600, "jitter": 0, "push": push}, "profiles": [{"id": "p", "settings": {
                "screen_lock": {"enabled": True, "idle_delay": self.delay}}}]}))
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        self.admin.ok("policy", "push", "p.jws")

    def push(self):
        return self.phone.status()["wake"].get("push")

    def tokens(self):
        return self.phone.status()["wake"]["tokens"]

    def registered(self):
        return self.push() == {"state": "registered", "service": "push.example.org"}

    def program(self):
        """The process in the user's session."""
        with open("/proc/%d/task/%d/children" % ((self.phone.process.pid,) * 2)) as f:
            children = f.read().split()
        for pid in children:
            # Not the name of the process: below an emulation that and the first two words are its.
            with open("/proc/%s/cmdline" % pid) as f:
                if any(w.endswith("/mdm-agent-session") for w in f.read().split("\0")[:3]):
                    return int(pid)
        raise AssertionError("there is none")

    def report(self):
        return self.phone.json("privacy")["last_report"]


def registers_and_wakes(base, version):
    with Field(base) as field:
        service = field.distributor(version=version)
        field.start()
        wait_for("the registration", field.registered)
        # It goes out by itself, a minute after the last report; here nobody waits for that.
        check(field.phone.sync() == 0 and field.report().get("push") == URL, field.report())
        token = service.until("register")[2]
        check(len(token) == 32, token)
        check(field.phone.status()["enrolment"] not in service.log()[1], service.log())
        check("push.example.org" in field.phone.ok("status"), field.phone.ok("status"))
        # A message for somebody else is none; of ours nothing is read but that it came.
        field.policy(True)
        service.order("stranger")
        service.until("obeyed")
        time.sleep(1)
        check(field.phone.effective()["screen_lock.idle_delay"] == field.delay + 10)
        service.order("push", "1", "4096")
        wait_for("the policy", lambda: field.phone.effective()["screen_lock.idle_delay"] == field.delay)
        # The policy takes it back: nothing of the agent is left at the service.
        field.policy(False)
        check(field.phone.sync() == 0)
        check(service.until("unregister")[1] == token, service.log())
        wait_for("the end", lambda: field.push() is None)
        check(field.phone.sync() == 0 and "push" not in field.report())


@test
def test_version_2(base):
    registers_and_wakes(base, 2)


@test
def test_version_1(base):
    registers_and_wakes(base, 1)


@test
def test_hostile_session(base):
    """What runs in the session may say what it likes: addresses that are none, messages without end."""
    with Field(base) as field:
        service = field.distributor()
        field.start()
        wait_for("the registration", field.registered)
        for endpoint in ("http://push.example.org/", "https://u@push.example.org/", "https://push.example.org/\"x",
                         "https://push.example.org/" + "a" * 300, "file:///etc/passwd", "https://10.0.0.1/../x"):
            service.order("endpoint", endpoint)
        service.until("obeyed", 6)
        time.sleep(0.5)
        check(field.registered(), field.push())
        tokens, began = field.tokens(), time.monotonic()
        for _ in range(10):
            service.order("push", "100", "1")
        service.until("obeyed", 16)
        wait_for("the wake", lambda: field.tokens() < tokens)
        time.sleep(7)
        # One for the first, then one in five seconds, however long a busy machine took to send them all;
        # and the registration's, which may have been told only now.
        left = field.tokens()
        check(left >= tokens - 2 - int((time.monotonic() - began) / 5), field.phone.status()["wake"])
        # A new address is told to the server, which costs a token; a withdrawn registration, too.
        check(field.phone.sync() == 0)
        tokens = field.tokens()
        service.order("endpoint", "https://push.example.org/up/2")
        service.until("obeyed", 17)
        wait_for("its price", lambda: field.tokens() < tokens)
        wait_for("the new address", lambda: field.phone.sync() == 0 and
                 field.report().get("push") == "https://push.example.org/up/2")
        service.order("unregistered")
        wait_for("the end", lambda: field.push()["state"] == "ended" and field.push()["service"] is None)


@test
def test_strangers_log_nobody_out(base):
    """Who is in front of the screen is logind's word, not that of everybody on the bus."""
    with Field(base) as field:
        service = field.distributor()
        field.start()
        wait_for("the registration", field.registered)
        field.login.forge((LOGIN_PATH, MANAGER, "SessionRemoved", "so", "c1", LOGIN_PATH + "/session/c1"))
        time.sleep(1)
        check(field.registered(), field.push())
        check(sum("register" == line.split()[0] for line in service.log()) == 1, service.log())


def clings_to(pid):
    """Traces a process and does not look at it: killed, it does not end for its parent, as it would
    hang in a file system of the user's own that does not answer. What lets it go; None: not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, pid, None, None) != 0:
        return None
    return lambda: os.waitpid(pid, WALL)


@test
def test_program_that_does_not_end(base):
    """The agent goes on while the program in the user's session hangs."""
    with Field(base) as field:
        field.distributor()
        field.start()
        wait_for("the registration", field.registered)
        pid = field.program()
        release = clings_to(pid)
        if not release:
            raise Skip("processes may not be traced here")
        field.session.UpdateProperties(SESSION, {"Active": False})
        # Who is dropped is killed; the agent answers all the same.
        wait_for("the end of the session", lambda: field.push() == {"state": "no_session", "service": None})
        check(os.path.exists("/proc/%d" % pid), "it has ended")
        check(field.phone.sync() == 0)
        release()


@test
def test_wanted_again(base):
    """Taken back and given again while the program hangs: what it has is taken, then it starts anew."""
    with Field(base) as field:
        service = field.distributor()
        field.start()
        wait_for("the registration", field.registered)
        pid = field.program()
        os.kill(pid, signal.SIGSTOP)
        for push in (False, True):
            field.policy(push)
            check(field.phone.sync() == 0)
            wait_for("the policy", lambda: field.phone.effective()["screen_lock.idle_delay"] == field.delay)
        service.until("register", 2)
        wait_for("the registration", field.registered)


@test
def test_without_service(base):
    """Nothing in the session offers push; then something does. No distributor, no harm."""
    with Field(base) as field:
        field.start()
        wait_for("the search", lambda: field.push() == {"state": "no_service", "service": None})
        check(field.phone.sync() == 0 and "push" not in field.report())


@test
def test_refused(base):
    with Field(base) as field:
        service = field.distributor(refuse=True)
        field.start()
        wait_for("the refusal", lambda: field.push() == {"state": "refused", "service": None})
        check(sum("register" == line.split()[0] for line in service.log()) == 1, service.log())


@test
def test_not_allowed_and_nobody_there(base):
    """Without the policy nobody is asked; with it somebody has to be in front of the screen."""
    with Field(base, push=False, active=False) as field:
        service = field.distributor()
        field.start()
        check(field.phone.sync() == 0)
        time.sleep(1)
        check(service.log() == ["serving"] and field.push() is None, service.log())
        field.policy(True)
        check(field.phone.sync() == 0)
        wait_for("the search", lambda: field.push() == {"state": "no_session", "service": None})
        check(service.log() == ["serving"], service.log())


@test
def test_may_stay_for_months(base):
    """Unlike the program that shows a notification it has no bound on its time, and keeps the others."""
    with Field(base) as field:
        field.distributor()
        field.start()
        wait_for("the registration", field.registered)
        with open("/proc/%d/limits" % field.program()) as f:
            limits = {line[:25].strip(): line[25:].split()[1] for line in f}
        check(limits["Max cpu time"] == "unlimited", limits)
        check((limits["Max core file size"], limits["Max file size"], limits["Max open files"]) == ("0", "4096", "16"), limits)


@test
def test_restart_keeps_the_registration(base):
    """The agent ends and starts: the service hears the same token again, and no end of it."""
    with Field(base) as field:
        service = field.distributor()
        field.start()
        wait_for("the registration", field.registered)
        token = service.until("register")[2]
        field.phone.stop()
        field.phone.start()
        wait_for("the registration", field.registered)
        check(service.until("register", 2)[2] == token)
        check(not any(line.startswith("unregister") for line in service.log()), service.log())


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
