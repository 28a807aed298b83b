#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recovery keys of encrypted disks, from the policy to the key that opens the disk: real agents, server, mdmctl and
cryptsetup(8). The disks are image files in made-up phones, as the device mapper is not there everywhere.

Usage: recovery.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Skip, check, run_tests
from agent_rig import wait_for
from auth_rig import Phone

CRYPTSETUP = shutil.which("cryptsetup", path="/usr/sbin:/sbin:/usr/bin:/bin")
QUICK = ["--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]
PASSPHRASE = "six digits 271828"


def cryptsetup(*args, key=None, new=None):
    """The exit status. Passphrases go by pipe, as files do not end in a line end here."""
    fds, words = [], []
    for option, text in (("--key-file", key), (None, new)):
        if text is None:
            continue
        read, write = os.pipe()
        os.write(write, text.encode())
        os.close(write)
        fds.append(read)
        words += [option, "/proc/self/fd/%d" % read] if option else ["/proc/self/fd/%d" % read]
    tail = [words.pop()] if new is not None else []
    done = subprocess.run([CRYPTSETUP, *args[:-1], *words, args[-1], *tail], pass_fds=fds, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for fd in fds:
        os.close(fd)
    return done.returncode


class Disks:
    """A phone whose root, and what else is named, lies on LUKS."""

    def __init__(self, base, volumes=("root",), version="luks2", settings=None, passphrase=PASSPHRASE):
        if not CRYPTSETUP:
            raise Skip("cryptsetup is not installed")
        self.phone = None
        self.volumes, self.version, self.passphrase = volumes, version, passphrase
        self.settings = settings or {"encryption": {"escrow": True}}
        self.phone = MadeUp(base, self.settings, self.make_disks)
        self.agent, self.admin = self.phone.agent, self.phone.admin
        self.device = self.agent.status()["device"]

    def make_disks(self, agent):
        agent.options += ["--cryptsetup-program", CRYPTSETUP]
        mounts = ["20 1 0:5 / /proc rw - proc proc rw"]
        self.images = {}
        agent.write("sys/devices/platform/block/mmcblk0/dev", "179:0\n")
        for n, name in enumerate(self.volumes):
            part, number = "mmcblk0p%d" % (n + 2), "179:%d" % (n + 2)
            self.device_node(agent, number, "platform/block/mmcblk0/" + part, partition="1")
            self.device_node(agent, "254:%d" % n, "virtual/block/dm-%d" % n, ro="0", **{
                "dm/name": name, "dm/uuid": "CRYPT-%s-%032x-%s" % (self.version.upper(), n + 1, name)})
            slaves = agent.path("sys/devices/virtual/block/dm-%d/slaves" % n)
            os.makedirs(slaves)
            os.symlink("../../../../platform/block/mmcblk0/" + part, os.path.join(slaves, part))
            mounts.append("%d 1 254:%d / %s rw shared:1 - ext4 /dev/mapper/%s rw"
                          % (30 + n, n, "/" if n == 0 else "/" + name, name))
            os.makedirs(agent.path("dev"), exist_ok=True)
            self.images[name] = agent.path("dev/" + part)
            with open(self.images[name], "wb") as f:
                f.truncate(20 << 20)
            check(cryptsetup("luksFormat", "--type", self.version, *QUICK, self.images[name],
                             key=self.passphrase) == 0)
        agent.write("proc/self/mountinfo", "\n".join(mounts) + "\n")
        agent.write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")

    @staticmethod
    def device_node(agent, number, path, **attributes):
        for name, value in dict(attributes, dev=number).items():
            agent.write("sys/devices/%s/%s" % (path, name), value + "\n")
        for directory in ("sys/dev/block", "sys/class/block"):
            os.makedirs(agent.path(directory), exist_ok=True)
        os.symlink("../../devices/" + path, agent.path("sys/dev/block/" + number))
        os.symlink("../../devices/" + path, agent.path("sys/class/block/" + os.path.basename(path)))

    def close(self):
        if self.phone:
            self.phone.close()

    # --- what is on the disk ---

    def opens(self, key, name="root", slot=None):
        more = [] if slot is None else ["--key-slot", str(slot)]
        return cryptsetup("open", "--test-passphrase", *more, self.images[name], key=key) == 0

    def slots(self, name="root"):
        text = subprocess.run([CRYPTSETUP, "luksDump", self.images[name]], capture_output=True, text=True).stdout
        if self.version == "luks1":
            return sorted(int(n) for n in re.findall(r"^Key Slot (\d+): ENABLED", text, re.M))
        return sorted(int(n) for n in re.findall(r"^  (\d+): luks2", text, re.M))

    def kill_slot(self, name, slot):
        check(subprocess.run([CRYPTSETUP, "luksKillSlot", "--batch-mode", self.images[name], str(slot)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).returncode == 0)

    def tokens(self, name="root"):
        text = subprocess.run([CRYPTSETUP, "luksDump", "--dump-json-metadata", self.images[name]],
                              capture_output=True, text=True).stdout
        return json.loads(text)["tokens"]

    # --- what is asked of the agent ---

    def escrow(self, *args, passphrase=None):
        return self.agent.run("escrow", *args, "--json", stdin=(passphrase or self.passphrase) + "\n")

    def made(self, *args, **options):
        r = self.escrow(*args, **options)
        check(r.returncode == 0, r.returncode, r.stdout, r.stderr, self.agent.log())
        return json.loads(r.stdout)["volumes"]

    def look(self):
        r = self.agent.run("escrow", "verify", "--json")
        check(r.stdout, r.stderr, self.agent.log())
        return json.loads(r.stdout)["volumes"]

    def acknowledged(self):
        """Until the server has what was made, and the phone knows that."""
        def present():
            return all(v["state"] == "present" for v in self.look())
        self.agent.sync()
        wait_for("the server to have the keys\n" + self.agent.log(), present)

    def keys(self, *args):
        return self.admin.json("escrow", "show", self.device, *args)["keys"]


class MadeUp(Phone):
    """Settings are areas here; before its agent starts something is put into it."""

    def __init__(self, base, settings, prepare):
        self.prepare = prepare
        super().__init__(base, settings)

    def write_accounts(self):
        super().write_accounts()
        self.prepare(self.agent)

    def push(self, settings):
        self.wanted = settings
        self.admin.file("p.json", json.dumps({"profiles": [{"id": "p", "settings": settings}]}))
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        if "at_maximum" in settings.get("password", {}):
            self.admin.ok("policy", "cosign", "p.jws", "--key", "second", "--yes")
        self.admin.ok("policy", "push", "p.jws")


def with_disks(**options):
    def decorate(function):
        def run(base):
            os.chmod(base, 0o755)
            disks = Disks(base, **options)
            try:
                function(disks)
            finally:
                disks.close()
        run.__name__, run.__doc__ = function.__name__, function.__doc__
        return run
    return decorate


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


def memory_has(pid, needles):
    """Which writable parts of the memory of a process have one of them."""
    found = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as memory:
        for line in maps:
            words = line.split()
            if "w" not in words[1]:
                continue
            start, end = (int(n, 16) for n in words[0].split("-"))
            memory.seek(start)
            try:
                data = memory.read(end - start)
            except OSError:
                continue
            found += [line for n in needles if n in data]
    return found


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
    """Whenever the agent is killed: afterwards every keyslot is the owner's or one whose key is sealed, and one try gives a key."""
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
    wait_for("what was half made to go\n" + disks.agent.log(), lambda: len(disks.slots()) == 2, 30)
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


def crypto_lock(disks):
    """Signed by two; its end as the phone tells it, once it has one."""
    admin = disks.admin
    disks.agent.sync()
    admin.ok("command", "crypto-lock", "--device", disks.device, "-o", "lock.jws")
    admin.ok("command", "cosign", "lock.jws", "--key", "second", "--yes")
    disks.agent.sync()

    def ended():
        rows = [r for r in disks.agent.json("command", "list")["commands"] if r["verb"] == "crypto-lock"]
        return rows and rows[0]["state"] not in ("accepted", "running") and rows[0]
    return wait_for("crypto-lock\n" + disks.agent.log(), ended)


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


@with_disks(settings={"password": {"min_length": 6}})
def test_nobody_to_seal_to(disks):
    r = disks.escrow()
    check(r.returncode == 5 and "escrow certificate" in r.stderr, r)
    check(disks.slots() == [0])


if __name__ == "__main__":
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
