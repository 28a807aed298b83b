#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recovery keys of encrypted disks, from the policy to the key that opens the disk: real agents, server, mdmctl and
cryptsetup(8). The disks are image files in made-up phones, as the device mapper is not there everywhere.

Usage: recovery.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Skip, check, run_tests
from agent_rig import wait_for
from recovery_rig import (CRYPTSETUP, QUICK, can_restart, crypto_lock, crypto_lock_order, cryptsetup, has_restarted,
                          memory_has, with_disks)


@with_disks()
def test_from_passphrase_to_recovery(disks):
    """A key is made, sealed, told, shown to the administrator, and opens the disk."""
    check(disks.slots() == [0])
    check([v["state"] for v in disks.look()] == ["missing"])
    volume = disks.made()[0]
    check(volume["state"] == "sealed" and volume["slot"] == 1 and volume["generation"] == 1, volume)
    check(disks.slots() == [0, 1])
    token = list(disks.tokens().values())
    check(token == [{"type": "mdm-agent-recovery", "keyslots": ["1"], "generation": 1}], token)
    disks.acknowledged()
    key = disks.keys()
    check(len(key) == 1 and key[0]["volume"] == volume["uuid"] and key[0]["slot"] == 1, key)
    check(re.fullmatch("[0-9]{48}", key[0]["key"]))
    check(disks.opens(key[0]["key"]) and disks.opens(disks.passphrase))
    check(not disks.opens(key[0]["key"][::-1]))
    text = disks.admin.ok("escrow", "show", disks.device[:12])
    check(key[0]["key"][:6] + " " + key[0]["key"][6:12] in text, text)
    # Once there is one, no more keyslots are used up.
    again = disks.made()[0]
    check(again["state"] == "present" and again["slot"] == 1 and disks.slots() == [0, 1], again)


@with_disks()
def test_the_secret_is_nowhere(disks):
    """Neither passphrase nor key: in the state directory, the log, the journal, the server's database, the agent's memory."""
    disks.made()
    disks.acknowledged()
    key = disks.keys()[0]["key"]
    needles = [key.encode(), disks.passphrase.encode()]
    files = [os.path.join(d, f) for d, _, names in os.walk(disks.phone.base) for f in names]
    check(len(files) > 5)
    for path in files:
        if path.startswith(disks.admin.home) or not os.path.isfile(path):
            continue
        with open(path, "rb") as f:
            data = f.read()
        check(not any(n in data for n in needles), path)
    if os.geteuid() == 0:
        check(memory_has(disks.agent.process.pid, [disks.device.encode()]), "nothing is found in this memory at all")
        found = memory_has(disks.agent.process.pid, needles)
        check(not found, found)


@with_disks(version="luks1")
def test_luks1(disks):
    volume = disks.made()[0]
    check(volume["state"] == "sealed" and disks.slots() == [0, 1], volume)
    disks.acknowledged()
    check(disks.opens(disks.keys()[0]["key"], slot=1))


@with_disks(volumes=("root", "home"))
def test_two_volumes_and_a_passphrase_of_one(disks):
    """Each has its own; a passphrase of one only is said of the other one by name."""
    check(cryptsetup("luksAddKey", *QUICK, disks.images["home"], key=disks.passphrase, new="another one") == 0)
    disks.kill_slot("home", 0)
    r = disks.escrow()
    states = {v["name"].split()[0]: v for v in json.loads(r.stdout)["volumes"]}
    check(r.returncode == 7 and states["root"]["state"] == "sealed", r.stdout)
    check(states["home"]["state"] == "wrong_passphrase" and "none of its keyslots" in states["home"]["detail"], states)
    check(disks.slots("home") == [1])
    volumes = {v["name"].split()[0]: v["state"] for v in disks.made(passphrase="another one")}
    check(volumes["home"] == "sealed" and volumes["root"] in ("present", "waiting"), volumes)
    disks.acknowledged()
    keys = disks.keys()
    check(len({k["volume"] for k in keys}) == 2 and len(keys) == 2, keys)
    check(sorted((disks.opens(k["key"], "root"), disks.opens(k["key"], "home")) for k in keys) ==
          [(False, True), (True, False)])


@with_disks()
def test_rotation(disks):
    """The keyslot of the key before goes when the server has the new one, and not earlier; the server keeps both."""
    disks.made()
    disks.acknowledged()
    first = disks.keys()[0]["key"]
    disks.phone.server.process.send_signal(signal.SIGSTOP)
    volume = disks.made("--new")[0]
    check(volume["state"] == "sealed" and volume["slot"] == 2, volume)
    check(disks.slots() == [0, 1, 2] and disks.opens(first))
    disks.phone.server.process.send_signal(signal.SIGCONT)
    disks.acknowledged()
    wait_for("the old keyslot to go\n" + disks.agent.log(), lambda: disks.slots() == [0, 2])
    new = disks.keys()
    check(len(new) == 1 and new[0]["generation"] == 2 and disks.opens(new[0]["key"]) and not disks.opens(first))
    check([k["generation"] for k in disks.keys("--all")] == [2, 1])
    wait_for("the token to go", lambda: [t["keyslots"] for t in disks.tokens().values()] == [["2"]])


@with_disks()
def test_a_changed_keyslot_is_noticed(disks):
    disks.made()
    disks.acknowledged()
    disks.kill_slot("root", 1)
    r = disks.agent.run("escrow", "verify")
    check(r.returncode == 8 and "no longer opens" in r.stdout, r)
    volume = disks.made()[0]
    check(volume["state"] == "sealed", volume)
    disks.acknowledged()
    check(disks.opens(disks.keys()[0]["key"]))
    # One byte of what the key was split into.
    with open(disks.images["root"], "r+b") as f:
        slot = json.loads(subprocess.run([CRYPTSETUP, "luksDump", "--dump-json-metadata", disks.images["root"]],
                                         capture_output=True, text=True).stdout)["keyslots"]["1"]["area"]
        f.seek(int(slot["offset"]) + 1000)
        byte = f.read(1)
        f.seek(-1, 1)
        f.write(bytes([byte[0] ^ 1]))
    check([v["state"] for v in disks.look()] == ["broken"])


@with_disks()
def test_killed_in_the_middle(disks):
    """Whenever the agent is killed: afterwards every keyslot is the owner's or one whose key is sealed, or it is on record
    that nobody knows whose it is, and one try gives a key."""
    def known():
        with open(os.path.join(disks.agent.state, "recovery")) as f:
            strays = [int(line.split()[1]) for line in f if line.startswith("stray ")]
        return [n for n in disks.slots() if n not in strays]

    for n in range(6):
        child = subprocess.Popen([os.path.join(BUILD, "agentctl"), "--socket", disks.agent.socket, "escrow", "--new"],
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        child.stdin.write(disks.passphrase.encode() + b"\n")
        child.stdin.close()
        time.sleep(0.02 + 0.05 * n)
        disks.agent.stop(signal.SIGKILL)
        child.wait(30)
        disks.agent.start()
        disks.phone.settled()
    disks.made("--new")
    disks.acknowledged()
    wait_for("what was half made to go\n" + disks.agent.log(), lambda: len(known()) == 2, 30)
    key = disks.keys()[0]
    check(disks.opens(key["key"], slot=key["slot"]) and disks.opens(disks.passphrase, slot=0))


@with_disks(settings={"encryption": {"escrow": True, "escrow_check": 30, "escrow_max_age": 90}})
def test_compliance(disks):
    """Missing, waiting for the server, held, broken; only the state that the phone saw."""
    def states():
        rows = {r["setting"]: (r["state"], r["reason"]) for r in disks.agent.json("compliance")["settings"]}
        return rows["escrow"], rows["escrow_check"], rows["escrow_max_age"]
    missing = ("noncompliant", "escrow_missing")
    wait_for("missing\n" + disks.agent.log(), lambda: states() == (missing, missing, missing))
    disks.phone.server.process.send_signal(signal.SIGSTOP)
    disks.made()
    wait_for("waiting", lambda: states()[0] == ("pending", "escrow_untold"))
    disks.phone.server.process.send_signal(signal.SIGCONT)
    disks.acknowledged()
    well = ("compliant", "ok")
    wait_for("held", lambda: states() == (well, well, well))
    disks.kill_slot("root", 1)
    wait_for("broken, noticed by itself\n" + disks.agent.log(), lambda: states()[0] == ("noncompliant", "escrow_broken"))


@with_disks(volumes=("root", "home"))
def test_crypto_lock(disks):
    """Refused where the organisation could not open a disk; then nothing but its key opens any."""
    row = crypto_lock(disks)
    check((row["state"], row["reason"]) == ("refused", "no_escrow") and disks.slots() == [0], row)
    disks.made()
    disks.acknowledged()
    # The user's other passphrases, too.
    check(cryptsetup("luksAddKey", *QUICK, disks.images["home"], key=disks.passphrase, new="a spare one") == 0)
    row = crypto_lock(disks)
    check(row["state"] == "done", row, disks.agent.log())
    check(disks.slots() == [1] and disks.slots("home") == [1])
    check(not disks.opens(disks.passphrase) and not disks.opens("a spare one", "home"))
    for key in disks.keys():
        name = "root" if disks.opens(key["key"], "root") else "home"
        check(disks.opens(key["key"], name))
        # And back: whoever has it can give the user a passphrase again.
        check(cryptsetup("luksAddKey", *QUICK, disks.images[name], key=key["key"], new="back again") == 0)
        check(disks.opens("back again", name))


@with_disks(volumes=("root", "home"))
def test_crypto_lock_with_one_broken(disks):
    """One disk that could not be opened again, and none is touched."""
    disks.made()
    disks.acknowledged()
    disks.kill_slot("home", 1)
    row = crypto_lock(disks)
    check((row["state"], row["reason"]) == ("refused", "escrow_broken"), row)
    check(disks.slots() == [0, 1] and disks.slots("home") == [0])


@with_disks(volumes=("root", "home"), slow=("luksKillSlot", 0.5))
def test_crypto_lock_killed(disks):
    """Killed while keyslots go, at several moments, it goes on by itself and ends with the restart; and once more if
    it was killed between the two."""
    restarts = can_restart(disks.agent)
    disks.made()
    disks.acknowledged()
    for name in disks.volumes:
        for n in range(2):
            check(cryptsetup("luksAddKey", *QUICK, disks.images[name], key=disks.passphrase, new="spare %d" % n) == 0)
    disks.look()
    crypto_lock_order(disks)
    wait_for("the first keyslot to go\n" + disks.agent.log(), lambda: len(disks.slots()) < 4)
    for moment in (0.0, 0.3, 0.7, 0.2):
        disks.agent.stop(signal.SIGKILL)
        check(len(disks.slots("home")) > 1, "it was over before it was killed")
        disks.agent.start()
        time.sleep(moment)

    def ended():
        return [r["data"]["what"] for r in disks.agent.journal("crypto_lock")] == ["begun", "done"]
    wait_for("the end\n" + disks.agent.log(), ended)
    check(disks.slots() == [1] and disks.slots("home") == [1])
    row = [r for r in disks.agent.json("command", "list")["commands"] if r["verb"] == "crypto-lock"][0]
    check((row["state"], row["reason"]) == ("interrupted", "goes_on"), row)
    check(sorted(disks.opens(k["key"], "root") for k in disks.keys()) == [False, True])
    if restarts:
        wait_for("the restart\n" + disks.agent.log(), lambda: has_restarted(disks.agent))
        os.unlink(disks.agent.path("called"))
        disks.agent.stop(signal.SIGKILL)
        disks.agent.start()
        wait_for("the restart that is owed\n" + disks.agent.log(), lambda: has_restarted(disks.agent))


@with_disks()
def test_last_words(disks):
    """The server hears that it is done before the restart; a server that does not answer cannot hold it up."""
    if not can_restart(disks.agent):
        raise Skip("only root can run the program reboot of another root")
    disks.made()
    disks.acknowledged()
    crypto_lock_order(disks)
    wait_for("the restart\n" + disks.agent.log(), lambda: has_restarted(disks.agent))
    (row,) = disks.admin.json("command", "list", "--device", disks.device)["commands"]
    check((row["verb"], row["state"]) == ("crypto-lock", "done"), row)
    os.unlink(disks.agent.path("called"))
    disks.phone.server.process.send_signal(signal.SIGSTOP)
    # The same boot, which has to end.
    disks.agent.stop(signal.SIGKILL)
    disks.agent.start()
    wait_for("the restart without the server\n" + disks.agent.log(), lambda: has_restarted(disks.agent))
    disks.phone.server.process.send_signal(signal.SIGCONT)


@with_disks(settings={"encryption": {"escrow": True, "escrow_max_age": 30}})
def test_rotation_after_somebody_saw_the_key(disks):
    """mdmctl says how; the phone says so until there is a new key; what was seen before, and is no key any more, is nothing."""
    def states():
        return {r["setting"]: (r["state"], r["reason"]) for r in disks.agent.json("compliance")["settings"]}

    def order(*arguments):
        disks.admin.ok("command", "rotate-recovery-key", "--device", disks.device, *arguments)
        disks.agent.sync()

        def ended():
            (row, *_) = [r for r in disks.agent.json("command", "list")["commands"]
                         if r["verb"] == "rotate-recovery-key"] or [None]
            return row and row["state"] not in ("accepted", "running") and row
        return wait_for("the command\n" + disks.agent.log(), ended)

    row = order()
    check((row["state"], row["reason"]) == ("refused", "no_escrow"), row)
    disks.made()
    disks.acknowledged()
    text = disks.admin.ok("escrow", "show", disks.device)
    (words,) = re.findall(r"mdmctl command rotate-recovery-key --device ([0-9a-f]+) generation=1$", text, re.M)
    check(disks.device.startswith(words), text)
    disks.admin.ok("command", "rotate-recovery-key", "--device", words, "generation=1")
    disks.agent.sync()
    seen = ("noncompliant", "escrow_seen")
    wait_for("compliance\n" + disks.agent.log(), lambda: states()["escrow"] == seen)
    check(states()["escrow_max_age"] == ("compliant", "ok"), states())
    r = disks.agent.run("escrow", "verify")
    check(r.returncode == 8 and "somebody has seen" in r.stdout, r)
    # Not --new: it does not count any more.
    check(disks.made()[0]["state"] == "sealed")
    disks.acknowledged()
    wait_for("compliance\n" + disks.agent.log(), lambda: states()["escrow"] == ("compliant", "ok"))
    row = order("generation=1")
    check(row["state"] == "done" and "newer" in row["detail"], row)
    check(states()["escrow"] == ("compliant", "ok"), states())
    # A key that is too old: as if it had been made long ago.
    disks.agent.stop()
    disks.make_older(31)
    disks.agent.start()
    wait_for("too old\n" + disks.agent.log(), lambda: states().get("escrow_max_age") == ("noncompliant", "escrow_old"))


@with_disks(volumes=("root", "home"), settings={"encryption": {"escrow": True, "escrow_max_age": 30, "min_kdf": "argon2id"}})
def test_unattended(disks):
    """With a key of its own the agent exchanges recovery keys by itself: seen, broken, too old. It goes with the enrolment."""
    kept = os.path.join(disks.agent.state, "recovery-key")
    r = disks.agent.run("escrow", "--keep-key", "--json", stdin="not it\n")
    check(r.returncode == 7 and not os.path.exists(kept), r)
    volumes = disks.made("--keep-key")
    check([(v["state"], v["kept"]) for v in volumes] == [("sealed", True)] * 2, volumes)
    check(disks.slots() == [0, 1, 2] and disks.slots("home") == [0, 1, 2])
    check(os.stat(kept).st_mode & 0o777 == 0o600)
    with open(kept) as f:
        key = f.read()
    check(disks.opens(key) and disks.opens(key, "home") and len(key) == 64)
    disks.acknowledged()
    # One more time: nothing is used up.
    check(disks.made("--keep-key")[0]["state"] == "present" and disks.slots() == [0, 1, 2])

    def generations():
        return sorted(k["generation"] for k in disks.keys())

    disks.admin.ok("command", "rotate-recovery-key", "--device", disks.device)
    disks.agent.sync()
    wait_for("new keys after somebody saw the old\n" + disks.agent.log(), lambda: generations() == [3, 4])
    wait_for("the old keyslots to go\n" + disks.agent.log(),
             lambda: len(disks.slots()) == 3 and len(disks.slots("home")) == 3)
    check(all(disks.opens(k["key"], "root") or disks.opens(k["key"], "home") for k in disks.keys()))
    disks.kill_slot("home", [v["slot"] for v in disks.look() if v["name"].startswith("home")][0])
    wait_for("a new key for the broken one\n" + disks.agent.log(), lambda: generations() == [3, 5])
    disks.acknowledged()
    wait_for("the old keyslots to go\n" + disks.agent.log(), lambda: len(disks.slots("home")) == 3)
    disks.agent.stop()
    disks.make_older(31)
    disks.agent.start()
    wait_for("new keys for the old ones\n" + disks.agent.log(), lambda: generations() == [6, 7])
    disks.acknowledged()
    wait_for("the old keyslots to go\n" + disks.agent.log(),
             lambda: len(disks.slots()) == 3 and len(disks.slots("home")) == 3)
    check(disks.agent.run("unenroll", "--yes").returncode == 0, disks.agent.log())
    check(not os.path.exists(kept) and not disks.opens(key) and not disks.opens(key, "home"))
    check(len(disks.slots()) == 2 and disks.opens(disks.passphrase), disks.slots())
    check([t["type"] for t in disks.tokens().values()] == ["mdm-agent-recovery"], disks.tokens())


@with_disks()
def test_a_kept_key_goes_with_crypto_lock(disks):
    kept = os.path.join(disks.agent.state, "recovery-key")
    disks.made("--keep-key")
    disks.acknowledged()
    check(os.path.exists(kept) and disks.slots() == [0, 1, 2])
    check(crypto_lock(disks)["state"] == "done", disks.agent.log())
    check(not os.path.exists(kept) and len(disks.slots()) == 1)
    check(disks.opens(disks.keys()[0]["key"]))


@with_disks()
def test_a_kept_key_wants_an_encrypted_place(disks):
    """The state directory is on another file system than the encrypted root."""
    disks.agent.stop()
    disks.device_node(disks.agent, "8:1", "platform/block/sda/sda1", partition="1")
    mounts = disks.agent.path("proc/self/mountinfo")
    with open(mounts, "a") as f:
        f.write("50 20 8:1 / %s rw shared:1 - ext4 /dev/sda1 rw\n" % disks.agent.base)
    disks.agent.start()
    r = disks.agent.run("escrow", "--keep-key", stdin=disks.passphrase + "\n")
    check(r.returncode == 5 and "do not lie on an encrypted disk" in " ".join(r.stderr.split()), r)
    check(disks.slots() == [0] and not os.path.exists(os.path.join(disks.agent.state, "recovery-key")))
    check(disks.made()[0]["state"] == "sealed")


@with_disks(volumes=("root", "home"))
def test_passphrase(disks):
    """Locked for good, opened with the recovery key, and the owner has a passphrase again; the key that was told is none
    any more as soon as the server has the next one, and the server keeps every one that there was."""
    def grouped(key):
        return " ".join(key[i:i + 6] for i in range(0, 48, 6))

    def passphrase(*lines):
        return disks.agent.run("passphrase", "--json", stdin="".join(line + "\n" for line in lines))

    disks.made()
    disks.acknowledged()
    check(crypto_lock(disks)["state"] == "done", disks.agent.log())
    told = {name: next(k["key"] for k in disks.keys() if disks.opens(k["key"], name)) for name in disks.volumes}
    for lines, says in (((grouped(told["root"]), ""), "1 to 512 bytes"), (("", "new"), "1 to 512 bytes"),
                        ((grouped(told["root"]),), "1 to 512 bytes"), ((told["root"], "x" * 513), "1 to 512 bytes"),
                        (("1" + grouped(told["root"])[1:] if told["root"][0] != "1" else "2" + told["root"][1:], "new"),
                         "mistake in group 1")):
        r = passphrase(*lines)
        check(r.returncode == 2 and says in r.stderr, lines, r)
    r = passphrase(disks.passphrase, "Harbour 31 lamps")
    check(r.returncode == 7 and {v["state"] for v in json.loads(r.stdout)["volumes"]} == {"wrong_passphrase"}, r)
    check(disks.slots() == [1] and disks.slots("home") == [1])
    disks.phone.server.process.send_signal(signal.SIGSTOP)
    for name in disks.volumes:
        r = passphrase(grouped(told[name]), "Harbour 31 lamps")
        states = {v["name"].split()[0]: v for v in json.loads(r.stdout)["volumes"]}
        other = "home" if name == "root" else "root"
        check(states[other]["state"] == "wrong_passphrase" and "passphrase_slot" not in states[other], states)
        check(states[name]["state"] == "sealed" and states[name]["passphrase_slot"] == 0, states)
        check(disks.opens("Harbour 31 lamps", name, slot=0))
        # Without the server the old one stays what it is.
        check(disks.slots(name) == [0, 1, 2] and disks.opens(told[name], name))
    disks.phone.server.process.send_signal(signal.SIGCONT)
    disks.acknowledged()
    for name in disks.volumes:
        wait_for("the old keyslot to go\n" + disks.agent.log(), lambda n=name: disks.slots(n) == [0, 2])
        check(not disks.opens(told[name], name) and disks.opens("Harbour 31 lamps", name))
        check(any(disks.opens(k["key"], name) for k in disks.keys()))
    every = disks.keys("--all")
    check(sorted(k["generation"] for k in every) == [1, 2, 3, 4] and set(told.values()) < {k["key"] for k in every}, every)
    # Another one by leave of one that is no recovery key: nobody has seen the key.
    r = passphrase("Harbour 31 lamps", "a second one")
    check(r.returncode == 0 and {v["state"] for v in json.loads(r.stdout)["volumes"]} == {"present"}, r)
    check(disks.opens("a second one") and disks.slots() == [0, 1, 2])
    check({r["data"]["what"] for r in disks.agent.journal("recovery_key")} == {"made", "acknowledged", "superseded"})


@with_disks(settings={"password": {"min_length": 6}})
def test_nobody_to_seal_to(disks):
    r = disks.escrow()
    check(r.returncode == 5 and "escrow certificate" in r.stderr, r)
    check(disks.slots() == [0])
    # Passphrases are the owner's.
    r = disks.agent.run("passphrase", stdin=disks.passphrase + "\nanother one\n")
    check(r.returncode == 8 and "The new passphrase opens it" in r.stdout, r)
    check(disks.slots() == [0, 1] and disks.opens("another one"))


if __name__ == "__main__":
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
