# SPDX-License-Identifier: Apache-2.0
"""What the suites of mdm-agent-wipe have in common: the program, the rig, and running the tests.

Only files below a temporary directory, and loop devices on them, are ever named in a plan, every plan that
could be carried out says "test" or is about a tmpfs, and none ends a system."""

import os
import re
import shutil
import sys

from wipe_rig import Rig, Skip, equal, fake_disk, opens, plan_text, read, run, sectors, write

BUILD = os.path.abspath(sys.argv[1])
PROGRAM = os.path.join(BUILD, "mdm-agent-wipe")
TESTS = []


rig = Rig() if os.geteuid() == 0 and shutil.which("cryptsetup") else None


def test(function):
    TESTS.append(function)
    return function


def area_of(kind):
    """Where the data begin, as cryptsetup says."""
    text = run("cryptsetup", "luksDump", "--disable-locks", os.path.join(rig.base, kind + ".made")).stdout
    if kind == "luks1":
        return int(re.search(r"Payload offset:\s*(\d+)", text).group(1)) * 512
    return int(re.search(r"offset: (\d+) \[bytes\]", text).group(1))


def assert_gone(path, kind):
    """Not a sector of headers and key slots is left, anywhere."""
    area = area_of(kind)
    original = rig.original(kind)[:area]
    old = {s for s in sectors(original) if s.strip(b"\0")}
    # What lay there before cryptsetup came is no key.
    old = {s for s in old if b"user data" not in s}
    assert len(old) > 100, "the test has nothing to compare with"
    left = old & set(sectors(read(path)))
    assert not left, "%d sectors of headers and key slots are left" % len(left)
    assert opens(path) == 0, "a former passphrase opens it"
    assert run("cryptsetup", "isLuks", "--disable-locks", path).returncode != 0


def luks(kind, path=None, number="0:0"):
    return "luks %s /%s uuid=%s" % (number, path or kind, rig.uuids[kind])


def wipe(root, *arguments, shim=None, **more):
    env = dict(os.environ)
    if shim:
        env.update(shim, LD_PRELOAD=rig.shim)
        env["ASAN_OPTIONS"] = "verify_asan_link_order=0:detect_leaks=0"
    return run(PROGRAM, "--root", root, *arguments, env=env, **more)


def wipe_plan(root, text, *arguments, **more):
    path = os.path.join(root, "plan")
    write(path, text)
    return wipe(root, *arguments, path, **more)


def state(root, name):
    return os.path.join(root, "var/lib/mdm-agent", name)


def progress(root):
    return [line.split(" ", 1)[1] for line in read(state(root, "wipe.progress")).decode().splitlines()]


def fake_card(root, number, name, kind="SD", **more):
    """A card in its slot, as sysfs shows it: not removable. Its first partition has the next number."""
    device = "platform/%s.mmc/mmc_host/%s/%s:0001" % (name, name, name)
    write(os.path.join(root, "sys/devices", device, "type"), kind + "\n")
    for node in more.get("nodes", ()):
        write(os.path.join(root, "sys/devices/platform", name + ".mmc/of_node", node), "")
    disk = device + "/block/" + name
    part = "%s:%d" % (number.split(":")[0], int(number.split(":")[1]) + 1)
    part = more.get("part", part)
    fake_disk(root, number, disk, removable="0\n", dev=number + "\n")
    os.symlink("../../../" + name + ":0001", os.path.join(root, "sys/devices", disk, "device"))
    fake_disk(root, part, disk + "/" + name + "p1", partition="1\n", dev=part + "\n")


def plain_file(root, size):
    """A file system with a UUID, and what its plan says."""
    path = os.path.join(root, "plain")
    with open(path, "wb") as f:
        f.truncate(size)
    uuid = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    equal(run("mke2fs", "-q", "-F", "-t", "ext4", "-E", "nodiscard,lazy_itable_init=1", "-U", uuid, path).returncode, 0)
    return path, plan_text("plain 0:0 /plain size=%d uuid=%s" % (size, uuid))


def main():
    if not rig:
        print("skipped: root and cryptsetup are needed")
        print("0 passed, 0 failed, %d skipped" % len(TESTS))
        return 0
    passed = failed = skipped = 0
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    try:
        for function in TESTS:
            if wanted not in function.__name__:
                continue
            try:
                function()
                passed += 1
            except Skip as reason:
                print("  skipped: %s: %s" % (function.__name__, reason))
                skipped += 1
            except Exception as error:  # pylint: disable=broad-except
                print("FAILED %s: %s: %s" % (function.__name__, type(error).__name__, error))
                failed += 1
    finally:
        shutil.rmtree(rig.base)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0
