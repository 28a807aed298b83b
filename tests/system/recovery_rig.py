# SPDX-License-Identifier: Apache-2.0
"""What tests of recovery keys stand on: a phone whose file systems lie on LUKS, as real cryptsetup(8) makes it. The
disks are image files in a made-up tree, as the device mapper is not there everywhere."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time

from mdmctl_rig import BUILD, Skip, check
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

    def __init__(self, base, volumes=("root",), version="luks2", settings=None, passphrase=PASSPHRASE, slow=None):
        if not CRYPTSETUP:
            raise Skip("cryptsetup is not installed")
        self.phone, self.slow = None, slow
        self.volumes, self.version, self.passphrase = volumes, version, passphrase
        self.settings = settings or {"encryption": {"escrow": True}}
        self.phone = MadeUp(base, self.settings, self.make_disks)
        self.agent, self.admin = self.phone.agent, self.phone.admin
        self.device = self.agent.status()["device"]

    def make_disks(self, agent):
        agent.options += ["--cryptsetup-program", self.slowed(agent) if self.slow else CRYPTSETUP]
        mounts = ["20 1 0:5 / /proc rw - proc proc rw"]
        self.images = {}
        self.device_node(agent, "179:0", "platform/block/mmcblk0", ro="0")
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

    def slowed(self, agent):
        """The real one, but that one action takes longer, so that there is a moment to strike."""
        action, seconds = self.slow
        path = os.path.join(agent.base, "cryptsetup")
        with open(path, "w") as f:
            f.write("#!/bin/sh\ncase \" $* \" in *' %s '*) /bin/sleep %s ;; esac\nexec %s \"$@\"\n"
                    % (action, seconds, CRYPTSETUP))
        os.chmod(path, 0o755)
        return path

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

    def make_older(self, days):
        """What the agent, which must not run, remembers of its keys says that they were made so long ago."""
        path = os.path.join(self.agent.state, "recovery")
        with open(path) as f:
            lines = f.read().splitlines()[:-1]
        check(any(line.startswith("current made ") for line in lines), lines)
        made = int(time.time()) - days * 24 * 3600
        text = "".join(("current made %d" % made if line.startswith("current made ") else line) + "\n" for line in lines)
        with open(path, "w") as f:
            f.write(text + "sha256 %s\n" % hashlib.sha256(text.encode()).hexdigest())

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


def crypto_lock_order(disks):
    """Signed by two, and on the phone."""
    admin = disks.admin
    disks.agent.sync()
    admin.ok("command", "crypto-lock", "--device", disks.device, "-o", "lock.jws")
    admin.ok("command", "cosign", "lock.jws", "--key", "second", "--yes")
    disks.agent.sync()


def crypto_lock(disks):
    """Its end as the phone tells it, once it has one."""
    crypto_lock_order(disks)

    def ended():
        rows = [r for r in disks.agent.json("command", "list")["commands"] if r["verb"] == "crypto-lock"]
        return rows and rows[0]["state"] not in ("accepted", "running") and rows[0]
    return wait_for("crypto-lock\n" + disks.agent.log(), ended)


def can_restart(agent):
    """A program reboot in the tree, which leaves the mark /called. Whether it can be run there: only root can."""
    shell = os.path.realpath("/bin/sh")
    copies = [(shell, "bin/sh")]
    for word in subprocess.run(["ldd", shell], capture_output=True, text=True).stdout.split():
        if word.startswith("/") and os.path.exists(word):
            copies.append((word, word[1:]))
    for source, target in copies:
        os.makedirs(os.path.dirname(agent.path(target)), exist_ok=True)
        shutil.copy(source, agent.path(target))
    agent.write("sbin/reboot", "#!/bin/sh\n: > /called\n")
    os.chmod(agent.path("sbin/reboot"), 0o755)
    return os.geteuid() == 0


def has_restarted(agent):
    return os.path.exists(agent.path("called"))
