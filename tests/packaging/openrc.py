#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The init scripts of the packages under Debian's real OpenRC, with real programs: openrc.py BUILD_DIR OUT. OpenRC
conflicts with what boots Debian, so its packages are unpacked into a root of the tests; they are kept below BUILD_DIR. Its version
(0.45) is older than a phone's. Needs root; nothing leaves the namespaces."""

import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../system")]
from mdmctl_rig import Admin  # noqa: E402
from agent_rig import wait_for  # noqa: E402
from packaging_rig import Root, Skipped, good, inside, main, read, run, write  # noqa: E402

PACKAGES = ("openrc", "librc1", "libeinfo1")


def kept_packages(tree):
    return sorted(glob.glob(tree + "/openrc/*.deb"))


def fetch_packages(tree):
    """Unless they are kept. Why that was not possible, or nothing."""
    if kept_packages(tree):
        return ""
    if not shutil.which("apt-get"):
        return "OpenRC cannot be fetched: there is no apt-get"
    with tempfile.TemporaryDirectory(dir=tree) as fresh:
        os.chmod(fresh, 0o755)
        done = run("apt-get", "download", "-q", "-o", "Acquire::http::Timeout=30", *PACKAGES, cwd=fresh)
        if done.returncode != 0:
            said = [line for line in done.stdout.splitlines() if line.startswith("E: ")] or done.stdout.splitlines() or ["nothing"]
            return "OpenRC cannot be fetched; apt-get says: " + said[0]
        os.makedirs(tree + "/openrc", exist_ok=True)
        for path in sorted(os.listdir(fresh)):
            shutil.move(os.path.join(fresh, path), os.path.join(tree, "openrc", path))
    return ""


class Machine:
    """A phone with OpenRC, the agent and a server, booted as far as services go."""

    def __init__(self, top, tree, out):
        unpacked = top + "/openrc"
        for deb in kept_packages(tree):
            good("dpkg-deb", "-x", deb, unpacked)
        programs = glob.glob(out + "/pkg/mdm-agent*/usr/*bin/*") + glob.glob(out + "/pkg/mdm-agent/usr/libexec/*/*")
        self.root = Root(top + "/phone", "openrc=0.45.2-r0", programs=programs)
        for part in ("bin", "sbin", "lib", "etc/init.d", "etc/rc.conf", "etc/runlevels"):
            good("cp", "-a", "--no-target-directory", "%s/%s" % (unpacked, part), os.path.realpath(self.root.path(part)))
        # Debian's patches ask for it; Debian's is built with PAM.
        write(self.root.path("etc/insserv.conf"), "")
        os.makedirs(self.root.path("etc/insserv.conf.d"))
        write(self.root.path("etc/pam.d/other"), "".join(
            "%s required pam_permit.so\n" % kind for kind in ("auth", "account", "password", "session")))
        for module in glob.glob("/lib/*-linux-gnu/security/pam_permit.so"):
            os.makedirs(os.path.dirname(self.root.path(module)), exist_ok=True)
            shutil.copy(module, self.root.path(module))
        os.environ["LD_LIBRARY_PATH"] = ":".join(glob.glob(unpacked + "/lib/*-linux-gnu"))
        for program in ("sbin/openrc-run", "sbin/supervise-daemon", "sbin/rc-service", "lib/rc/bin/checkpath"):
            self.root.libraries(os.path.join(unpacked, program))
        del os.environ["LD_LIBRARY_PATH"]
        good("mount", "-t", "proc", "proc", self.root.path("proc"))
        # What a phone has and these tests do not: services that only say that they are there.
        for name in ("localmount", "dbus", "logger", "net"):
            write(self.root.path("etc/init.d/" + name), "#!/sbin/openrc-run\nstart() {\n\t:\n}\n", 0o755)
        # What the first runlevel makes.
        for name in ("daemons", "exclusive", "failed", "hotplugged", "inactive", "options", "scheduled", "started", "starting",
                     "stopping", "tmp", "wasinactive"):
            os.makedirs(self.root.path("run/openrc/" + name))
        write(self.root.path("run/openrc/softlevel"), "default\n")
        os.unlink(self.root.path("usr/bin/logger"))
        write(self.root.path("usr/bin/logger"), "#!/bin/sh\nexec cat >>/var/log/messages\n", 0o755)
        done = self.root.apk("add", "mdm-agent", "mdm-agent-server", "--repo", out)
        assert done.returncode == 0, done.stdout
        self.server_keys(top)

    def server_keys(self, top):
        admin = Admin(top + "/admin")
        state = self.root.path("var/lib/mdm-server")
        shutil.copytree(admin.org + "/server", state)
        user = re.search(r"^mdm-server:x:(\d+):(\d+):", read(self.root.path("etc/passwd")), re.M)
        good("chown", "-R", "%s:%s" % user.groups(), state)
        os.chmod(state, 0o700)

    def service(self, name, action, status=0):
        done = self.root.run("rc-service", name, action, seconds=200)
        assert status is None or done.returncode == status, "%s %s ended with %d: %s" % (
            name, action, done.returncode, done.stdout + self.logs())
        return done.stdout

    def logs(self):
        return "".join("\n--- %s\n%s" % (p, read(p)[-3000:]) for p in sorted(glob.glob(self.root.path("var/log/*"))) if os.path.isfile(p))

    def pids(self, program):
        """Of the processes in this namespace that run a program of the root."""
        result = []
        for link in glob.glob("/proc/[0-9]*/exe"):
            try:
                if os.readlink(link).endswith(program):
                    result.append(int(link.split("/")[2]))
            except OSError:
                pass
        return result

    def one(self, program):
        return wait_for("one process of %s%s" % (program, self.logs()), lambda: len(self.pids(program)) == 1) and self.pids(program)[0]


AGENT, SERVER = "/usr/sbin/mdm-agentd", "/usr/sbin/mdm-server"


def agent_starts_and_answers(phone):
    assert "stopped" in phone.service("mdm-agentd", "status", None)
    said = phone.service("mdm-agentd", "start")
    assert "ERROR" not in said and "does not say" not in said, said
    assert "started" in phone.service("mdm-agentd", "status")
    phone.one(AGENT)
    done = phone.root.run("agentctl", "status")
    assert done.returncode == 0 and "not managed" in done.stdout, done.stdout
    for path, mode in (("var/lib/mdm-agent", 0o700), ("run/mdm-agent", 0o755)):
        assert os.stat(phone.root.path(path)).st_mode & 0o7777 == mode, path


def agent_comes_back_after_a_crash(phone):
    for _ in range(2):
        pid = phone.one(AGENT)
        os.kill(pid, signal.SIGKILL)
        wait_for("another agent" + phone.logs(), lambda: phone.pids(AGENT) not in ([], [pid]))
    assert "started" in phone.service("mdm-agentd", "status")
    wait_for("its answer", lambda: phone.root.run("agentctl", "status").returncode == 0)


def agent_restarts(phone):
    pid = phone.one(AGENT)
    phone.service("mdm-agentd", "restart")
    assert phone.one(AGENT) != pid


def agent_that_hangs_is_replaced(phone):
    """It hears no TERM. Without KILL after it the old one would go on, with the lock that the new one needs."""
    pid = phone.one(AGENT)
    os.kill(pid, signal.SIGSTOP)
    said = phone.service("mdm-agentd", "restart")
    assert "ERROR" not in said and "does not say" not in said, said
    assert phone.one(AGENT) != pid
    assert phone.root.run("agentctl", "status").returncode == 0, phone.logs()


def upgrade_restarts_what_runs(phone, out):
    """The script of the package, by apk's environment; a service that is stopped stays so."""
    shutil.copy(out + "/scripts/mdm-agent/.post-upgrade", phone.root.path("tmp/post-upgrade"))
    os.chmod(phone.root.path("tmp/post-upgrade"), 0o755)
    pid = phone.one(AGENT)
    done = phone.root.run("/tmp/post-upgrade", "2-r0", "1-r0")
    assert done.returncode == 0 and "could not" not in done.stdout, done.stdout
    assert phone.one(AGENT) != pid
    phone.service("mdm-agentd", "stop")
    assert phone.pids(AGENT) == [] and phone.pids("supervise-daemon") == []
    assert "stopped" in phone.service("mdm-agentd", "status", None)
    done = phone.root.run("/tmp/post-upgrade", "2-r0", "1-r0")
    time.sleep(0.5)
    assert phone.pids(AGENT) == [], done.stdout


def server_lives(phone):
    phone.service("mdm-server", "start")
    pid = phone.one(SERVER)
    # Before that it may not have come to giving up what it gives up.
    log = phone.root.path("var/log/mdm-server.log")
    wait_for("it to listen" + phone.logs(), lambda: "event=started" in read(log))
    status = read("/proc/%d/status" % pid)
    user = re.search(r"^mdm-server:x:(\d+):", read(phone.root.path("etc/passwd")), re.M).group(1)
    assert re.search(r"^Uid:\t%s\t%s\t" % (user, user), status, re.M) and re.search(r"^NoNewPrivs:\t1$", status, re.M), status
    phone.service("mdm-server", "reload")
    assert phone.one(SERVER) == pid
    os.kill(pid, signal.SIGKILL)
    wait_for("another server" + phone.logs(), lambda: phone.pids(SERVER) not in ([], [pid]))
    phone.service("mdm-server", "restart")
    phone.one(SERVER)
    phone.service("mdm-server", "stop")
    assert phone.pids(SERVER) == []


def server_refuses_wrong_settings(phone):
    path = phone.root.path("etc/mdm-server/mdm-server.conf")
    text = read(path)
    write(path, text + "idle-timeout never\n")
    said = phone.service("mdm-server", "start", 1)
    assert "idle-timeout" in said and phone.pids(SERVER) == [], said
    write(path, text)


def removal_stops_what_runs(phone, out):
    """The package with the init script goes first. What is installed later starts. Somebody else's process goes on,
    whatever it is called, with the number that the pid file has."""
    other = subprocess.Popen(["/bin/bash", "-c", "exec -a supervise-daemon sleep 600"])
    phone.service("mdm-agentd", "start")
    phone.one(AGENT)
    done = phone.root.apk("del", "mdm-agent")
    assert done.returncode == 0 and "ERROR" not in done.stdout, done.stdout
    assert done.stdout.index("Purging mdm-agent-openrc") < done.stdout.index("Purging mdm-agent ("), done.stdout
    assert phone.pids(AGENT) == [] and phone.pids(AGENT + " (deleted)") == [], phone.logs()
    wait_for("the end of what watches it" + phone.logs(), lambda: phone.pids("supervise-daemon") == [])
    done = phone.root.apk("add", "mdm-agent", "--repo", out)
    assert done.returncode == 0, done.stdout
    phone.service("mdm-agentd", "start")
    phone.one(AGENT)
    phone.service("mdm-agentd", "stop")
    write(phone.root.path("run/mdm-agentd.pid"), "%d\n" % other.pid)
    done = phone.root.apk("del", "mdm-agent")
    assert done.returncode == 0 and "ERROR" not in done.stdout, done.stdout
    assert other.poll() is None, "somebody else's process was ended"
    other.kill()
    other.wait()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if os.environ.get("MDM_PACKAGING_INSIDE") != "openrc":
        # In the namespaces there is no network.
        os.environ["MDM_PACKAGING_WITHOUT"] = fetch_packages(os.path.abspath(sys.argv[1]))
    inside("openrc", "--mount", "--pid", "--mount-proc", "--net")
    with tempfile.TemporaryDirectory(prefix="mdm-packaging-", ignore_cleanup_errors=True) as directory:
        os.chmod(directory, 0o755)
        good("mount", "-t", "tmpfs", "-o", "mode=0755", "packaging", directory)
        good("ip", "link", "set", "lo", "up")
        made = os.path.abspath(sys.argv[2])
        machine = []

        def boots(*_):
            if os.environ.get("MDM_PACKAGING_WITHOUT"):
                raise Skipped(os.environ["MDM_PACKAGING_WITHOUT"])
            machine.append(Machine(directory, os.path.abspath(sys.argv[1]), made))

        def on(function, *more):
            def wrapped(*_):
                if not machine:
                    raise Skipped(os.environ.get("MDM_PACKAGING_WITHOUT") or "the machine did not boot")
                function(machine[0], *more)
            wrapped.__name__ = function.__name__
            return wrapped
        status = main([boots, on(agent_starts_and_answers), on(agent_comes_back_after_a_crash), on(agent_restarts),
                       on(agent_that_hangs_is_replaced), on(upgrade_restarts_what_runs, made), on(server_lives),
                       on(server_refuses_wrong_settings), on(removal_stops_what_runs, made)])
        for number in machine[0].pids("supervise-daemon") + machine[0].pids(AGENT) + machine[0].pids(SERVER) if machine else ():
            os.kill(number, signal.SIGKILL)
        good("umount", "-l", directory)
    sys.exit(status)
