#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The life of the packages in a root like a phone's, with the stand-in for apk, real programs, a real server: install,
enrol, upgrade, refuse to be removed, leave, remove. life.py BUILD_DIR OUT (what abuild.sh made). Needs root; mounts and
processes stay in namespaces of their own."""

import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../system")]
from mdmctl_rig import Admin, Server  # noqa: E402
from agent_rig import LOCKER, wait_for  # noqa: E402
from apk_db import version_key  # noqa: E402
from packaging_rig import Root, differences, facts, files_below, good, inside, main, read, write  # noqa: E402

POLICY = {"screen_lock": {"enabled": True, "idle_delay": 120}}
OPENRC = ("openrc=0.62.6-r0", "docs=1-r0", "bash-completion=2.16-r0")
SYSTEMD = ("systemd=261.2-r0",)


def older(out, top):
    """The package as an earlier version of it may have been: a file more, a file less, another default in /etc."""
    path = top + "/older"
    if os.path.exists(path):
        return path
    for part in ("pkg", "info", "files", "scripts"):
        shutil.copytree(os.path.join(out, part), os.path.join(path, part), symlinks=True)
    version = facts(out, "mdm-agent")["pkgver"][0]
    for info in glob.glob(path + "/info/*"):
        write(info, read(info).replace(version, "0.0.9-r3"))
    write(path + "/pkg/mdm-agent/usr/libexec/mdm-agent/mdm-agent-old", "#!/bin/sh\n", 0o755)
    with open(path + "/files/mdm-agent", "a") as f:
        f.write("f 0755 root:root usr/libexec/mdm-agent/mdm-agent-old\n")
    os.unlink(path + "/pkg/mdm-agent/etc/geoclue/conf.d/90-mdm-agent.conf")
    manifest = read(path + "/files/mdm-agent")
    write(path + "/files/mdm-agent", re.sub(r".* etc/geoclue.*\n", "", manifest))
    confd = path + "/pkg/mdm-agent-openrc/etc/conf.d/mdm-agentd"
    write(confd, "# an earlier default\n" + read(confd))
    script = path + "/pkg/mdm-agent-openrc/etc/init.d/mdm-agentd"
    write(script, read(script) + "# earlier\n", 0o755)
    return path


class Phone:
    """A root with the package, and the agent in it."""

    def __init__(self, top, out, *base):
        programs = glob.glob(out + "/pkg/mdm-agent*/usr/*bin/*") + glob.glob(out + "/pkg/mdm-agent/usr/libexec/*/*")
        self.root = Root(tempfile.mkdtemp(dir=top), *base, programs=programs)
        os.chmod(self.root.top, 0o755)
        shutil.copy(HERE + "/apk_inside.sh", self.root.path("usr/sbin/apk"))
        good("mount", "-t", "proc", "proc", self.root.path("proc"))
        write(self.root.path("etc/os-release"), "ID=postmarketos\nVERSION_ID=26.06\nPRETTY_NAME=\"postmarketOS\"\n")
        write(self.root.path("usr/bin/plasmashell"), "", 0o755)
        write(self.root.path(LOCKER), "[Daemon]\nAutolock=false\nTimeout=30\n")
        self.process = None

    def start(self):
        os.makedirs(self.root.path("run/mdm-agent"), exist_ok=True)
        self.log = open(self.root.path("var/log/agent"), "a")
        self.process = subprocess.Popen(["chroot", self.root.top, "/usr/sbin/mdm-agentd"], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, env={"PATH": "/usr/sbin:/usr/bin"})
        wait_for("the agent's answer: " + read(self.root.path("var/log/agent")), lambda: self.ctl("status").returncode == 0)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
            self.process = None

    def ctl(self, *args, **options):
        return self.root.run("agentctl", *args, **options)

    def enrol(self, admin):
        ticket = admin.json("ticket", "new", "--group", "staff")["uri"]
        write(self.root.path("root/ticket"), ticket)
        done = self.root.run("sh", "-c", "agentctl enroll --yes - </root/ticket")
        assert done.returncode == 0, done.stdout + read(self.root.path("var/log/agent"))
        os.unlink(self.root.path("root/ticket"))
        wait_for("the policy", lambda: "Autolock[$i]=true" in read(self.root.path(LOCKER)))

    def join(self, admin, repository):
        """Gets the package, starts its agent and enrols."""
        done_well(self.root.apk("add", "mdm-agent", "--repo", repository))
        self.start()
        self.enrol(admin)

    def leave(self):
        done = self.ctl("unenroll", "--yes")
        assert done.returncode == 0, done.stdout


def organisation(top):
    admin = Admin(tempfile.mkdtemp(dir=top))
    server = Server(admin)
    admin.policy("p.json", POLICY)
    admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
    admin.ok("policy", "push", "p.jws")
    return admin, server


def done_well(done):
    assert done.returncode == 0 and "ERROR" not in done.stdout, done.stdout
    return done.stdout


def versions_are_compared(_top, _out):
    row = ["0.9-r9", "0.10_alpha1-r0", "0.10_rc2-r0", "0.10-r0", "0.10-r2", "0.10-r10", "0.10.1-r0"]
    assert sorted(row, key=version_key) == row, sorted(row, key=version_key)


def what_comes_by_itself(top, out):
    for base, want in ((OPENRC, ("", "-openrc", "-doc", "-bash-completion")), (SYSTEMD, ("", "-systemd")), ((), ("",))):
        phone = Phone(top, out, *base)
        done_well(phone.root.apk("add", "mdm-agent", "--repo", out))
        have = {n for n in phone.root.installed() if n.startswith("mdm-agent")}
        assert have == {"mdm-agent" + suffix for suffix in want}, (base, have)
    phone = Phone(top, out, *OPENRC)
    done_well(phone.root.apk("add", "mdm-agent-server", "--repo", out))
    have = {n for n in phone.root.installed() if n.startswith("mdm-agent")}
    assert have == {"mdm-agent-server" + s for s in ("", "-openrc", "-doc", "-bash-completion")}, have


def users_and_groups(top, out):
    phone = Phone(top, out)
    done_well(phone.root.apk("add", "mdm-agent", "mdm-agent-server", "--repo", out))
    passwd, group = read(phone.root.path("etc/passwd")), read(phone.root.path("etc/group"))
    for name in ("mdm-agent", "mdm-server"):
        user = re.search(r"^%s:x:(\d+):(\d+):[^:]*:[^:]*:/sbin/nologin$" % name, passwd, re.M)
        assert user and int(user.group(1)) < 1000, passwd
        assert re.search(r"^%s:x:%s:" % (name, user.group(2)), group, re.M), group
    assert re.search(r"^mdm-admin:x:\d+:$", group, re.M), group
    info = os.stat(phone.root.path("var/lib/mdm-agent"))
    assert (info.st_mode & 0o7777, info.st_uid, info.st_gid) == (0o700, 0, 0), info


def a_person_called_like_the_agent(top, out):
    phone = Phone(top, out)
    with open(phone.root.path("etc/passwd"), "a") as f:
        f.write("mdm-agent:x:1001:1001::/home/mdm-agent:/bin/sh\n")
    said = done_well(phone.root.apk("add", "mdm-agent", "--repo", out))
    assert "with the number 1001" in said, said


def scripts_may_run_twice(top, out):
    phone = Phone(top, out)
    done_well(phone.root.apk("add", "mdm-agent", "mdm-agent-server", "--repo", out))
    version = facts(out, "mdm-agent")["pkgver"][0]
    count = 0
    for script in sorted(glob.glob(out + "/scripts/*/.*-*")):
        shutil.copy(script, phone.root.path("tmp/script"))
        os.chmod(phone.root.path("tmp/script"), 0o755)
        before = None
        for _ in range(2):
            done = phone.root.run("busybox", "ash", "/tmp/script", version, version)
            assert done.returncode == 0, (script, done.stdout)
            after = phone.root.state()
            assert before is None or after == before, (script, differences(before, after))
            before = after
        count += 1
    assert count == 8, count


def installed_and_removed(top, out):
    """Never enrolled: the agent ran, and the root is as before but for the documented files."""
    phone = Phone(top, out, *OPENRC)
    before = phone.root.state()
    done_well(phone.root.apk("add", "mdm-agent", "mdm-agent-server", "mdm-agent-ctl", "--repo", out))
    phone.start()
    phone.stop()
    done_well(phone.root.apk("del", "mdm-agent", "mdm-agent-server", "mdm-agent-ctl"))
    compare_with("removed-unused.list", differences(before, phone.root.state()))


def compare_with(name, lines):
    """What is documented to stay; apk's own files and the log of the test aside."""
    lines = [line for line in lines if not re.search(r"/lib/apk/|/etc/apk/(world|$)|/etc/apk/commit_hooks.d/$|/var/log/agent$", line)]
    want = [line for line in read("%s/expected/%s" % (HERE, name)).splitlines() if line and not line.startswith("#")]
    assert sorted(lines) == sorted(want), "not documented: %s\nmissing: %s" % (set(lines) - set(want), set(want) - set(lines))


def managed_through_an_upgrade(top, out):
    """Enrolled with an earlier package; changed files of /etc stay; then it refuses to go, leaves, and goes."""
    admin, server = organisation(top)
    with server:
        phone = Phone(top, out, *OPENRC)
        root = phone.root
        before = root.state()
        earlier = older(out, top)
        phone.join(admin, earlier)
        assert root.installed()["mdm-agent-openrc"] == "0.0.9-r3"
        device = re.search(r'"device": *"([^"]+)"', phone.ctl("status", "--json").stdout).group(1)
        confd = root.path("etc/conf.d/mdm-agentd")
        write(confd, read(confd) + "# mine\n")
        upgraded(root, phone, out, confd, device)
        refused(root, phone)
        phone.leave()
        assert read(root.path(LOCKER)) == "[Daemon]\nAutolock=false\nTimeout=30\n"
        done_well(root.apk("del", "mdm-agent"))
        phone.stop()
        compare_with("removed.list", differences(before, root.state()))
        # And once more: what stays is taken over, not stumbled upon.
        phone.join(admin, out)
        phone.leave()
        phone.stop()
        done_well(root.apk("del", "mdm-agent"))


def upgraded(root, phone, out, confd, device):
    said = done_well(root.apk("upgrade", "--repo", out))
    phone.stop()
    phone.start()
    version = facts(out, "mdm-agent")["pkgver"][0]
    assert root.installed()["mdm-agent"] == version, root.installed()
    assert "mdm-agentd.apk-new" in said and read(confd).endswith("# mine\n"), said
    assert "an earlier default" not in read(confd + ".apk-new")
    assert not read(root.path("etc/init.d/mdm-agentd")).endswith("# earlier\n")
    assert not os.path.exists(root.path("usr/libexec/mdm-agent/mdm-agent-old"))
    assert os.path.exists(root.path("etc/geoclue/conf.d/90-mdm-agent.conf"))
    status = phone.ctl("status", "--json").stdout
    assert '"%s"' % device in status and "Autolock[$i]=true" in read(root.path(LOCKER)), status
    assert phone.ctl("sync").returncode in (0, 8), read(root.path("var/log/agent"))


def refused(root, phone):
    """By the commit hook, before anything is changed, whether the agent runs or not."""
    for running in (True, False):
        if not running:
            phone.stop()
        before = root.state()
        for version in ("2.14", "3.0"):
            done = root.apk("del", "mdm-agent", version=version)
            assert done.returncode == 99, done.stdout
            assert "managed by Example Org" in done.stdout and "agentctl unenroll" in done.stdout, done.stdout
            assert "Purging" not in done.stdout, done.stdout
        changed = [c for c in differences(before, root.state()) if "/var/log/" not in c and "/var/lib/mdm-agent/" not in c]
        assert not changed, changed
        if not running:
            phone.start()
    # Something else may still be installed and removed.
    root.base("tree=2-r0")
    done_well(root.apk("del", "tree"))


def past_the_hook(top, out, hangs=False):
    """--no-commit-hooks: pre-deinstall cannot stop apk, so it ends the management and puts back what was changed."""
    admin, server = organisation(top)
    with server:
        phone = Phone(top, out)
        phone.join(admin, out)
        if hangs:
            phone.process.send_signal(signal.SIGSTOP)
        done = phone.root.apk("del", "mdm-agent", "--no-commit-hooks")
        assert done.returncode == 0 and "Purging mdm-agent" in done.stdout, done.stdout
        assert read(phone.root.path(LOCKER)) == "[Daemon]\nAutolock=false\nTimeout=30\n", done.stdout
        assert not os.path.exists(phone.root.path("usr/sbin/mdm-agentd"))
        left = {p for p in files_below(phone.root.path("etc")) if "mdm" in p}
        assert not left, left
        phone.stop()


def past_the_hook_of_one_that_hangs(top, out):
    """It answers nobody, hears no TERM and has the lock: it is ended, and another one ends the management."""
    past_the_hook(top, out, hangs=True)


def asked_again_without_the_agent(top, out):
    """What an agent of nobody's phone would not look at is put back all the same: it is stopped first. Our values came
    back after the phone had left, by a backup for example."""
    admin, server = organisation(top)
    with server:
        phone = Phone(top, out)
        phone.join(admin, out)
        ours = read(phone.root.path(LOCKER))
        phone.leave()
        write(phone.root.path(LOCKER), ours)
        asked = phone.root.run("mdm-agentd", "--prepare-removal")
        assert asked.returncode == 0 and read(phone.root.path(LOCKER)) == ours, asked.stdout
        done = done_well(phone.root.apk("del", "mdm-agent"))
        assert phone.process.wait(60) == 0, "the agent was not stopped: " + done
        phone.process = None
        assert "Autolock[$i]" not in read(phone.root.path(LOCKER)), done + read(phone.root.path(LOCKER))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    inside("life", "--mount", "--pid", "--mount-proc")
    with tempfile.TemporaryDirectory(prefix="mdm-packaging-", ignore_cleanup_errors=True) as directory:
        os.chmod(directory, 0o755)
        good("mount", "-t", "tmpfs", "-o", "mode=0755", "packaging", directory)
        status = main([versions_are_compared, what_comes_by_itself, users_and_groups, a_person_called_like_the_agent,
                       scripts_may_run_twice, installed_and_removed, managed_through_an_upgrade, past_the_hook,
                       past_the_hook_of_one_that_hangs, asked_again_without_the_agent], directory, os.path.abspath(sys.argv[2]))
        good("umount", "-l", directory)
    sys.exit(status)
