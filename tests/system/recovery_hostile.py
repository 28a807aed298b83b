#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recovery keys where things go wrong at the worst moment: cryptsetup that is killed, an owner who changes keyslots meanwhile,
an organisation that lost its key, private disks, a full state directory. As recovery.py; cryptsetup(8) is the real one behind
a shell script that delays or ends single calls.

Usage: recovery_hostile.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, check, run_tests
from agent_rig import wait_for
from recovery_rig import CRYPTSETUP, QUICK, crypto_lock, cryptsetup, with_disks

BEHIND = ("no such action", 0)  # a script that does nothing yet
OWN = "the owner's new one"
KILLED = "case \" $* \" in *' luksAddKey '*) kill -9 $$ ;; esac"


def behind(disks, body):
    """What the script does before the real one, from the next call on."""
    path = os.path.join(disks.agent.base, "cryptsetup")
    with open(path + ".new", "w") as f:
        f.write("#!/bin/sh\n%s\nexec %s \"$@\"\n" % (body, CRYPTSETUP))
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)


def begun(disks, *args):
    """agentctl escrow, which is not waited for."""
    child = subprocess.Popen([os.path.join(BUILD, "agentctl"), "--socket", disks.agent.socket, "escrow", "--json", *args],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.stdin.write(disks.passphrase + "\n")
    child.stdin.close()
    return child


def add_own(disks):
    check(cryptsetup("luksAddKey", *QUICK, disks.images["root"], key=disks.passphrase, new=OWN) == 0)
    check(disks.opens(OWN))


def record(disks):
    """Lines of what the agent remembers that are about keyslots of no key."""
    with open(os.path.join(disks.agent.state, "recovery")) as f:
        return [line.strip() for line in f if line.split(" ")[0] in ("making", "makingseal", "stray")]


def looked_at_again(disks):
    """Once on being asked, once by itself after a start, once when the server has a key."""
    disks.look()
    disks.agent.stop()
    disks.agent.start()
    disks.phone.settled()
    disks.look()


@with_disks(slow=BEHIND)
def test_adding_is_killed_then_the_owner_adds(disks):
    """The first free keyslot, which was to be the agent's, is the owner's from then on."""
    behind(disks, KILLED)
    r = disks.escrow()
    check(r.returncode == 1 and json.loads(r.stdout)["volumes"][0]["state"] == "failed", r)
    behind(disks, "")
    check(disks.slots() == [0] and record(disks) == [], record(disks))
    add_own(disks)
    check(disks.slots() == [0, 1])
    looked_at_again(disks)
    check(disks.slots() == [0, 1] and disks.opens(OWN, slot=1), disks.agent.log())
    check(disks.made()[0]["slot"] == 2)
    disks.acknowledged()
    looked_at_again(disks)
    check(disks.slots() == [0, 1, 2] and disks.opens(OWN, slot=1), disks.agent.log())


@with_disks(slow=BEHIND)
def test_a_new_key_is_killed_then_the_owner_adds(disks):
    """The same where there is a key, which is looked at whenever keyslots change."""
    disks.made()
    disks.acknowledged()
    behind(disks, KILLED)
    check(disks.escrow("--new").returncode == 1)
    behind(disks, "")
    add_own(disks)
    check([v["state"] for v in disks.look()] == ["present"])
    looked_at_again(disks)
    check(disks.slots() == [0, 1, 2] and disks.opens(OWN, slot=2), disks.agent.log())


@with_disks(slow=BEHIND)
def test_the_owner_adds_while_the_passphrase_is_tried(disks):
    """The keyslot that was free is not any more: the next one is taken, and the owner's stays."""
    mark = os.path.join(disks.agent.base, "tried")
    behind(disks, "case \" $* \" in *' --test-passphrase '*) : > %s; /bin/sleep 4 ;; esac" % mark)
    child = begun(disks)
    wait_for("the passphrase to be tried", lambda: os.path.exists(mark))
    add_own(disks)
    behind(disks, "")
    out = json.loads(child.stdout.read())["volumes"][0]
    check(child.wait() == 0 and out["state"] == "sealed" and out["slot"] == 2, out)
    check(disks.slots() == [0, 1, 2] and disks.opens(OWN, slot=1))


@with_disks(slow=BEHIND)
def test_the_owner_adds_while_the_agent_does(disks):
    """Both take the same keyslot, and the owner is the faster: the agent's fails, and nobody's is removed."""
    mark = os.path.join(disks.agent.base, "adding")
    behind(disks, "case \" $* \" in *' luksAddKey '*) : > %s; /bin/sleep 4 ;; esac" % mark)
    child = begun(disks)
    wait_for("the key to be added", lambda: os.path.exists(mark))
    add_own(disks)
    out = json.loads(child.stdout.read())["volumes"][0]
    check(child.wait() == 1 and out["state"] == "failed", out)
    check(disks.slots() == [0, 1] and disks.opens(OWN, slot=1) and record(disks) == [], record(disks))
    looked_at_again(disks)
    check(disks.slots() == [0, 1] and disks.opens(OWN, slot=1), disks.agent.log())


@with_disks(slow=BEHIND)
def test_what_fails_after_it_was_added_is_removed(disks):
    """It is the agent's own, and proved to be."""
    mark = os.path.join(disks.agent.base, "added")
    behind(disks, "case \" $* \" in *' luksAddKey '*) : > %s ;; *' --test-passphrase '*) [ ! -e %s ] || exit 1 ;; esac"
           % (mark, mark))
    check(disks.escrow().returncode == 1)
    check(disks.slots() == [0] and record(disks) == [], disks.slots(), record(disks))


@with_disks(slow=BEHIND)
def test_the_agent_is_killed_after_adding(disks):
    """With its seal on record the keyslot goes; without, nobody can tell whose it is: it stays, and people are told."""
    mark = os.path.join(disks.agent.base, "added")
    behind(disks, "case \" $* \" in *' luksAddKey '*) : > %s ;; *' --test-passphrase '*) [ ! -e %s ] || /bin/sleep 8 ;; esac"
           % (mark, mark))
    child = begun(disks)
    wait_for("its seal", lambda: os.path.exists(mark) and any(line.startswith("makingseal") for line in record(disks)))
    disks.agent.stop(signal.SIGKILL)
    child.wait(30)
    check(disks.slots() == [0, 1])
    behind(disks, "")
    disks.agent.start()
    disks.phone.settled()
    disks.look()
    wait_for("the keyslot to go\n" + disks.agent.log(), lambda: disks.slots() == [0] and record(disks) == [])

    os.unlink(mark)
    behind(disks, "case \" $* \" in *' luksAddKey '*) %s \"$@\"; : > %s; /bin/sleep 8; exit 1 ;; esac" % (CRYPTSETUP, mark))
    child = begun(disks)
    wait_for("the keyslot", lambda: os.path.exists(mark))
    disks.agent.stop(signal.SIGKILL)
    child.wait(30)
    behind(disks, "")
    disks.agent.start()
    disks.phone.settled()
    (volume,) = disks.look()
    check(disks.slots() == [0, 1] and record(disks) == ["stray 1"], disks.slots(), record(disks))
    check("keyslot 1" in volume["detail"] and "luksKillSlot" in volume["detail"], volume)
    check("left alone" in disks.agent.log())
    disks.kill_slot("root", 1)
    (volume,) = disks.look()
    check(volume["detail"] == "" and record(disks) == [], volume, record(disks))


@with_disks()
def test_the_organisation_lost_its_escrow_key(disks):
    """A key that nobody can read any more does not count, and nothing is locked with it."""
    def standing():
        return [(r["state"], r["reason"]) for r in disks.agent.json("compliance")["settings"] if r["setting"] == "escrow"]

    disks.made()
    disks.acknowledged()
    wait_for("held", lambda: standing() == [("compliant", "ok")])
    homes = [d for d, _, names in os.walk(disks.admin.home) if "escrow.pem" in names]
    for name in ("escrow.pem", "escrow-key.pem"):
        os.rename(os.path.join(homes[0], name), os.path.join(homes[0], name + ".lost"))
    disks.admin.ok("escrow", "init")
    disks.phone.push(disks.settings)
    disks.agent.sync()
    wait_for("the new certificate\n" + disks.agent.log(), lambda: standing() == [("noncompliant", "escrow_other_key")])
    check([v["state"] for v in disks.look()] == ["other_key"])
    row = crypto_lock(disks)
    check((row["state"], row["reason"]) == ("refused", "no_escrow") and "another escrow certificate" in row["detail"], row)
    check(disks.slots() == [0, 1] and disks.opens(disks.passphrase))
    check(disks.made()[0]["state"] == "sealed")
    disks.acknowledged()
    wait_for("held again\n" + disks.agent.log(), lambda: standing() == [("compliant", "ok")])
    check(crypto_lock(disks)["state"] == "done" and disks.opens(disks.keys()[0]["key"]))


if __name__ == "__main__":
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
