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
import sqlite3
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Skip, check, run_tests
from agent_rig import wait_for
from recovery_rig import CRYPTSETUP, QUICK, crypto_lock, cryptsetup, memory_has, with_disks

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


@with_disks(volumes=("root", "stick"), sticks=("stick",))
def test_a_private_stick(disks):
    """It gets no key of the organisation's, keeps its keyslots, and holds nothing up."""
    check(cryptsetup("luksAddKey", *QUICK, disks.images["stick"], key=disks.passphrase, new="private") == 0)
    check([v["name"] for v in disks.made()] == ["root (mmcblk0p2)"])
    check(disks.slots("stick") == [0, 1] and disks.tokens("stick") == {})
    disks.acknowledged()
    rows = disks.agent.json("compliance")["settings"]
    check([(r["state"], r["reason"]) for r in rows if r["setting"] == "escrow"] == [("compliant", "ok")], rows)
    check(crypto_lock(disks)["state"] == "done", disks.agent.log())
    check(disks.slots() == [1] and disks.slots("stick") == [0, 1] and disks.opens("private", "stick"))


@with_disks(volumes=("root", "home"))
def test_a_disk_whose_device_cannot_be_found(disks):
    """What cannot be looked at cannot be locked: nothing is, and the disk is named."""
    disks.made()
    disks.acknowledged()
    os.rename(disks.images["home"], disks.images["home"] + ".gone")
    row = crypto_lock(disks)
    check((row["state"], row["reason"]) == ("refused", "no_escrow"), row)
    check("home: its device cannot be found" in row["detail"], row)
    check(disks.slots() == [0, 1])
    check({v["name"].split()[0]: v["state"] for v in disks.look()} == {"root": "present", "home": "missing"})


@with_disks(volumes=("root",) + tuple("data%d" % n for n in range(8)))
def test_more_disks_than_keys(disks):
    """As many as fit get one; the rest is named, and nothing is locked."""
    r = disks.escrow()
    states = [v["state"] for v in json.loads(r.stdout)["volumes"]]
    check(states == ["sealed"] * 8 + ["missing"] and r.returncode == 8, r)
    disks.agent.sync()
    wait_for("the server to have them", lambda: [v["state"] for v in disks.look()] == ["present"] * 8 + ["missing"])
    row = crypto_lock(disks)
    check((row["state"], row["reason"]) == ("refused", "no_escrow") and "data7" in row["detail"], row)
    check(all(disks.slots(name) == ([0] if name == "data7" else [0, 1]) for name in disks.volumes))


@with_disks(volumes=("root", "home"))
def test_rows_that_cannot_be_opened(disks):
    """A damaged row, and a hundred newer ones of one volume, keep the administrator from no key."""
    disks.made()
    disks.acknowledged()
    whole = {k["volume"]: k["key"] for k in disks.keys()}
    check(len(whole) == 2)
    (path,) = [os.path.join(d, n) for d, _, names in os.walk(disks.phone.base) for n in names
               if n.endswith((".db", ".sqlite", "store"))
               and open(os.path.join(d, n), "rb").read(6) == b"SQLite"]
    db = sqlite3.connect(path, timeout=20)
    columns = "device,enrolment,kind,certificates,received"
    for generation in range(1000, 1100):
        cms = "cms" if generation > 1000 else "substr(cms, 1, length(cms) - 9) || zeroblob(9)"
        db.execute("insert into escrow(%s,generation,sha256,cms) select %s,?,randomblob(32),cast(%s as blob)"
                   " from escrow where kind='disk' order by row limit 1" % (columns, columns, cms), (generation,))
    db.commit()
    db.close()
    for args in ((), ("--all",)):
        r = disks.admin.run("escrow", "show", disks.device, "--json", *args)
        check(r.returncode == 4 and "100 of 102 recovery keys" in " ".join(r.stderr.split()), r)
        check(r.stderr.count("is left out") == 10, r.stderr)
        check({k["volume"]: k["key"] for k in json.loads(r.stdout)["keys"]} == whole, "other keys than before")
    r = disks.admin.run("escrow", "show", disks.device)
    check(r.returncode == 4 and r.stdout.count("received ") == 2 and "could not be opened" in r.stderr, r)


@with_disks(slow=BEHIND)
def test_the_state_cannot_be_written(disks):
    """What was removed cannot be recorded: that is said, once, and the walk ends."""
    calls, path = os.path.join(disks.agent.base, "calls"), os.path.join(disks.agent.state, "recovery")
    behind(disks, "case \" $* \" in *' luksKillSlot '*) exit 1 ;; esac")
    disks.phone.server.process.send_signal(signal.SIGSTOP)
    disks.made()
    disks.made("--new")
    check(disks.slots() == [0, 1, 2] and record(disks)[0] == "making 1", record(disks))
    os.rename(path, path + ".kept")
    os.mkdir(path)
    behind(disks, "echo \"$1\" >>%s" % calls)
    (volume,) = disks.look()
    check(volume["state"] == "failed" and "could not be recorded" in volume["detail"], volume)
    check(disks.slots() == [0, 2])
    with open(calls) as f:
        check(len(f.read().splitlines()) < 20)
    os.rmdir(path)
    os.rename(path + ".kept", path)
    wait_for("the end of it\n" + disks.agent.log(), lambda: [v["state"] for v in disks.look()] == ["waiting"])
    check(record(disks) == [], record(disks))
    disks.phone.server.process.send_signal(signal.SIGCONT)


@with_disks(volumes=("root", "home"))
def test_a_plain_root(disks):
    """What crypto-lock cannot shut is said."""
    mounts = disks.agent.path("proc/self/mountinfo")
    disks.agent.stop()
    disks.device_node(disks.agent, "179:9", "platform/block/mmcblk0/mmcblk0p9", partition="1")
    with open(mounts) as f:
        text = f.read()
    with open(mounts, "w") as f:
        f.write(text.replace("254:0 / / rw shared:1 - ext4 /dev/mapper/root", "179:9 / / rw shared:1 - ext4 /dev/mmcblk0p9"))
    disks.agent.start()
    disks.phone.settled()
    check([v["name"] for v in disks.made()] == ["home (mmcblk0p3)"])
    disks.acknowledged()
    row = crypto_lock(disks)
    check(row["state"] == "done" and row["detail"].endswith("still to be read: /, /var"), row)
    check(disks.slots("home") == [1])


def locked(pid):
    """The mappings that are not swapped, and how many KiB they are."""
    mappings, at = set(), None
    with open("/proc/%d/smaps" % pid) as f:
        for line in f:
            word = line.split()[0]
            if "-" in word and not word.endswith(":"):
                at = word
            elif word == "VmFlags:" and "lo" in line.split():
                mappings.add(at)
    return mappings


@with_disks(slow=("--test-passphrase", 4))
def test_secrets_in_use_are_not_swapped(disks):
    """Wherever they are while they are tried and added, the kernel does not write them to swap."""
    if os.geteuid() != 0:
        raise Skip("only root sees the memory of the agent")
    pid = disks.agent.process.pid
    child = begun(disks)
    found = wait_for("the passphrase to be in use", lambda: memory_has(pid, [disks.passphrase.encode()]))
    check({line.split()[0] for line in found} <= locked(pid), found)
    child.stdout.read()
    check(child.wait() == 0)
    wait_for("its memory to be given back", lambda: not locked(pid))


if __name__ == "__main__":
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
