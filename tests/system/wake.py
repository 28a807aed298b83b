#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Being woken: a real phone that waits at the real mdm-server while its policy says so, and acts at
once on what an administrator does; servers that are old, silent, dead or never quiet.

Usage: wake.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import socket
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, Server, Skip, check, run_tests
from agent_rig import Agent, wait_for
from stolen_server import Rogue

ALWAYS = {"time": {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}}
TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Field:
    """An administrator, a server, a phone that follows "staff" and may wait all week."""

    def __init__(self, base, long_poll=True, files=()):
        os.chmod(base, 0o755)
        self.admin, self.delay = Admin(base), 900
        self.server = Server(self.admin)
        self.port = int(self.server.url.rsplit(":", 1)[1])
        self.policy(long_poll)
        self.phone = Agent(base, files=files).start()

    def __enter__(self):
        try:
            self.phone.enrol(self.admin.json("ticket", "new", "--group", "staff")["uri"])
            wait_for("the first policy", lambda: self.enforced(self.delay))
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *args):
        self.phone.stop()
        if self.server:
            self.server.__exit__()

    def policy(self, long_poll=True):
        """Pushes the next policy: an hour between check-ins, another idle_delay."""
        self.delay -= 10
        checkin = {"interval": 3600, "jitter": 0}
        if long_poll:
            checkin["long_poll"] = ALWAYS if long_poll is True else long_poll
        self.admin.file("p.json", json.dumps({
            "checkin": checkin, "profiles": [{"id": "p", "settings": {
                "screen_lock": {"enabled": True, "idle_delay": self.delay}}}]}))
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        began = time.monotonic()
        self.admin.ok("policy", "push", "p.jws")
        return began

    def enforced(self, delay):
        return self.phone.effective().get("screen_lock.idle_delay") == delay

    def wake(self):
        return self.phone.status()["wake"]

    def waits(self):
        """The phone is at the server, by its own word and by that of the server."""
        return self.wake()["state"] == "waiting" and self.wake()["transport"] == "long_poll"

    def roles(self):
        """The processes of the net role that this agent has."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % pid) as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
                # Not the name of the process: below an emulation that and the first two words are its.
                with open("/proc/%s/cmdline" % pid) as f:
                    words = f.read().split("\0")[:3]
            except (OSError, IndexError):
                continue
            if parent == self.phone.process.pid and any(w.endswith("/mdm-agent-net") for w in words):
                found.append(int(pid))
        return found


@test
def test_acts_at_once(base):
    """What is pushed is in force, and a command done, long before the next check-in would be."""
    with Field(base) as field:
        worst = 0.0
        for _ in range(3):
            wait_for("the phone to wait", field.waits)
            began = field.policy()
            wait_for("the policy", lambda: field.enforced(field.delay))
            worst = max(worst, time.monotonic() - began)
        check(field.wake()["tokens"] <= 7, field.wake())
        print("# an order is in force %.2f s after mdmctl began to send it" % worst)
        wait_for("the phone to wait", field.waits)
        field.admin.ok("command", "sync", "--device", field.phone.status()["device"])
        wait_for("the command", lambda: any(r["data"]["verb"] == "sync" and r["data"]["state"] == "done"
                                            for r in field.phone.journal("command")))


@test
def test_only_while_the_policy_says_so(base):
    with Field(base, long_poll=False) as field:
        check(field.wake()["transport"] is None and field.wake()["state"] == "off", field.wake())
        wait_for("no process of the role", lambda: field.roles() == [])
        field.policy(True)
        check(field.phone.sync() == 0)
        wait_for("the phone to wait", field.waits)
        field.policy(False)
        wait_for("the end of waiting", lambda: field.enforced(field.delay) and
                 field.wake()["state"] == "off" and field.roles() == [])


CHARGER = "sys/class/power_supply/usb/"


def plug(phone, online):
    """The file changes, and the phone hears what its kernel would say. Anybody's word is a reason to
    look, but only root may speak to such a socket."""
    phone.write(CHARGER + "online", "%d\n" % online)
    lines = ["change@/devices/usb", "ACTION=change", "SUBSYSTEM=power_supply",
             "POWER_SUPPLY_NAME=usb", "POWER_SUPPLY_ONLINE=%d" % online]
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as s:  # NETLINK_KOBJECT_UEVENT
        try:
            s.sendto("".join(line + "\0" for line in lines).encode(), (phone.process.pid, 0))
        except PermissionError:
            raise Skip("it needs root to play the kernel") from None


@test
def test_while_it_charges(base):
    """On the charger it waits and obeys at once; off the charger nothing of it is left."""
    with Field(base, {"charging": {"is": True}}, {CHARGER + "type": "USB\n", CHARGER + "online": "0\n"}) as field:
        wait_for("no process of the role", lambda: field.roles() == [])
        check(field.wake()["state"] == "off", field.wake())
        for _ in range(2):
            plug(field.phone, 1)
            wait_for("the phone to wait", field.waits)
            command = field.admin.json("command", "sync", "--device", field.phone.status()["device"])["id"]
            wait_for("the command", lambda c=command: any(
                r["data"]["id"] == c and r["data"]["state"] == "done"
                for r in field.phone.journal("command")))
            wait_for("the phone to wait", field.waits)
            plug(field.phone, 0)
            wait_for("the end of waiting", lambda: field.wake()["state"] == "off" and field.roles() == [])


def cost(role):
    """Context switches and ticks of a process so far."""
    with open("/proc/%d/status" % role) as f:
        switches = sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
    with open("/proc/%d/stat" % role) as f:
        return switches, sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))


@test
def test_one_quiet_role(base):
    """One process of the role, which is not running while it waits; none of it beside a check-in,
    after a restart only when a check-in brought a mark, and none without an enrolment."""
    with Field(base) as field:
        wait_for("the phone to wait", field.waits)
        seen = []

        def quiet():
            # A phone may still have something to tell of its first policy: it checks in by itself, and
            # another process waits afterwards. What was just forked is not yet called the role.
            try:
                seen.append([(role, cost(role)) for role in field.roles()])
            except (FileNotFoundError, ProcessLookupError):
                seen.append([])
            time.sleep(1)
            return len(seen) > 3 and len(seen[-1]) == 1 and seen[-1] == seen[-2] == seen[-3]
        wait_for("two seconds without a switch", quiet)
        ((role, _),) = seen[-1]
        check(field.phone.sync() == 0)
        wait_for("the phone to wait again", field.waits)
        found = wait_for("its process", field.roles)
        check(role not in found and len(found) == 1, role, found)
        field.phone.stop()
        field.phone.start()
        check(field.wake()["state"] == "off", field.wake())
        check(field.phone.sync() == 0)
        wait_for("the phone to wait", field.waits)
        field.phone.ok("unenroll", "--yes")
        check(field.roles() == [], field.roles())


def waits_and_checkins(rogue, seconds=0):
    time.sleep(seconds)
    return sum(1 for _, path, _ in rogue.requests if path.startswith("/v1/wait")), rogue.checkins()


@test
def test_servers_that_misbehave(base):
    with Field(base) as field:
        phone = field.phone
        wait_for("the phone to wait", field.waits)
        # The end of the server ends the wait; the phone pauses.
        field.server.process.kill()
        wait_for("a pause", lambda: field.wake()["state"] == "pausing" and field.roles() == [])
        field.server.__exit__()
        field.server = None
        check(phone.sync() != 0)
        check(field.wake()["state"] == "pausing", field.wake())
        with Rogue(field.admin, field.port) as rogue:
            def begin(answer, wait):
                phone.stop()
                phone.start()
                del rogue.requests[:]
                rogue.answer, rogue.wait = answer, wait
                check(phone.sync() == 0)
            marked = (204, {"MDM-Mark": "1000000"}, b"")
            # Always "news" with nothing behind: a few check-ins, then a pause.
            begin(marked, (200, {}, b""))
            wait_for("the wake", lambda: waits_and_checkins(rogue)[1] >= 2)
            waits, checkins = waits_and_checkins(rogue, 4)
            check(waits <= 2 and checkins <= 3, waits, checkins)
            check(field.wake()["tokens"] < 10, field.wake())
            # Never lets the phone wait: asked a minute later, not again and again.
            begin(marked, (204, {}, b""))
            wait_for("the wait", lambda: waits_and_checkins(rogue)[0] >= 1)
            check(waits_and_checkins(rogue, 4) == (1, 1), [path for _, path, _ in rogue.requests])
            check(field.wake()["state"] == "pausing", field.wake())
            # Overloaded, and says for how long.
            begin(marked, (503, {"Retry-After": "7200"}, b""))
            wait_for("the refusal", lambda: waits_and_checkins(rogue)[0] >= 1 and
                     field.wake()["state"] == "pausing")
            check(phone.sync() == 0)
            check(waits_and_checkins(rogue, 3)[0] == 1, [path for _, path, _ in rogue.requests])
            # Older than the agent: not asked again, and check-ins go on.
            begin(marked, None)
            wait_for("the refusal", lambda: field.wake()["state"] == "refused")
            check(phone.sync() == 0 and phone.sync() == 0)
            check(waits_and_checkins(rogue, 1)[0] == 1, [path for _, path, _ in rogue.requests])
            # Sends no mark: nobody waits.
            begin((204, {}, b""), (200, {}, b""))
            check(waits_and_checkins(rogue, 2)[0] == 0, [path for _, path, _ in rogue.requests])
            check(field.wake()["state"] == "off", field.wake())


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
