#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-wipe on containers that cryptsetup made: wipe.py OBJECT-TREE [NAME]"""

import os
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wipe_rig import MIB, Loop, Skip, equal, fake_disk, in_namespace, opens, plan_text, read, run, sectors, write  # noqa: E402
from wipe_suite_rig import PROGRAM, area_of, assert_gone, fake_card, luks, main, progress, rig, state, test, wipe, wipe_plan  # noqa: E402


@test
def test_keys_are_gone():
    """Two containers with three secrets each; data behind the keys are discarded."""
    root = rig.root()
    paths = {kind: rig.container(root, kind) for kind in rig.uuids}
    done = wipe_plan(root, plan_text(luks("luks1"), luks("luks2")))
    equal((done.returncode, done.stderr), (0, ""))
    for kind, path in paths.items():
        assert_gone(path, kind)
        equal(len(read(path)), 12 * MIB)
        equal(read(path).strip(b"\0"), b"")
    assert not os.path.exists(state(root, "wipe.plan")), "the plan stayed"
    said = progress(root)
    equal(said[0], "started wipe-1")
    equal([line.rstrip() for line in said[1:] if not line.startswith("found ")],
          ["device 0 gone", "device 1 gone", "keys-gone", "discarded", "finishing none"])


@test
def test_nothing_else_is_touched():
    """Where nothing can be discarded the data stay as they were, and nothing opens them."""
    for kind in rig.uuids:
        root = rig.root()
        path = rig.container(root, kind)
        done = wipe_plan(root, plan_text(luks(kind)), shim={"WIPE_SHIM_KEEP": "1"})
        equal(done.returncode, 0)
        assert_gone(path, kind)
        area = area_of(kind)
        assert read(path)[area:] == rig.original(kind)[area:], "data were written over"
        assert "undiscarded" in progress(root)


@test
def test_no_repair():
    """Neither cryptsetup's repair nor what is left where the second header was brings it back."""
    root = rig.root()
    path = rig.container(root, "luks2")
    equal(wipe_plan(root, plan_text(luks("luks2")), shim={"WIPE_SHIM_KEEP": "1"}).returncode, 0)
    assert run("cryptsetup", "repair", "-q", "--disable-locks", path, stdin=subprocess.DEVNULL).returncode != 0
    equal(opens(path), 0)
    assert b"SKUL\xba\xbe" not in read(path) and b"LUKS\xba\xbe" not in read(path)
    # The same on a container of which only the first header was broken: there the second one does it.
    broken = rig.container(root, "luks2", "broken")
    with open(broken, "r+b") as f:
        f.write(b"\0" * 4096)
    assert opens(broken) > 0, "cryptsetup does not use the second header; nothing was compared"


@test
def test_broken_first_header():
    """A container whose first header is broken is known by its second."""
    root = rig.root()
    path = rig.container(root, "luks2")
    with open(path, "r+b") as f:
        f.write(b"\xff" * 4096)
    equal(wipe_plan(root, plan_text(luks("luks2"))).returncode, 0)
    assert_gone(path, "luks2")


@test
def test_mismatch():
    """Another container than the plan means: refused, and none is touched, not even the right one."""
    root = rig.root()
    right, wrong = rig.container(root, "luks1"), rig.container(root, "luks2")
    text = plan_text(luks("luks1"), "luks 0:0 /luks2 uuid=00000000-0000-4000-8000-000000000000")
    checked = wipe_plan(root, text, "--check")
    equal(checked.returncode, 3)
    assert "device 1 luks /luks2 mismatch " in checked.stdout and "verdict refused" in checked.stdout, checked.stdout
    done = wipe_plan(root, text)
    equal(done.returncode, 3)
    assert "nothing was touched" in done.stderr, done.stderr
    assert read(right) == rig.original("luks1") and read(wrong) == rig.original("luks2")
    assert not os.path.exists(state(root, "wipe.plan"))


@test
def test_check_touches_nothing():
    root = rig.root()
    path = rig.container(root, "luks2")
    before = os.stat(path).st_mtime_ns
    os.makedirs(os.path.join(root, "home/user"))
    inode = os.stat(os.path.join(root, "home")).st_ino
    done = wipe_plan(root, plan_text(luks("luks2"), "files 0:0 /home inode=%d" % inode), "--check")
    equal((done.returncode, done.stderr), (0, ""))
    equal(done.stdout.splitlines(), [
        "device 0 luks /luks2 ready LUKS2, %d bytes of headers and key slots" % area_of("luks2"),
        "device 1 files /home ready files without encryption: flash may keep old copies of them",
        "verdict ready"])
    equal(os.stat(path).st_mtime_ns, before)
    assert read(path) == rig.original("luks2")
    equal(os.listdir(os.path.join(root, "var/lib/mdm-agent")), [])


@test
def test_one_fails():
    """A device that cannot be written does not keep the others; it is named and the plan stays."""
    root = rig.root()
    rig.container(root, "luks1")
    path = rig.container(root, "luks2")
    done = wipe_plan(root, plan_text(luks("luks1"), luks("luks2")), shim={"WIPE_SHIM_FAIL": "luks1"})
    equal(done.returncode, 1)
    assert_gone(path, "luks2")
    said = progress(root)
    assert "device 0 failed Input/output error" in said and "keys-left" in said, said
    assert "device 1 gone" in [line.rstrip() for line in said], said
    assert os.path.exists(state(root, "wipe.plan"))
    # Later it can: the resumed wipe finishes it.
    equal(wipe(root, "--resume").returncode, 0)
    equal(opens(os.path.join(root, "luks1")), 0)


@test
def test_one_hangs():
    """A device that hangs is given up after the time for it."""
    root = rig.root()
    rig.container(root, "luks1")
    path = rig.container(root, "luks2")
    done = wipe_plan(root, plan_text(luks("luks1"), luks("luks2")), "--patience", "2",
                     shim={"WIPE_SHIM_HANG": "luks1"})
    equal(done.returncode, 1)
    assert_gone(path, "luks2")
    assert "device 0 hung" in [line.rstrip() for line in progress(root)], progress(root)


@test
def test_discarding_hangs():
    """Keys that are written over are gone, however long the device takes to discard them."""
    root = rig.root()
    path = rig.container(root, "luks2")
    wipe_plan(root, plan_text(luks("luks2")), "--patience", "2", shim={"WIPE_SHIM_SLOW": "luks2"})
    assert "device 0 gone to discard them takes longer" in progress(root) and "keys-gone" in progress(root), progress(root)
    assert_gone(path, "luks2")


@test
def test_read_only_device():
    """One that the kernel holds read-only is named; the other goes."""
    root = rig.root()
    path = rig.container(root, "luks2")
    with Loop(root, rig.container(root, "luks1")) as loop:
        equal(run("blockdev", "--setro", loop.device).returncode, 0)
        text = plan_text(luks("luks1", "dev/x", loop.number), luks("luks2"))
        checked = wipe_plan(root, text, "--check")
        assert "device 0 luks /dev/x failed cannot be written: " in checked.stdout, checked.stdout
        equal(checked.stdout.splitlines()[-1], "verdict partly")
        equal((checked.returncode, wipe_plan(root, text).returncode), (1, 1))
    assert_gone(path, "luks2")
    assert os.path.exists(state(root, "wipe.plan"))


@test
def test_everything_hangs():
    """Where the very file system of the plan hangs, the program ends all the same; at boot it is resumed."""
    root = rig.root()
    rig.container(root, "luks2")
    done = wipe_plan(root, plan_text(luks("luks2")), "--patience", "2", shim={"WIPE_SHIM_HANG": "wipe.progress"})
    equal(done.returncode, 1)
    assert os.path.exists(state(root, "wipe.plan"))
    equal(wipe(root, "--resume").returncode, 0)
    equal(opens(os.path.join(root, "luks2")), 0)


@test
def test_refused_plans():
    """What is no plan, and what only looks like a test."""
    root = rig.root()
    path = rig.container(root, "luks2")
    good = plan_text(luks("luks2"))
    for text in ("", good[:-1], good + "x\n", good.replace("wipe 1", "wipe 2"), good.replace("none", "poweroff"),
                 good.replace("/luks2", "/../luks2"), good.replace("test\n", "test \n"),
                 good.replace("end", "end\0"), "x" * 5000):
        done = wipe_plan(root, text)
        equal((text, done.returncode), (text, 3))
    # A file is no device of a phone.
    done = wipe_plan(root, plan_text(luks("luks2"), is_test=False))
    equal(done.returncode, 3)
    assert "a file, and the plan is no test" in done.stderr, done.stderr
    assert read(path) == rig.original("luks2")


@test
def test_foreign_devices():
    """What is not the phone's own is refused, by what sysfs says (written by the test)."""
    root = rig.root()
    fake_disk(root, "8:16", "pci0/usb1/1-1/host0/block/sdb")
    fake_disk(root, "8:17", "pci0/usb1/1-1/host0/block/sdb/sdb1", partition="1\n")
    fake_disk(root, "8:32", "platform/host1/block/sdc", removable="1\n")
    fake_disk(root, "8:33", "platform/host1/block/sdc/sdc1", partition="1\n")
    fake_disk(root, "43:0", "virtual/block/nbd0", removable="0\n")
    fake_disk(root, "8:48", "platform/host2/session1/target/block/sdd", removable="0\n")
    fake_disk(root, "254:0", "virtual/block/zram0")
    fake_disk(root, "253:0", "virtual/block/dm-0", slaves__sdc__dev="8:32\n")
    fake_disk(root, "253:1", "virtual/block/dm-1")
    fake_disk(root, "7:0", "virtual/block/loop0", loop__backing_file="/image\n")
    write(os.path.join(root, "image"), "no device")
    for number, reason in (("8:16", "on USB"), ("8:17", "on USB"), ("8:32", "removable"), ("8:33", "removable"),
                           ("43:0", "storage of another machine"), ("8:48", "storage of another machine"),
                           ("254:0", "memory"), ("253:0", "removable"),
                           ("253:1", "on something that cannot be found"), ("7:0", "a loop device on a file"),
                           ("8:64", "no device that this system has")):
        done = wipe_plan(root, plan_text(luks("luks2", "dev/x", number), is_test=False), "--check")
        equal(done.returncode, 3)
        assert "device 0 luks /dev/x foreign %s\n" % reason in done.stdout, (number, done.stdout)
    # And a test takes nothing but loop devices, whatever they are.
    fake_disk(root, "179:0", "platform/mmc/block/mmcblk0", removable="0\n")
    done = wipe_plan(root, plan_text(luks("luks2", "dev/x", "179:0")), "--check")
    assert "foreign no loop device, and the plan is a test" in done.stdout, done.stdout


@test
def test_cards():
    """A memory card says that it is not removable; it is the phone's own only where the phone runs from it."""
    def verdict(number, kind="luks"):
        device = luks("luks2", "dev/x", number) if kind == "luks" else \
            "plain %s /dev/x size=%d uuid=-" % (number, MIB)
        return wipe_plan(root, plan_text(device, is_test=False), "--check").stdout

    root = rig.root()
    fake_card(root, "179:0", "mmcblk0", "MMC")
    fake_card(root, "179:16", "mmcblk1")
    fake_card(root, "179:32", "mmcblk2", "SDcombo")
    fake_card(root, "179:48", "mmcblk3", "SD", nodes=["non-removable"])
    fake_card(root, "179:64", "mmcblk4", "MMC", nodes=["cd-gpios"])
    fake_disk(root, "253:0", "virtual/block/dm-0", slaves__mmcblk0p1__dev="179:1\n", slaves__mmcblk1p1__dev="179:17\n")
    for number in ("179:16", "179:17", "179:32", "179:65", "253:0"):
        for kind in ("luks", "plain"):
            said = verdict(number, kind)
            assert " /dev/x foreign a memory card\n" in said, (number, said)
    for number in ("179:1", "179:49"):
        assert "foreign" not in verdict(number), (number, verdict(number))
    # The root directory of the test lies on a device of this machine; sysfs, written by the test, says on what.
    st = os.stat(root)
    if os.major(st.st_dev) == 0:
        raise Skip("the temporary directory is on no device of its own")
    number = "%d:%d" % (os.major(st.st_dev), os.minor(st.st_dev))
    fake_disk(root, number, "virtual/block/dm-9", slaves__mmcblk1p1__dev="179:17\n")
    for part in ("179:16", "179:17"):
        assert "foreign" not in verdict(part), (part, verdict(part))
    assert "foreign a memory card" in verdict("179:32"), verdict("179:32")


@test
def test_loop_device():
    """A block device: written past the cache, discarded, and gone in the file below it."""
    for kind in rig.uuids:
        root = rig.root()
        path = rig.container(root, kind)
        with Loop(root, path) as loop:
            name = loop.device.lstrip("/")
            done = wipe_plan(root, plan_text(luks(kind, name, loop.number)))
            equal((done.returncode, done.stderr), (0, ""))
            loop.sync()
        assert_gone(path, kind)
        assert "discarded" in progress(root), progress(root)


@test
def test_plain_device():
    """Plain data: written over; known by the file system's UUID, and refused where that is another one."""
    root = rig.root()
    path = os.path.join(root, "plain")
    write(path, b"private " * (4 * MIB // 8))
    uuid = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    done = run("mke2fs", "-q", "-F", "-t", "ext4", "-E", "nodiscard", "-U", uuid, path)
    equal(done.returncode, 0)
    device = "plain 0:0 /plain size=%d uuid=%s" % (4 * MIB, uuid)
    for wrong in (device.replace("1b4e", "1b4f"), device.replace("size=4", "size=5")):
        equal(wipe_plan(root, plan_text(wrong)).returncode, 3)
    assert b"private private" in read(path)
    equal(wipe_plan(root, plan_text(device), shim={"WIPE_SHIM_KEEP": "1"}).returncode, 0)
    data = read(path)
    assert b"private" not in data and len(set(sectors(data))) == len(data) // 512
    equal(wipe_plan(root, plan_text(device)).returncode, 3)


@test
def test_files():
    """Users' files go, whatever they did to them; links are not followed; mounts stay, be they of the same
    file system."""
    root = rig.root()
    home = os.path.join(root, "home")
    outside = os.path.join(root, "outside")
    write(os.path.join(outside, "kept"), "kept")
    write(os.path.join(home, "user/.ssh/id"), "secret")
    os.symlink(outside, os.path.join(home, "user/link"))
    os.symlink("../../outside/kept", os.path.join(home, "user/file-link"))
    os.link(os.path.join(outside, "kept"), os.path.join(home, "user/hard"))
    os.mkfifo(os.path.join(home, "user/fifo"))
    os.makedirs(os.path.join(home, "user", *["deep"] * 90))
    for name in ("tmpfs", "bind"):
        os.makedirs(os.path.join(home, "user/mounts", name))
    write(os.path.join(home, "user/mounts/file"), "mounted over")
    inode = os.stat(home).st_ino
    write(os.path.join(root, "plan"), plan_text("files 0:0 /home inode=%d" % inode))
    in_namespace("""
        mount -t tmpfs none "$2/home/user/mounts/tmpfs"
        mount --bind "$2/outside" "$2/home/user/mounts/bind"
        mount --bind "$2/outside/kept" "$2/home/user/mounts/file"
        echo kept >"$2/home/user/mounts/tmpfs/kept"
        "$1" --root "$2" "$2/plan" || true
        [ "$(cat "$2/home/user/mounts/tmpfs/kept")" = kept ]
        [ "$(cat "$2/home/user/mounts/bind/kept")" = kept ]
        """, PROGRAM, root)
    equal(sorted(os.listdir(os.path.join(home, "user"))), ["mounts"])
    equal(read(os.path.join(outside, "kept")), b"kept")
    # Without the mounts nothing of it stays.
    equal(wipe_plan(root, plan_text("files 0:0 /home inode=%d" % inode)).returncode, 0)
    equal(os.listdir(home), [])
    # Another directory of that name, and a link to one.
    os.rename(home, home + ".old")
    write(os.path.join(home, "user/file"), "x")
    equal(wipe_plan(root, plan_text("files 0:0 /home inode=%d" % inode)).returncode, 3)
    shutil.rmtree(home)
    os.symlink("home.old", home)
    equal(wipe_plan(root, plan_text("files 0:0 /home inode=%d" % inode)).returncode, 3)


@test
def test_the_end():
    """reboot(2) is called as the plan says. In a PID namespace it ends that alone, by a signal that tells what was
    asked for; the files are on a tmpfs, and the root directory has no sysrq."""
    probe = run("unshare", "--mount", "--pid", "--fork", "sh", "-c", 'exit "$$"')
    if probe.returncode != 1:
        raise Skip("no PID namespaces")
    for finish, number in (("poweroff", 2), ("reboot", 1)):
        root = rig.root()
        os.makedirs(os.path.join(root, "home"))
        write(os.path.join(root, "plan"), plan_text("files 0:0 /home inode=1", finish=finish, is_test=False))
        done = run("unshare", "--mount", "--pid", "--fork", "sh", "-euc", """
            [ "$$" -eq 1 ]
            mount -t tmpfs none "$2/home"
            mkdir "$2/home/user"
            inode=$(stat -c %i "$2/home")
            sed -i "s/inode=1/inode=$inode/" "$2/plan"
            "$1" --root "$2" "$2/plan"
            echo "it came back" >&2
            """, "sh", PROGRAM, root)
        assert "it came back" not in done.stderr, done.stderr
        equal((finish, done.returncode), (finish, -number))
        equal(progress(root)[-1], "finishing " + finish)
        assert not os.path.exists(state(root, "wipe.plan"))


@test
def test_tpm_that_hangs():
    """It costs five seconds, however many objects are in it, and not the rest. The TPM is a pipe that nobody reads."""
    root = rig.root()
    for name in ("home", "dev"):
        os.makedirs(os.path.join(root, name))
    os.mkfifo(os.path.join(root, "dev/tpmrm0"))
    write(os.path.join(root, "plan"), plan_text("files 0:0 /home inode=1", is_test=False, more="tpm 81000001\ntpm 81000002\n"))
    in_namespace("""
        mount -t tmpfs none "$2/home"
        mkdir "$2/home/user"
        inode=$(stat -c %i "$2/home")
        sed -i "s/inode=1/inode=$inode/" "$2/plan"
        export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0
        LD_PRELOAD="$3" WIPE_SHIM_HANG=tpmrm0 "$1" --root "$2" "$2/plan"
        [ ! -e "$2/home/user" ]
        """, PROGRAM, root, rig.shim)
    equal([line.split()[:3] for line in progress(root) if line.startswith("tpm ")],
          [["tpm", "81000001", "left"], ["tpm", "81000002", "left"]])
    times = {line.split(" ", 2)[1]: int(line.split(" ", 1)[0]) for line in read(state(root, "wipe.progress")).decode().splitlines()}
    # Far from the two minutes of the thread that ends everything.
    assert times["tpm"] - times["keys-gone"] < 30000, times


@test
def test_detached():
    """It outlives who started it, in a session of its own, and says how far it is on a descriptor."""
    root = rig.root()
    rig.container(root, "luks2")
    write(os.path.join(root, "plan"), plan_text(luks("luks2")))
    reader, writer = os.pipe()
    done = run(PROGRAM, "--root", root, "--detach", "--progress-fd", str(writer), os.path.join(root, "plan"),
               pass_fds=[writer])
    equal(done.returncode, 0)
    os.close(writer)
    with os.fdopen(reader) as f:
        said = f.read()
    assert "started wipe-1\n" in said and " keys-gone\n" in said and said.endswith("finishing none\n"), said
    deadline = time.monotonic() + 30
    while os.path.exists(state(root, "wipe.plan")) and time.monotonic() < deadline:
        time.sleep(0.05)
    equal(opens(os.path.join(root, "luks2")), 0)


sys.exit(main())
