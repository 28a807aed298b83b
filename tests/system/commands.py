#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands from mdmctl to the phone and back: what a phone does, what it tells, and what is left of
them after kill -9, without a server, and after the phone has left. Real agents, the real server.

Usage: commands.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import os
import re
import signal
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, Server, check, run_tests
from agent_rig import LOCKER, Agent, wait_for


class Fleet:
    """An organisation, its server and one phone with a policy in force."""

    def __init__(self, base):
        os.chmod(base, 0o755)
        self.base, self.admin = base, Admin(base)
        self.server = Server(self.admin)
        self.admin.policy("p.json", {"screen_lock": {"enabled": True, "idle_delay": 120}})
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        self.admin.ok("policy", "push", "p.jws")
        # No bus: what a command does to the sessions of this machine is not tested here.
        self.phone = Agent(base, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}).start()
        self.before = self.phone.read()
        self.enrol()

    def enrol(self):
        self.phone.enrol(self.admin.json("ticket", "new", "--group", "staff")["uri"])
        wait_for("the policy\n" + self.phone.log(),
                 lambda: self.phone.effective().get("screen_lock.idle_delay") == 120)
        self.device = self.phone.status()["device"]

    def order(self, verb, *arguments):
        """Signs a command and sends it; its id."""
        return self.admin.json("command", verb, *arguments, "--device", self.device)["id"]

    def told(self, command):
        """What the administrator sees of a command."""
        return self.admin.json("command", "show", command)

    def states(self, command):
        return [step["state"] for step in self.told(command)["history"]]

    def on_phone(self, command):
        rows = self.phone.json("command", "list")["commands"]
        return next((row for row in rows if row["id"] == command), None)

    def wait_state(self, command, *states):
        return wait_for("%s of %s\n%s" % (states, command, self.phone.log()), lambda: (
            lambda row: row if row and row["state"] in states else None)(self.on_phone(command)))

    def kill(self):
        self.phone.stop(signal.SIGKILL)

    def pause(self):
        self.server.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.server.process.send_signal(signal.SIGCONT)

    def close(self):
        self.resume()
        self.phone.stop(signal.SIGKILL)
        self.server.__exit__()


def with_fleet(function):
    def run(base):
        fleet = Fleet(base)
        try:
            function(fleet)
        finally:
            fleet.close()
    run.__name__ = function.__name__
    return run


@with_fleet
def test_sync(fleet):
    """Ordered, accepted, running, done: told to the administrator in this order, done once."""
    command = fleet.order("sync")
    check(fleet.states(command) == ["queued"], fleet.told(command))
    check(fleet.phone.sync() == 0, fleet.phone.log())
    row = fleet.wait_state(command, "done")
    check(row["verb"] == "sync" and row["reason"] == "", row)
    check(fleet.phone.sync() == 0, fleet.phone.log())
    check(fleet.states(command) == ["queued", "delivered", "accepted", "running", "done"],
          fleet.told(command))
    records = [r["data"]["state"] for r in fleet.phone.journal("command") if r["data"]["id"] == command]
    check(records == ["accepted", "running", "done"], records)
    accepted = [r["data"] for r in fleet.phone.journal("document_accepted") if r["data"]["type"] == "command"]
    check(len(accepted) == 1 and accepted[0]["id"] == command and len(accepted[0]["signers"]) == 1, accepted)
    # The page for people, and the status line that is not there when all went well.
    check("sync: done" in fleet.phone.ok("command", "list"))
    check(fleet.phone.status()["commands"] == {"running": None, "failed": None})
    check(set(fleet.phone.json("command", "list")) == {"commands", "nonce_age_s"})


@with_fleet
def test_a_whole_report(fleet):
    """What sync is for: every section is in the report again, though the server had them all."""
    fleet.phone.sync()
    lean = fleet.phone.json("privacy")["last_report"]["sections"]
    check(not any("body" in section for section in lean.values()), lean)
    command = fleet.order("sync")
    seen = {}

    def whole():
        sections = fleet.phone.json("privacy")["last_report"]["sections"]
        seen.update({n: True for n, s in sections.items() if "body" in s})
        row = fleet.on_phone(command)
        return row and row["state"] == "done"

    fleet.phone.sync()
    wait_for("sync\n" + fleet.phone.log(), whole)
    check({"compliance", "inventory", "agent"} <= set(seen), seen)


@with_fleet
def test_kill_between_accepted_and_done(fleet):
    """kill -9 while a command runs: interrupted, told, never run again; the one behind it runs."""
    first, second = fleet.order("reboot", "delay=3600"), fleet.order("sync")
    fleet.phone.sync()
    fleet.wait_state(first, "running")
    check(fleet.on_phone(second)["state"] == "accepted")
    check(fleet.phone.status()["commands"]["running"]["id"] == first)
    fleet.kill()
    fleet.phone.start()
    row = fleet.wait_state(first, "interrupted")
    check(row["detail"], row)
    fleet.wait_state(second, "done")
    check("interrupted" in fleet.phone.ok("status"))
    fleet.phone.sync()
    check(fleet.states(first)[-1] == "interrupted", fleet.told(first))
    check(fleet.states(second)[-1] == "done", fleet.told(second))
    runs = [r for r in fleet.phone.journal("command")
            if r["data"]["id"] == first and r["data"]["state"] == "running"]
    check(len(runs) == 1, runs)


@with_fleet
def test_damaged_ledger(fleet):
    """A record that cannot be read: a problem that is shown; what is signed afterwards is done."""
    fleet.phone.sync()
    first = fleet.order("sync")
    fleet.phone.sync()
    fleet.wait_state(first, "done")
    fleet.phone.stop()
    path = os.path.join(fleet.phone.state, "commands")
    with open(path, "r+b") as f:
        data = bytearray(f.read())
        data[len(data) // 2] ^= 1
        f.seek(0)
        f.write(data)
    fleet.phone.start()
    check(any("record of commands" in p["what"] for p in fleet.phone.status()["problems"]))
    check(any(r["data"].get("what") == "commands" for r in fleet.phone.journal("recovered")))
    check(os.path.exists(path + ".broken"))
    time.sleep(1.1)  # dates are in seconds, and the floor is one
    second = fleet.order("sync")
    fleet.phone.sync()
    fleet.wait_state(second, "done")


def gone(fleet):
    # An agent that starts or leaves may have no answer yet.
    return fleet.phone.status().get("enrolled") is False


@with_fleet
def test_unenroll(fleet):
    """Everything is given back, the administrator sees it done, and nothing of it is left."""
    check(fleet.phone.read() != fleet.before, "no rule is in force")
    command = fleet.order("unenroll")
    fleet.phone.sync()
    wait_for("the end of the enrolment\n" + fleet.phone.log(), lambda: gone(fleet))
    check(fleet.phone.read() == fleet.before, fleet.phone.read())
    told = fleet.told(command)
    check(fleet.states(command) == ["queued", "delivered", "accepted", "running", "done"], told)
    check("left the organisation" in told["detail"], told)
    check(fleet.phone.json("command", "list")["commands"] == [])
    check(not os.path.exists(os.path.join(fleet.phone.state, "net", "key.pem")))
    check([r for r in fleet.phone.journal("unenrolled")][-1]["data"]["everything_restored"])
    # It stays away over a restart, and may come back with a new ticket, and obeys again.
    fleet.phone.stop()
    fleet.phone.start()
    check(gone(fleet) and fleet.phone.read() == fleet.before)
    fleet.enrol()
    time.sleep(1.1)  # dates are in seconds, and the floor is one
    again = fleet.order("sync")
    fleet.phone.sync()
    fleet.wait_state(again, "done")


@with_fleet
def test_unenroll_without_server(fleet):
    """The server is gone when the phone is about to leave: it leaves."""
    blocker, command = fleet.order("reboot", "delay=3600"), fleet.order("unenroll")
    fleet.phone.sync()
    fleet.wait_state(blocker, "running")
    fleet.kill()
    fleet.server.__exit__()
    fleet.phone.start()
    wait_for("the end of the enrolment\n" + fleet.phone.log(), lambda: gone(fleet))
    check(fleet.phone.read() == fleet.before)
    done = [r["data"]["state"] for r in fleet.phone.journal("command") if r["data"]["id"] == command]
    check(done == ["accepted", "running", "done"], done)


@with_fleet
def test_kill_while_leaving(fleet):
    """kill -9 after the phone began to leave: it goes on leaving, and still says so."""
    blocker, command = fleet.order("reboot", "delay=3600"), fleet.order("unenroll")
    fleet.phone.sync()
    fleet.wait_state(blocker, "running")
    fleet.kill()
    # The first report, which says that it runs, hangs.
    fleet.pause()
    fleet.phone.start()
    fleet.wait_state(command, "running")
    check(fleet.phone.read() != fleet.before, "it gave back before it said so")
    fleet.kill()
    fleet.resume()
    fleet.phone.start()
    wait_for("the end of the enrolment\n" + fleet.phone.log(), lambda: gone(fleet))
    check(fleet.phone.read() == fleet.before)
    check(fleet.states(command)[-1] == "done", fleet.told(command))
    check(fleet.states(blocker)[-1] == "interrupted", fleet.told(blocker))


if __name__ == "__main__":
    sys.exit(run_tests([f for n, f in list(globals().items()) if re.match("test_", n)]))
