#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-wipe cut off and gone on with, and where no keys are: wipe_resume.py OBJECT-TREE [NAME]"""

import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wipe_rig import MIB, SECRETS, Loop, Skip, equal, fake_disk, in_namespace, opens, plan_text, read, run, sectors, write  # noqa: E402
from wipe_suite_rig import PROGRAM, area_of, assert_gone, fake_card, luks, main, plain_file, progress, rig, state, test, wipe, wipe_plan  # noqa: E402


@test
def test_killed_everywhere():
    """Cut off at every operation and resumed: it always ends, and always with nothing left."""
    for kind in rig.uuids:
        n = 0
        while True:
            n += 1
            root = rig.root()
            path = rig.container(root, kind)
            done = wipe_plan(root, plan_text(luks(kind)), shim={"WIPE_SHIM_KILL": str(n)})
            if done.returncode == 0:
                break
            equal(done.returncode, -9)
            if not os.path.exists(state(root, "wipe.plan")):
                # Before the plan is stored nothing is touched; after it is removed all is done.
                untouched = read(path) == rig.original(kind)
                assert untouched or "discarded" in progress(root), "cut %d: neither begun nor finished" % n
            else:
                again = wipe(root, "--resume")
                equal((n, again.returncode), (n, 0))
                assert not os.path.exists(state(root, "wipe.plan"))
                untouched = False
            if not untouched:
                old = {s for s in sectors(rig.original(kind)[:area_of(kind)]) if s.strip(b"\0")}
                old = {s for s in old if b"user data" not in s}
                assert not old & set(sectors(read(path))), "cut %d of %s left keys" % (n, kind)
            shutil.rmtree(root)
        assert n > 15, "it was cut off %d times only" % n


@test
def test_moved_device():
    """After a restart the container has another number; found by its UUID, and no other one is touched."""
    root = rig.root()
    with Loop(root, rig.container(root, "luks1")) as first, Loop(root, rig.container(root, "luks2")) as second:
        write(state(root, "wipe.plan"), plan_text(luks("luks2", "dev/before", first.number)))
        write(state(root, "wipe.progress"), "5 started wipe-1\n")
        done = wipe(root, "--resume")
        equal((done.returncode, done.stderr), (0, ""))
        second.sync()
    assert_gone(os.path.join(root, "luks2"), "luks2")
    equal(opens(os.path.join(root, "luks1")), len(SECRETS))


@test
def test_late_device():
    """What is not there at a restart is not done: the plan stays, and the next boot destroys it."""
    for arguments, place in ((["--boot", "/bootdir"], "bootdir/mdm-agent-wipe"), ([], "var/lib/mdm-agent/wipe")):
        root = rig.root()
        os.makedirs(os.path.join(root, "bootdir"))
        path, other = rig.container(root, "luks2"), rig.container(root, "luks1")
        write(os.path.join(root, place + ".plan"), plan_text(luks("luks2"), luks("luks1")))
        write(os.path.join(root, place + ".progress"), "5 started wipe-1\n")
        said = lambda: [line.split(" ", 1)[1].rstrip()
                        for line in read(os.path.join(root, place + ".progress")).decode().splitlines()]
        os.rename(path, path + ".late")
        equal(wipe(root, "--resume", "--wait", "1", *arguments).returncode, 1)
        assert_gone(other, "luks1")
        late = "device 0 failed not there (yet), or something else is in its place"
        assert late in said() and "device 1 gone" in said() and "keys-left" in said(), said()
        assert "keys-gone" not in said() and os.path.exists(os.path.join(root, place + ".plan")), said()
        # Alone with it, early boot leaves it to the boot; the service ends the system and tries again.
        n = len(said())
        equal(wipe(root, "--resume", *arguments).returncode, 1)
        equal(said()[n:], [late, "device 1 gone before the restart", "keys-left"] +
              ([] if arguments else ["finishing none"]))
        os.rename(path + ".late", path)
        equal(opens(path), len(SECRETS))
        equal(wipe(root, "--resume", *arguments).returncode, 0)
        assert_gone(path, "luks2")
        assert said()[-2:] == ["discarded", "finishing none"] and "keys-gone" in said(), said()
        assert not os.path.exists(os.path.join(root, place + ".plan"))


@test
def test_something_else_in_its_place():
    """Another container of the same size where it was is not what the wipe made of it; a blank place is."""
    root = rig.root()
    path = rig.container(root, "luks2")
    done = wipe_plan(root, plan_text(luks("luks2")), shim={"WIPE_SHIM_KILL": "8"})
    equal(done.returncode, -9)
    assert any(line.startswith("found 0 0:0 %d " % (12 * MIB)) for line in progress(root)), progress(root)
    rig.container(root, "luks1", "luks2")
    equal(wipe(root, "--resume").returncode, 1)
    assert os.path.exists(state(root, "wipe.plan")) and "keys-left" in progress(root)
    equal(read(path), rig.original("luks1"))
    write(path, b"\0" * 11 * MIB)
    equal(wipe(root, "--resume").returncode, 1)
    write(path, b"\0" * 12 * MIB)
    equal(wipe(root, "--resume").returncode, 0)
    equal([line.rstrip() for line in progress(root)][-3:],
          ["device 0 gone before the restart: its place is blank", "keys-gone", "finishing none"])


@test
def test_copies():
    """Every device of the phone's own that has the header has the keys."""
    for resumed in (False, True):
        root = rig.root()
        paths = [rig.container(root, "luks2", "copy%d" % i) for i in range(3)]
        other = rig.container(root, "luks1")
        with Loop(root, paths[0]) as first, Loop(root, paths[1]) as second, Loop(root, paths[2]) as third, \
                Loop(root, other):
            text = plan_text(luks("luks2", "dev/x", second.number))
            if resumed:
                write(state(root, "wipe.plan"), text)
                write(state(root, "wipe.progress"), "5 started wipe-1\n")
            done = wipe(root, "--resume") if resumed else wipe_plan(root, text)
            equal((done.returncode, done.stderr), (0, ""))
            for loop in (first, second, third):
                loop.sync()
        for path in paths:
            assert_gone(path, "luks2")
        equal(opens(other), len(SECRETS))
        equal([line.rstrip() for line in progress(root)].count("device 0 gone"), 3)


@test
def test_not_recognisable():
    """Plain data known by their size alone are not touched after a restart, and early boot touches no directory."""
    root = rig.root()
    swap, home = os.path.join(root, "swap"), os.path.join(root, "home")
    write(swap, b"B" * MIB)
    write(os.path.join(home, "letter"), "x")
    path = rig.container(root, "luks2")
    devices = ["plain 0:0 /swap size=%d uuid=-" % MIB, luks("luks2"), "files 0:0 /home inode=%d" % os.stat(home).st_ino]
    os.makedirs(os.path.join(root, "bootdir"))
    for is_started in (False, True):
        write(os.path.join(root, "bootdir/mdm-agent-wipe.plan"), plan_text(*devices))
        write(os.path.join(root, "bootdir/mdm-agent-wipe.progress"), "5 started wipe-1\n" if is_started else "")
        rig.container(root, "luks2")
        equal(wipe(root, "--resume", "--boot", "/bootdir").returncode, 1)
        assert_gone(path, "luks2")
        equal(read(swap), b"B" * MIB)
        equal(os.listdir(home), ["letter"])
        said = read(os.path.join(root, "bootdir/mdm-agent-wipe.progress")).decode()
        for line in ("device 0 left cannot be recognised after a restart\n", "device 2 later its file system is not",
                     " keys-gone\n", " plain-left\n"):
            assert line in said, (line, said)
        # The directory is for whoever has the root.
        assert os.path.exists(os.path.join(root, "bootdir/mdm-agent-wipe.plan"))
    shutil.copy(os.path.join(root, "bootdir/mdm-agent-wipe.plan"), state(root, "wipe.plan"))
    shutil.copy(os.path.join(root, "bootdir/mdm-agent-wipe.progress"), state(root, "wipe.progress"))
    equal(wipe(root, "--resume").returncode, 1)
    equal((os.listdir(home), read(swap)), ([], b"B" * MIB))
    assert not os.path.exists(state(root, "wipe.plan"))


@test
def test_whose_plan():
    """Early boot believes no plan on a stick, and one on a card only for what is on the same card."""
    root = rig.root()
    os.makedirs(os.path.join(root, "bootdir"))
    st = os.stat(root)
    if os.major(st.st_dev) == 0:
        raise Skip("the temporary directory is on no device of its own")
    number = "%d:%d" % (os.major(st.st_dev), os.minor(st.st_dev))
    plan = os.path.join(root, "bootdir/mdm-agent-wipe.plan")
    said = os.path.join(root, "bootdir/mdm-agent-wipe.progress")
    write(plan, plan_text(luks("luks2", "dev/mmcblk0p1", "179:1"), luks("luks1", "dev/mmcblk1p2", "179:18"), is_test=False))

    def early():
        return wipe(root, "--resume", "--boot", "/bootdir")
    done = early()
    equal(done.returncode, 3)
    assert "the plan in /bootdir is no device that this system has; nothing was touched" in done.stderr, done.stderr
    fake_disk(root, number, "pci0/usb1/1-1/host0/block/sdb/sdb1", partition="1\n")
    done = early()
    equal(done.returncode, 3)
    assert "the plan in /bootdir is on USB; nothing was touched" in done.stderr, done.stderr
    assert not os.path.exists(said), "something was written to it"
    os.remove(os.path.join(root, "sys/dev/block", number))
    fake_card(root, "179:0", "mmcblk0", "MMC")
    fake_card(root, "179:16", "mmcblk1", part=number)
    fake_disk(root, "179:18", "platform/mmcblk1.mmc/mmc_host/mmcblk1/mmcblk1:0001/block/mmcblk1/mmcblk1p2",
              partition="2\n", dev="179:18\n")
    # There are no such devices to be opened: what is said of each tells that the second would have been.
    equal(early().returncode, 1)
    lines = read(said).decode()
    assert "device 0 failed not on the card that the plan is on\n" in lines, lines
    assert "device 1 failed not there (yet)" in lines, lines
    assert os.path.exists(plan)


@test
def test_big_plain_discards():
    """One that would take hours to write over is discarded at once, and what it reads as is looked at."""
    root = rig.root()
    path, text = plain_file(root, 24 << 30)
    with open(path, "r+b") as f:
        f.seek(-4096, os.SEEK_END)
        f.write(b"a letter " * 400)
    equal(wipe_plan(root, text, "--patience", "4").returncode, 0)
    with open(path, "rb") as f:
        f.seek(-4096, os.SEEK_END)
        equal(f.read().strip(b"\0"), b"")
        f.seek(0)
        assert b"\x1b\x4e\x28\xba" not in f.read(MIB)
    said = [line.rstrip() for line in progress(root)]
    equal(said[-3:], ["plain-gone", "discarded", "finishing none"])
    assert not os.path.exists(state(root, "wipe.plan"))


@test
def test_big_plain_goes_on():
    """Where nothing can be discarded each boot goes on where the last one ended, and it ends."""
    root = rig.root()
    path, text = plain_file(root, 96 * MIB)
    with open(path, "r+b") as f:
        for at in range(8 * MIB, 96 * MIB, MIB):
            f.seek(at)
            f.write(b"private " * 8)
    shim = {"WIPE_SHIM_KEEP": "1", "WIPE_SHIM_CRAWL": "plain"}
    equal(wipe_plan(root, text, "--patience", "3", shim=shim).returncode, 1)
    said = progress(root)
    wrote = int([line for line in said if line.startswith("wrote 0 ")][-1].split()[2])
    assert 4 * MIB <= wrote < 96 * MIB, wrote
    assert "plain-left" in said and "undiscarded" in said and "discarded" not in said, said
    assert b"private" not in read(path)[:wrote] and os.path.exists(state(root, "wipe.plan"))
    with open(path, "r+b") as f:
        f.seek(2 * MIB)
        f.write(b"not again")
    for _ in range(30):
        if wipe(root, "--resume", "--patience", "3", shim=shim).returncode == 0:
            break
    data = read(path)
    assert b"private" not in data and data[2 * MIB:][:9] == b"not again", "it began from the start"
    assert "plain-gone" in progress(root) and not os.path.exists(state(root, "wipe.plan")), progress(root)


@test
def test_plain_is_given_up():
    """What was tried everywhere once, and cannot all be written, is not tried at every boot for ever."""
    root = rig.root()
    _, text = plain_file(root, 8 * MIB)
    equal(wipe_plan(root, text, shim={"WIPE_SHIM_FAIL": "plain"}).returncode, 1)
    said = progress(root)
    assert "device 0 left Input/output error: data as they are: flash may keep old copies" in said, said
    assert "plain-left" in said and "undiscarded" in said, said
    assert not os.path.exists(state(root, "wipe.plan"))
    # Beside something that goes on it is not touched again, and is not said to be gone.
    write(state(root, "wipe.plan"), text)
    n = len(said)
    equal(wipe(root, "--resume").returncode, 1)
    equal(progress(root)[n:], ["device 0 left not all of it could be written over", "keys-gone", "plain-left",
                               "finishing none"])


@test
def test_plan_goes_last():
    """A plan that names what it lies in stays until all is done, however often it is cut off."""
    n = 0
    while True:
        n += 1
        root = rig.root()
        var = os.path.join(root, "var")
        for name in ("lib/mdm-agent/facts", "lib/mdm-agent/net/key", "lib/other/file", "log/x"):
            write(os.path.join(var, name), "secret")
        text = plan_text("files 0:0 /var inode=%d" % os.stat(var).st_ino)
        done = wipe_plan(root, text, shim={"WIPE_SHIM_KILL": str(n)})
        if done.returncode != 0:
            equal(done.returncode, -9)
            began = not os.path.exists(os.path.join(var, "lib/mdm-agent/facts")) or not os.path.exists(os.path.join(var, "log"))
            if os.path.exists(state(root, "wipe.plan")):
                equal((n, wipe(root, "--resume").returncode), (n, 0))
            elif began:
                assert "plain-gone" in progress(root), "cut %d: the plan went before the rest" % n
            else:
                continue
        left = [os.path.join(d, f) for d, _, files in os.walk(var) for f in files]
        equal((n, left), (n, [state(root, "wipe.progress")]))
        equal(os.listdir(var), ["lib"])
        if done.returncode == 0:
            break
        shutil.rmtree(root)
    assert n > 12, "it was cut off %d times only" % n


@test
def test_no_loop_of_boots():
    """Where all is gone and the plan cannot be removed, the system is not ended at each boot."""
    root = rig.root()
    write(os.path.join(root, "boot/mdm-agent-wipe.plan"), plan_text(luks("luks2")))
    write(os.path.join(root, "boot/mdm-agent-wipe.progress"), "5 started wipe-1\n6 device 0 gone \n")
    done = in_namespace("""
        mount --bind "$2/boot" "$2/boot"
        mount -o remount,bind,ro "$2/boot"
        status=0
        ASAN_OPTIONS=detect_leaks=0 "$1" --root "$2" --resume --boot /boot --progress-fd 3 3>&1 || status=$?
        echo "status $status"
        """, PROGRAM, root)
    assert " stuck the plan cannot be removed" in done.stdout and "finishing" not in done.stdout, done.stdout
    assert "status 1" in done.stdout, done.stdout


@test
def test_boot_partition():
    """The plan is also where early boot finds it without the passphrase, and is carried out from there."""
    root = rig.root()
    path = rig.container(root, "luks2")
    image = os.path.join(rig.base, "boot.img")
    with open(image, "wb") as f:
        f.truncate(2 * MIB)
    equal(run("mke2fs", "-q", "-F", image).returncode, 0)
    write(os.path.join(root, "plan"), plan_text(luks("luks2")))
    os.makedirs(os.path.join(root, "boot"))
    probe = run("unshare", "--mount", "sh", "-c", 'mount -o loop "$1" "$2/boot"', "sh", image, root)
    if probe.returncode != 0:
        raise Skip("no loop mounts: " + probe.stderr.strip())
    in_namespace("""
        mount -o loop "$3" "$2/boot"
        export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0
        ! LD_PRELOAD="$4" WIPE_SHIM_KILL=12 "$1" --root "$2" "$2/plan" || exit 1
        [ -e "$2/boot/mdm-agent-wipe.plan" ] && [ -e "$2/var/lib/mdm-agent/wipe.plan" ]
        rm "$2/var/lib/mdm-agent/wipe.plan" "$2/var/lib/mdm-agent/wipe.progress"
        "$1" --root "$2" --resume --boot /boot
        [ ! -e "$2/boot/mdm-agent-wipe.plan" ]
        grep -q ' keys-gone$' "$2/boot/mdm-agent-wipe.progress"
        """, PROGRAM, root, image, rig.shim)
    assert_gone(path, "luks2")


@test
def test_nothing_to_resume():
    root = rig.root()
    done = wipe(root, "--resume")
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""))
    write(state(root, "wipe.plan"), "mdm-agent-wipe 1\nid x\n")
    done = wipe(root, "--resume")
    equal(done.returncode, 3)
    assert "nothing was touched" in done.stderr


sys.exit(main())
