#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules for sticks and cards, under the real udev with all rules of this system, and mdm-agent-media as udev
starts it. The devices are made up: a tree in the shape of sysfs takes its place in a mount namespace, and nothing
answers to what is written there. Contents are real: a loop device has the numbers of the made-up stick, and blkid and
the ioctls work on that. What a kernel does with real sticks is tried in tests/vm/suites/media.sh.

Usage: media.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(sys.argv[1])
TOOL = os.path.join(BUILD, "tests/lib/media_rules_tool")
PROGRAM = os.path.join(BUILD, "mdm-agent-media")
CHOICES = ("any", "read_only", "encrypted_only", "encrypted_read_only", "blocked")
STICK = "/devices/pci/usb1/1-1"
INTERFACE = STICK + "/1-1:1.0"
SCSI = INTERFACE + "/host0/target0:0:0/0:0:0:0"
DISK = SCSI + "/block/sda"
CARD = "/devices/soc/slot/mmc_host/mmc0/mmc0:aaaa"
CARD_DISK = CARD + "/block/mmcblk0"
CHIP = "/devices/soc/emmc/mmc_host/mmc2/mmc2:0001"
CHIP_DISK = CHIP + "/block/mmcblk2"
PLAIN = "/devices/pci/virtio0/block/vda"
CID = "1b534d454231515430123456789abcde"
# Everything a run changes is inside its own namespace: /sys, /run/udev, /dev and the administrator's rules.
ENTER = """set -e
mount --make-rprivate /
mkdir -p /run/udev /etc/udev/rules.d
mount -t tmpfs tmpfs /run/udev
mount --bind "$1/rules" /etc/udev/rules.d
[ -z "$2" ] || { mount -t tmpfs tmpfs /mnt; touch /mnt/loop; mount --bind "$2" /mnt/loop; }
mount -t tmpfs -o dev tmpfs /dev
mknod -m 666 /dev/null c 1 3
[ -z "$2" ] || mknod /dev/sda b $3 $4
mount --bind "$1/sys" /sys
export SYSTEMD_DEVICE_VERIFY_SYSFS=0
top=$1
shift 4
for step; do
	[ "${step#rules:}" = "$step" ] || {
		cp "$top/${step#rules:}.rules" /etc/udev/rules.d/61-mdm-agent-removable.rules
		continue
	}
	echo "== $step"
	udevadm test --action="${step%%:*}" "/sys${step#*:}" 2>&1 || echo "udevadm failed"
	[ -z "$(ls /dev/sda 2>/dev/null)" ] || echo "ro=$(blockdev --getro /dev/sda)"
done
"""
TESTS = []


class Skipped(Exception):
    pass


def test(function):
    TESTS.append(function)
    return function


def equal(got, wanted, what=""):
    assert got == wanted, "%s: %r, not %r" % (what, got, wanted)


class Machine:
    """A tree like sysfs, with a stick, a card, a soldered chip and a disk of another kind."""

    def __init__(self, top):
        self.top, self.numbers, self.loop = top, (8, 0), ""
        os.makedirs(top + "/rules")
        for bus in ("usb", "mmc", "scsi", "pci"):
            os.makedirs(top + "/sys/bus/%s/devices" % bus)
        for driver in ("usb/drivers/usb-storage", "mmc/drivers/mmcblk"):
            os.makedirs(top + "/sys/bus/" + driver)
        for name in ("usb/drivers_probe", "mmc/drivers_probe", "mmc/drivers/mmcblk/unbind"):
            self.put("/bus/" + name, "")
        os.makedirs(top + "/sys/class/block")
        self.put(STICK + "/uevent", "DEVTYPE=usb_device\n")
        self.put(STICK + "/idVendor", "0781\n")
        self.put(STICK + "/idProduct", "5581\n")
        self.put(STICK + "/serial", "4C530001\n")
        self.device(STICK, "/bus/usb")
        self.put(INTERFACE + "/uevent", "DEVTYPE=usb_interface\nDRIVER=usb-storage\n")
        self.put(INTERFACE + "/bInterfaceClass", "08\n")
        self.put(INTERFACE + "/authorized", "1\n")
        self.device(INTERFACE, "/bus/usb")
        self.link(INTERFACE + "/driver", "/bus/usb/drivers/usb-storage")
        self.put(SCSI + "/uevent", "DEVTYPE=scsi_device\n")
        self.put(SCSI + "/state", "running\n")
        self.device(SCSI, "/bus/scsi")
        for card, kind, cid in ((CARD, "SD", CID), (CHIP, "MMC", "aa")):
            self.put(card + "/uevent", "DRIVER=mmcblk\nMMC_TYPE=%s\n" % kind)
            self.put(card + "/type", kind + "\n")
            self.put(card + "/cid", cid + "\n")
            self.device(card, "/bus/mmc")
            self.link(card + "/driver", "/bus/mmc/drivers/mmcblk")
        self.stick_disk()
        self.block(CARD_DISK, 179, 0)
        self.block(CHIP_DISK, 179, 32)
        self.block(PLAIN, 254, 0)

    def put(self, path, text):
        os.makedirs(os.path.dirname(self.top + "/sys" + path), exist_ok=True)
        with open(self.top + "/sys" + path, "w", encoding="ascii") as f:
            f.write(text)

    def got(self, path):
        with open(self.top + "/sys" + path, encoding="ascii") as f:
            return f.read().strip()

    def link(self, path, target):
        directory = os.path.dirname(self.top + "/sys" + path)
        os.makedirs(directory, exist_ok=True)
        os.symlink(os.path.relpath(self.top + "/sys" + target, directory), self.top + "/sys" + path)

    def device(self, path, subsystem):
        self.link(path + "/subsystem", subsystem)
        if subsystem.startswith("/bus/"):
            self.link("%s/devices/%s" % (subsystem, os.path.basename(path)), path)

    def block(self, path, major, minor):
        name = os.path.basename(path)
        self.put(path + "/uevent", "MAJOR=%d\nMINOR=%d\nDEVNAME=%s\nDEVTYPE=disk\n" % (major, minor, name))
        self.put(path + "/dev", "%d:%d\n" % (major, minor))
        self.put(path + "/ro", "0\n")
        self.device(path, "/class/block")
        self.link("/class/block/" + name, path)
        self.link("/dev/block/%d:%d" % (major, minor), path)

    def stick_disk(self):
        self.block(DISK, *self.numbers)
        self.link(DISK + "/device", SCSI)

    def rules(self, choice, *pins, program=PROGRAM):
        """Those in force from now on, and those that a step "rules:CHOICE" puts in force."""
        text = subprocess.run([TOOL, choice, program, *pins], check=True, stdout=subprocess.PIPE, timeout=30).stdout
        with open(self.top + "/rules/61-mdm-agent-removable.rules", "wb") as f:
            f.write(text)
        shutil.copy(self.top + "/rules/61-mdm-agent-removable.rules", "%s/%s.rules" % (self.top, choice))

    def events(self, *steps, program=True):
        """What udev makes of events, "ACTION:DEVPATH": a pair of the properties and all it said, for each. It
        finds no fault with the rules, unless their program is not there."""
        done = subprocess.run(["unshare", "--mount", "sh", "-c", ENTER, "enter", self.top, self.loop, *map(str, self.numbers),
                               *steps], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
        text = done.stdout.decode(errors="replace")
        parts = re.split(r"^== .*\n", text, flags=re.M)[1:]
        equal(len(parts), len([s for s in steps if not s.startswith("rules:")]), text)
        for part in parts:
            assert "udevadm failed" not in part, text
            for line in part.splitlines():
                assert not program or not re.search(r"61-mdm.*(nvalid|nknown|ignoring|[Ff]ailed)", line), line
        return [(dict(re.findall(r"^([A-Za-z_]+)=(.*)$", part, flags=re.M)), part) for part in parts]

    def event(self, step):
        return self.events(step)[0]


def asked(said):
    return "Starting '" + PROGRAM in said


def verdict(properties):
    return properties.get("MDM_MEDIA_VERDICT", "")


@test
def a_blocked_stick_is_shut_and_comes_back(m):
    m.rules("blocked")
    properties, said = m.event("add:" + INTERFACE)
    assert asked(said), said
    equal(verdict(properties), "denied")
    equal(properties["MDM_MEDIA"], "shut")
    equal(m.got(INTERFACE + "/authorized"), "0")


@test
def marks_live_in_udevs_database(m):
    m.rules("blocked")
    first, second = m.events("add:" + INTERFACE, "change:" + INTERFACE)
    equal(first[0]["MDM_MEDIA"], "shut")
    equal(second[0]["MDM_MEDIA"], "shut")
    m.put(INTERFACE + "/authorized", "1\n")
    first, second = m.events("add:" + DISK, "change:" + DISK)
    equal(first[0]["MDM_MEDIA"], "offline")
    equal(second[0]["MDM_MEDIA"], "offline")
    equal(m.got(SCSI + "/state"), "offline")


@test
def what_was_done_is_undone_and_nothing_else(m):
    m.rules("any")
    m.rules("blocked")
    shut, back = m.events("add:" + INTERFACE, "rules:any", "change:" + INTERFACE)
    equal(shut[0]["MDM_MEDIA"], "shut")
    equal(back[0]["MDM_MEDIA"], "none")
    equal(m.got(INTERFACE + "/authorized"), "1")
    equal(m.got("/bus/usb/drivers_probe"), "1-1:1.0")
    offline, back = m.events("rules:blocked", "add:" + DISK, "rules:any", "change:" + DISK)
    equal(offline[0]["UDISKS_IGNORE"], "1")
    assert "UDISKS_IGNORE" not in back[0]
    equal(m.got(SCSI + "/state"), "running")
    # What was shut before the rules came is somebody else's.
    m.put(INTERFACE + "/authorized", "0\n")
    _same, after = m.events("rules:blocked", "change:" + INTERFACE, "rules:any", "change:" + INTERFACE)
    equal(after[0]["MDM_MEDIA"], "none")
    equal(m.got(INTERFACE + "/authorized"), "0")


@test
def a_blocked_card_loses_its_driver(m):
    m.rules("blocked")
    equal(verdict(m.event("bind:" + CARD)[0]), "denied")
    equal(m.got("/bus/mmc/drivers/mmcblk/unbind"), "mmc0:aaaa")


@test
def what_is_soldered_in_is_never_touched(m):
    for choice in CHOICES:
        m.rules(choice)
        for properties, said in m.events(*("%s:%s" % (action, path) for action in ("add", "change", "bind")
                                           for path in (CHIP, CHIP_DISK, PLAIN))):
            equal(verdict(properties), "", choice)
            assert not [name for name in properties if name.startswith(("UDISKS", "MDM_MEDIA"))], said
    equal(m.got("/bus/mmc/drivers/mmcblk/unbind"), "")
    # Whatever is no storage behind a bus that has some is not even asked about.
    assert not asked(m.event("add:" + PLAIN)[1])


@test
def the_disk_of_the_system_is_passed_by(m):
    pins = ("cid=" + CID, "usb=%s,0781,5581,4C530001" % STICK)
    for choice in CHOICES:
        m.rules(choice, *pins)
        for _properties, said in m.events(*("%s:%s" % (action, path) for action in ("add", "change")
                                            for path in (CARD, CARD_DISK, INTERFACE, DISK))):
            assert not asked(said), said
    # A stick of the same kind with another number, or elsewhere, is not the system's.
    for pin in ("usb=%s,0781,5581,4C530002" % STICK, "usb=/devices/pci/usb1/1-2,0781,5581,4C530001"):
        m.rules("read_only", pin)
        assert asked(m.event("add:" + INTERFACE)[1])
    m.rules("read_only", "cid=" + CID[:-1] + "f")
    assert asked(m.event("add:" + CARD)[1])


@test
def without_the_program_desktops_leave_it_alone(m):
    for choice in CHOICES:
        m.rules(choice, program="/nonexistent/media")
        for path, meant in ((DISK, True), (CARD_DISK, True), (CHIP_DISK, False), (PLAIN, False)):
            properties, _said = m.events("add:" + path, program=False)[0]
            equal(properties.get("UDISKS_IGNORE", ""), "1" if meant and choice != "any" else "", choice + path)


@test
def removal_is_nobodys_business(m):
    m.rules("blocked")
    assert not asked(m.event("remove:" + INTERFACE)[1])


def make_contents(path):
    """What is on a stick, by the tools of this system."""
    key = path + ".key"
    with open(key, "wb") as f:
        f.write(b"secret")
    luks = ["cryptsetup", "luksFormat", "-q", "--type", "luks1", "--pbkdf-force-iterations", "1000", "--key-file", key, path]
    yield "nothing", [], True
    yield "ext4", [["mke2fs", "-q", "-F", "-t", "ext4", path]], False
    yield "swap", [["mkswap", path]], False
    yield "luks", [luks], True
    # A header of LUKS and a file system behind it: no desktop mounts it, and udev calls it LUKS.
    yield "luks over ext4", [["mke2fs", "-q", "-F", "-t", "ext4", path], luks], True


@test
def contents_as_blkid_sees_them(m):
    for program in ("losetup", "mke2fs", "cryptsetup", "mkswap", "blockdev"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/sbin:/usr/sbin"):
            raise Skipped("needs " + program)
    image = m.top + "/image"
    for choice in ("encrypted_only", "encrypted_read_only", "read_only"):
        m.rules(choice)
        for name, commands, allowed in make_contents(image):
            with open(image, "wb") as f:
                f.truncate(32 << 20)
            for command in commands:
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
            made = subprocess.run(["losetup", "--find", "--show", image], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  timeout=60, check=False)
            if made.returncode:
                raise Skipped("needs a loop device")
            m.loop = made.stdout.decode().strip()
            try:
                # A loop device remembers that it was read-only.
                subprocess.run(["blockdev", "--setrw", m.loop], check=True, timeout=60)
                status = os.stat(m.loop)
                m.numbers = os.major(status.st_rdev), os.minor(status.st_rdev)
                shutil.rmtree(m.top + "/sys" + DISK)
                for path in ("/class/block/sda", "/dev/block"):
                    subprocess.run(["rm", "-rf", m.top + "/sys" + path], check=True, timeout=30)
                m.stick_disk()
                m.put(SCSI + "/state", "running\n")
                properties, said = m.event("add:" + DISK)
            finally:
                subprocess.run(["blockdev", "--setrw", m.loop], check=True, timeout=60)
                subprocess.run(["losetup", "--detach", m.loop], check=True, timeout=60)
            allowed = allowed or choice == "read_only"
            equal(verdict(properties), "allowed" if allowed else "denied", "%s, %s: %s" % (choice, name, said))
            equal(m.got(SCSI + "/state"), "running" if allowed else "offline", name)
            equal(properties["ro"], "1" if allowed and "read_only" in choice else "0", name)


def main():
    names = sys.argv[2:]
    passed = failed = skipped = 0
    missing = None
    if os.geteuid() != 0:
        missing = "needs root, for a mount namespace"
    elif not shutil.which("udevadm", path=os.environ["PATH"] + ":/sbin:/usr/sbin"):
        missing = "needs udevadm"
    elif subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False, timeout=60).returncode:
        missing = "needs the right to a mount namespace"
    for function in TESTS:
        if names and function.__name__ not in names:
            continue
        try:
            if missing:
                raise Skipped(missing)
            with tempfile.TemporaryDirectory(prefix="mdm-media-") as top:
                function(Machine(top))
            passed += 1
        except Skipped as e:
            print("  skipped: %s: %s" % (function.__name__, e))
            skipped += 1
        except Exception as e:  # pylint: disable=broad-except
            print("FAILED %s: %s" % (function.__name__, e))
            failed += 1
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


sys.exit(main())
