#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What early boot runs to go on with a wipe, as `make install` puts it in place: wipe_boot.py OBJECT-TREE

The scripts are the real ones, under dash and, where it is installed, busybox, and so are mdm-agent-wipe, LUKS
container, boot file system and mounts, in mount namespaces. Stand-ins: blkid, which names one device, and
initramfs-tools' functions for hooks, which write down what they are asked for."""

import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.path.abspath(sys.argv[1])
UUID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
TESTS = []


class Skip(Exception):
    pass


def test(function):
    TESTS.append(function)
    return function


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **more)


def good(*command, **more):
    done = run(*command, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


class Phone:
    """The files as they are installed, a boot partition in a file, a container in another."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="mdm-boot-", dir=os.environ.get("TMPDIR"))
        good("make", "-s", "-C", SOURCE, "install-services", "PREFIX=%s/usr" % self.top, "SYSCONFDIR=%s/etc" % self.top,
             "BUILD=" + self.path("build"), "SERVICES=mkinitfs initramfs-tools")
        os.makedirs(self.path("usr/libexec/mdm-agent"))
        shutil.copy(os.path.join(BUILD, "mdm-agent-wipe"), self.path("usr/libexec/mdm-agent/mdm-agent-wipe"))
        self.early = self.path("usr/share/mdm-agent/early-wipe.sh")
        # Directories and files of an initramfs are in the test's own.
        self.edit(self.early, "/mdm-agent-boot", self.path("mnt"))
        self.edit(self.early, "--resume", "--resume --root /")
        self.hook = self.path("usr/share/mkinitfs/hooks-extra/50-mdm-agent.sh")
        self.edit(self.hook, "/proc/cmdline", self.path("cmdline"))
        self.script = self.path("usr/share/initramfs-tools/scripts/init-premount/mdm-agent")
        self.edit(self.script, " /etc/mdm-agent", " " + self.path("etc/mdm-agent"))
        with open(self.path("boot.img"), "wb") as f:
            f.truncate(2 * 1024 * 1024)
        good("mke2fs", "-q", "-F", self.path("boot.img"))
        with open(self.path("luks"), "wb") as f:
            f.truncate(8 * 1024 * 1024)
        write(self.path("key"), "secret")
        good("cryptsetup", "luksFormat", "-q", "--disable-locks", "--type", "luks2", "--uuid", UUID, "--luks2-metadata-size",
             "16k", "--luks2-keyslots-size", "1m", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000",
             self.path("luks"), self.path("key"))
        write(self.path("bin/sleep"), '#!/bin/sh\necho slept >>"%s"\n' % self.path("slept"), 0o755)

    def path(self, name):
        return os.path.join(self.top, name)

    @staticmethod
    def edit(path, old, new):
        text = read(path)
        assert old in text, (path, old)
        write(path, text.replace(old, new), os.stat(path).st_mode & 0o777)

    def is_there(self, tag, before=""):
        """The stand-in: one device, or another one before it, by what it is asked for."""
        write(self.path("bin/blkid"), '#!/bin/sh\necho "$*" >>"%s"\ncase "$1 $2" in\n"-t %s") printf "%%s\\n" %s "$LOOP" ;;\n"-o value") echo ext2 ;;\n'
              "*) exit 2 ;;\nesac\n" % (self.path("asked"), tag, before), 0o755)

    def boot(self, shell, script, *arguments, plan=True):
        """Runs it as an initramfs does. What it said, and whether the plan is still there."""
        container = "device luks 0:0 %s uuid=%s" % (self.path("luks"), UUID)
        write(self.path("plan"), "mdm-agent-wipe 1\nid w\nfinish none\ntest\n%s\nend\n" % container)
        for name in ("asked", "slept"):
            write(self.path(name), "")
        done = run("unshare", "--mount", "sh", "-euc", """
            LOOP=$(losetup --find --show "$1/boot.img")
            export LOOP PATH="$1/bin:$PATH"
            trap 'losetup --detach "$LOOP"' EXIT
            mkdir -p "$1/look"
            mount "$LOOP" "$1/look"
            rm -f "$1/look/mdm-agent-wipe."*
            [ -z "$2" ] || cp "$1/plan" "$1/look/mdm-agent-wipe.plan"
            umount "$1/look"
            top=$1 shell=$3
            shift 3
            $shell "$@"
            ! mountpoint -q "$top/mnt"
            [ ! -e "$top/mnt" ]
            mount -o ro "$LOOP" "$top/look"
            ls "$top/look"
            umount "$top/look"
            """, "sh", self.top, "yes" if plan else "", shell, script, *arguments)
        if "losetup" in done.stderr and done.returncode != 0:
            raise Skip("no loop devices: " + done.stderr.strip())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def opens(self):
        return run("cryptsetup", "open", "--disable-locks", "--test-passphrase", "--key-file", self.path("key"),
                   self.path("luks")).returncode == 0


def shells():
    return ["dash"] + (["busybox sh"] if shutil.which("busybox") else [])


def with_phone(check):
    for shell in shells():
        phone = Phone()
        try:
            check(phone, shell)
        finally:
            shutil.rmtree(phone.top)


@test
def postmarketos_goes_on():
    def check(phone, shell):
        phone.is_there("UUID=ABCD-1234")
        write(phone.path("cmdline"), "quiet pmos_boot_uuid=ABCD-1234 pmos_root_uuid=x splash\n")
        assert phone.opens()
        said = phone.boot(shell, phone.hook)
        assert "a wipe was cut off; it goes on" in said and "mdm-agent-wipe.plan" not in said, said
        assert "mdm-agent-wipe.progress" in said, said
        assert not phone.opens()
    with_phone(check)


@test
def postmarketos_by_label():
    def check(phone, shell):
        phone.is_there("LABEL=pmOS_boot")
        write(phone.path("cmdline"), "quiet\n")
        phone.boot(shell, phone.hook)
        assert not phone.opens()
    with_phone(check)


@test
def another_of_that_name_hides_no_plan():
    """Of two with the label the first has no file system that can be mounted."""
    def check(phone, shell):
        phone.is_there("LABEL=pmOS_boot", before=phone.path("plan"))
        write(phone.path("cmdline"), "quiet\n")
        said = phone.boot(shell, phone.hook)
        assert "it goes on" in said and "mdm-agent-wipe.plan" not in said, said
        assert not phone.opens()
    with_phone(check)


@test
def without_a_plan_nothing_happens():
    def check(phone, shell):
        phone.is_there("LABEL=pmOS_boot")
        write(phone.path("cmdline"), "quiet\n")
        said = phone.boot(shell, phone.hook, plan=False)
        assert said.split() == ["lost+found"], said
        assert phone.opens()
        assert read(phone.path("slept")) == "", "a boot without a plan waited"
    with_phone(check)


@test
def a_boot_partition_that_does_not_come_is_not_waited_for_long():
    """Seconds are counted, which busybox would sleep by itself."""
    phone = Phone()
    try:
        phone.is_there("LABEL=another")
        write(phone.path("cmdline"), "pmos_boot_uuid=ABCD-1234\n")
        phone.boot("dash", phone.hook)
        assert read(phone.path("slept")).count("slept") == 10
        write(phone.path("cmdline"), "quiet\n")
        phone.boot("dash", phone.hook)
        assert read(phone.path("slept")).count("slept") == 2
        assert phone.opens()
    finally:
        shutil.rmtree(phone.top)


@test
def debian_goes_on():
    def check(phone, shell):
        phone.is_there("UUID=ABCD-1234")
        assert good("sh", phone.script, "prereqs") == "udev\n"
        # Without a boot partition of its own nothing was recorded, and nothing is done.
        phone.boot(shell, phone.script)
        assert phone.opens() and read(phone.path("asked")) == ""
        write(phone.path("etc/mdm-agent/boot-uuid"), "ABCD-1234\n")
        phone.boot(shell, phone.script)
        assert not phone.opens()
    with_phone(check)


@test
def a_plan_that_is_none_stops_no_boot():
    def check(phone, shell):
        phone.is_there("LABEL=pmOS_boot")
        write(phone.path("cmdline"), "quiet\n")
        phone.edit(phone.early, "if [ -e", "echo broken >\"$directory/x\" 2>/dev/null\nif [ -e")
        write(phone.path("usr/libexec/mdm-agent/mdm-agent-wipe"), "#!/bin/sh\nexit 3\n", 0o755)
        said = phone.boot(shell, phone.hook)
        assert "the wipe ended with status 3" in said and "mdm-agent-wipe.plan" in said, said
        # Looked at read-only: what would have been written before is not there.
        assert "\nx\n" not in said, said
    with_phone(check)


@test
def debian_hook_takes_what_is_needed():
    phone = Phone()
    try:
        hook = phone.path("usr/share/initramfs-tools/hooks/mdm-agent")
        phone.edit(hook, "/usr/share/initramfs-tools/hook-functions", phone.path("functions"))
        write(phone.path("functions"), 'copy_exec() { echo "exec $*"; }\ncopy_file() { echo "file $*"; }\n'
              'manual_add_modules() { echo "modules $*"; }\n')
        environment = dict(os.environ, DESTDIR=phone.path("initramfs"), PATH=phone.path("bin") + ":" + os.environ["PATH"])
        found = '#!/bin/sh\ncase "$3 $5" in\n"UUID /boot") echo %s ;;\n"FSTYPE /boot") echo vfat ;;\n"UUID /") echo R ;;\nesac\n'
        write(phone.path("bin/findmnt"), found % "ABCD-1234", 0o755)
        said = good("sh", hook, env=environment).splitlines()
        assert said[:2] == ["exec " + phone.path("usr/libexec/mdm-agent/mdm-agent-wipe"), "file script " + phone.early], said
        assert said[2].startswith("exec ") and said[2].endswith(" /sbin/blkid") and said[3].startswith("modules vfat "), said
        assert read(phone.path("initramfs/etc/mdm-agent/boot-uuid")) == "ABCD-1234\n"
        # A boot directory on the root's own file system is no boot partition.
        write(phone.path("bin/findmnt"), found % "R", 0o755)
        assert good("sh", hook, env=environment) == ""
        assert good("sh", hook, "prereqs", env=environment) == ""
    finally:
        shutil.rmtree(phone.top)


@test
def mkinitfs_list_names_what_is_installed():
    phone = Phone()
    try:
        listed = read(phone.path("usr/share/mkinitfs/files-extra/50-mdm-agent.files")).split()
        assert len(listed) == 2 and all(os.access(path, os.X_OK) for path in listed), listed
    finally:
        shutil.rmtree(phone.top)


def main():
    if os.geteuid() != 0 or not shutil.which("cryptsetup") or run("unshare", "--mount", "true").returncode != 0:
        print("  skipped: root, cryptsetup and mount namespaces are needed")
        print("0 passed, 0 failed, %d skipped" % len(TESTS))
        return 0
    passed = failed = skipped = 0
    for function in TESTS:
        try:
            function()
            passed += 1
        except Skip as reason:
            print("  skipped: %s: %s" % (function.__name__, reason))
            skipped += 1
        except Exception as error:  # pylint: disable=broad-except
            print("FAILED %s: %s: %s" % (function.__name__, type(error).__name__, error))
            failed += 1
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


sys.exit(main())
