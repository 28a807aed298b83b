#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a running agent says of LUKS volumes: with what they are encrypted, at once; whether an empty passphrase opens
them, when it has tried, and over restarts without trying again. Real agents, server, mdmctl and cryptsetup(8). The
disks are image files in made-up phones, as the device mapper is not there everywhere.

Usage: empty_passphrase.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import check, run_tests
from agent_rig import wait_for
from recovery_rig import CRYPTSETUP, QUICK, with_disks

# An agent that starts while its machine does waits two minutes before it tries, and a quarter longer.
TRIAL = 240
RULES = {"encryption": {"forbid_empty_passphrase": True, "min_version": 2, "min_kdf": "argon2id", "max_keyslots": 1}}


def cryptsetup(*args):
    r = subprocess.run([CRYPTSETUP, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    check(r.returncode == 0, args, r.stderr)


class Counted:
    """A cryptsetup of the phone that writes down each keyslot at which a passphrase is tried."""

    def __init__(self, disks):
        self.disks, agent = disks, disks.agent
        # That the phone has one is seen in its own tree.
        agent.write("usr/sbin/cryptsetup", "")
        self.log = os.path.join(agent.base, "trials")
        program = os.path.join(agent.base, "cryptsetup")
        with open(program, "w") as f:
            f.write('#!/bin/sh\ncase "$*" in *--test-passphrase*) echo "$*" >>%s ;; esac\nexec %s "$@"\n' % (self.log, CRYPTSETUP))
        os.chmod(program, 0o755)
        agent.options[agent.options.index("--cryptsetup-program") + 1] = program
        self.restart()

    def restart(self):
        agent = self.disks.agent
        agent.stop(signal.SIGKILL)
        agent.start()
        self.disks.phone.settled()

    def trials(self):
        if not os.path.exists(self.log):
            return 0
        with open(self.log) as f:
            return len(f.readlines())

    def said(self, setting="forbid_empty_passphrase"):
        rows = {r["setting"]: r for r in self.disks.agent.json("compliance")["settings"]}
        row = rows.get(setting, {"state": None, "reason": None})  # of an agent that has just begun
        return row["state"], row["reason"]

    def until(self, *wanted):
        wait_for("%s, not %s\n%s" % (wanted, self.said(), self.disks.agent.log()), lambda: self.said() == wanted, TRIAL)


def add_empty(disks, slot):
    """An empty regular file is the empty passphrase; an empty pipe would be none."""
    key, empty = (os.path.join(disks.agent.base, n) for n in ("key", "empty"))
    for path, text in ((key, disks.passphrase), (empty, "")):
        with open(path, "w") as f:
            f.write(text)
    cryptsetup("luksAddKey", *QUICK, "--key-slot", str(slot), "--key-file", key, disks.images["root"], empty)


@with_disks(settings=RULES)
def test_judged_in_a_running_agent(disks):
    """Never tried, does not open, opens, does not open again: each seen by itself; a restart asks nobody again."""
    counted = Counted(disks)
    well = ("compliant", "ok")
    # The header says the rest at once.
    wait_for("the header's settings\n" + disks.agent.log(), lambda: counted.said("min_version") == well)
    check(counted.said("min_kdf") == ("noncompliant", "weaker"), counted.said("min_kdf"))
    check(counted.said("max_keyslots") == well, counted.said("max_keyslots"))
    counted.until(*well)
    check(counted.trials() == 1, counted.trials())
    counted.restart()
    wait_for("what was known before the restart", lambda: counted.said() == well)
    check(counted.trials() == 1, "tried again after a restart")
    # Somebody makes it easier to start the phone.
    add_empty(disks, 3)
    wait_for("the new keyslot to be seen", lambda: counted.said("max_keyslots") == ("noncompliant", "weaker"))
    counted.restart()
    # What is not known for a day after a trial is known soon after a start.
    counted.until("noncompliant", "empty_passphrase")
    # Of both keyslots.
    check(counted.trials() == 3, counted.trials())
    counted.restart()
    wait_for("what was known before the restart", lambda: counted.said() == ("noncompliant", "empty_passphrase"))
    rows = [r for r in disks.agent.json("compliance")["settings"] if r["setting"] == "forbid_empty_passphrase"]
    check("root (mmcblk0p2)" in str(rows), rows)
    # Put right, it is what was tried at the beginning.
    disks.kill_slot("root", 3)
    counted.until(*well)
    check(counted.trials() == 3, counted.trials())
    # What was remembered goes with the enrolment.
    path = os.path.join(disks.agent.state, "trials")
    check(os.path.exists(path))
    disks.agent.ok("unenroll", "--yes")
    check(not os.path.exists(path))


@with_disks(settings=RULES)
def test_a_damaged_memory(disks):
    """Costs a trial, and nothing else."""
    counted = Counted(disks)
    counted.until("compliant", "ok")
    with open(os.path.join(disks.agent.state, "trials"), "a") as f:
        f.write("opens\n")
    counted.restart()
    check(counted.said() != ("compliant", "ok") or counted.trials() == 2, counted.said(), counted.trials())
    counted.until("compliant", "ok")
    check(counted.trials() == 2, counted.trials())
    check("trials in " in disks.agent.log())


if __name__ == "__main__":
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
