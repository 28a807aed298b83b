# SPDX-License-Identifier: Apache-2.0
"""An organisation whose phone has packages: real agents, the real server, the real mdm-agent-apps, and the stand-in for
apk (tests/lib/apk/apk), or a real one named by APK=program."""

import base64
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib/apk"))
import repository  # noqa: E402  pylint: disable=wrong-import-position,import-error

from mdmctl_rig import BUILD, Admin, Server, check  # noqa: E402
from agent_rig import Agent, wait_for  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
STAND_IN = os.path.join(HERE, "../lib/apk/apk")
APK = os.path.abspath(os.environ.get("APK") or STAND_IN)
VIRTUAL = ".rules-of-your-organisation--run-agentctl-apps"
HOOK = os.path.join(HERE, "../../packaging/services/mdm-agent.apk-hook")
KEYS = tempfile.TemporaryDirectory(prefix="mdm-apps-policy-")
CALLER = """
import importlib.machinery, importlib.util, subprocess, sys
sys.path.insert(0, %r)
loader = importlib.machinery.SourceFileLoader("apk", %r)
apk = importlib.util.module_from_spec(importlib.util.spec_from_loader("apk", loader))
loader.exec_module(apk)
def run_hook(_self, kind):
    if subprocess.run([%r, kind], cwd="/", env={}, check=False).returncode and kind == "pre-commit":
        raise apk.Trouble("")
apk.System.run_hooks = run_hook
words = %r, %r
system = apk.System({"root": words[0]}, True, True)
sys.exit(min(apk.COMMANDS[words[1][0]][0](system, words[1][1:]), 99))
"""
DESKTOP = "[Desktop Entry]\nType=Application\nName=%s\nExec=%s\n"


def key():
    """Making one takes a second; they are all alike."""
    if not hasattr(key, "made"):
        key.made = repository.Key(KEYS.name, "test@example.org-1")
    return key.made


class Phones:
    """The organisation and its one phone, on which base, firefox, epiphany and nano are installed."""

    def __init__(self, base, policy=None, installed=(), hook=False, options=()):
        os.chmod(base, 0o755)
        self.base, self.admin = base, Admin(base)
        self.server = Server(self.admin)
        self.repository = repository.Repository(os.path.join(base, "repository"), key())
        self.phone = Agent(base, options=[
            "--apps-program", os.path.join(BUILD, "mdm-agent-apps"), "--apk", APK,
            "--flatpak", "/nonexistent/flatpak", *options],
            env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
        repository.make_root(self.phone.root, [self.repository.directory], [key()], os.geteuid() == 0)
        self.stock()
        self.apk("add", "alpine-base", "postmarketos-ui", "firefox", "nano", *installed)
        self.serial = 0
        if policy is not None:
            self.push(policy, sync=False)
        self.phone.start()
        if hook:
            self.install_hook()
        self.phone.enrol(self.admin.json("ticket", "new", "--group", "staff")["uri"])
        self.device = self.phone.status()["device"]
        if policy is not None:
            wait_for("the policy\n" + self.phone.log(), lambda: self.phone.effective())

    def stock(self):
        add = self.repository.add
        add("musl")
        add("busybox", depends="musl")
        add("apk-tools", depends="musl")
        add("alpine-base", depends="busybox apk-tools")
        add("gnome-thing", depends="musl", provides="so:libthing.so.1=1")
        add("postmarketos-ui", depends="busybox so:libthing.so.1")
        for name, version in (("firefox", "1.0-r0"), ("maps", "1.0-r0"), ("maps", "2.0-r0")):
            add(name, version, depends="musl", files={
                "usr/share/applications/%s.desktop" % name: DESKTOP % (name, name)})
        add("firefox-addon", depends="firefox")
        add("nano")
        add("htop")
        add("vim")
        add("networkmanager")
        add("network-applet", depends="networkmanager")
        add("vpn-applet", depends="networkmanager")

    def apk(self, *words, check_it=True):
        done = subprocess.run([APK, "--root", self.phone.root, "--no-interactive", *words], capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL, timeout=120,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"})
        check(not check_it or done.returncode == 0, words, done.stdout, done.stderr)
        return done

    def install_many(self, names):
        """As if somebody had installed them, in the database and the world; no repository has them."""
        with open(self.phone.path("lib/apk/db/installed"), "a", encoding="utf-8") as f:
            f.write("".join("C:Q1%s\nP:%s\nV:1.0-r0\nA:noarch\nS:0\nI:0\nT:test\nU:\nL:MIT\n\n" % (
                base64.b64encode(hashlib.sha1(name.encode()).digest()).decode(), name) for name in names))
        with open(self.phone.path("etc/apk/world"), "a", encoding="utf-8") as f:
            f.write("".join(name + "\n" for name in names))

    def push(self, settings, sync=True):
        self.serial += 1
        self.admin.policy("p.json", {"apps": settings} if settings else {"screen_lock": {"idle_delay": 100}})
        self.admin.ok("policy", "sign", "p.json", "--stream", "staff", "-o", "p.jws")
        self.admin.ok("policy", "push", "p.jws")
        if sync:
            check(self.phone.sync() == 0, self.phone.log())

    # --- what is there
    def versions(self):
        found, name = {}, ""
        for line in self.phone.read("lib/apk/db/installed").splitlines():
            if line.startswith("P:"):
                name = line[2:]
            elif line.startswith("V:"):
                found[name] = line[2:]
        return found

    def installed(self):
        return sorted(n for n in self.versions() if n != VIRTUAL)

    def world(self):
        return [w.split("=")[0] for w in self.phone.read("etc/apk/world").split()]

    def bans(self):
        """Dependencies of the virtual package; None: there is none."""
        for stanza in self.phone.read("lib/apk/db/installed").split("\n\n"):
            if "P:%s\n" % VIRTUAL in stanza:
                return sorted(" ".join(l[2:] for l in stanza.splitlines() if l.startswith("D:")).split())
        return None

    # --- what the phone says
    def setting(self, name):
        rows = self.phone.json("compliance")["settings"]
        return next((r for r in rows if r["area"] == "apps" and r["setting"] == name), None)

    def wait_setting(self, name, *states, item=None, reason=None):
        """The row, once it has one of the states; and the item of that name, if one is asked for."""
        def look():
            row = self.setting(name)
            if not row or row["state"] not in states or (reason and row["reason"] != reason):
                return None
            if item is None:
                return row
            return next((i for i in row["items"] if i["name"] == item), None)
        try:
            return wait_for("apps.%s %s" % (name, states), look)
        except AssertionError as error:
            raise AssertionError("%s\n%s\n%s" % (error, self.setting(name), self.phone.log())) from error

    def jobs(self):
        """Records of the jobs so far, once none runs: what came of one is seen before it is told."""
        wait_for("the end of the job", lambda: not self.phone.status()["apps"]["running"])
        return [r["data"] for r in self.phone.journal("app") if r["data"]["what"] == "job"]

    def lock(self):
        lock = open(self.phone.path("lib/apk/db/lock"), "a+b")  # pylint: disable=consider-using-with
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def worker(self):
        """The process of this phone's mdm-agent-apps; None: it does not run."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"/mdm-agent-apps") and self.phone.base.encode() in words:
                return int(pid)
        return None

    # --- commands
    def order(self, verb, *arguments):
        made = self.admin.json("command", verb, *arguments, "--device", self.device)["id"]
        check(self.phone.sync() == 0, self.phone.log())
        return made

    def command(self, made):
        rows = self.phone.json("command", "list")["commands"]
        return next((row for row in rows if row["id"] == made), None)

    def wait_command(self, made, *states):
        try:
            return wait_for("%s of %s" % (states, made), lambda: (
                lambda row: row if row and row["state"] in states else None)(self.command(made)))
        except AssertionError as e:
            raise AssertionError("%s\n%s\n%s\n%s" % (e, self.command(made), self.phone.ok("status"), self.phone.log())) from None

    # --- the hook
    def install_hook(self):
        """As it is installed, with the agent of this build. It runs outside of the root: apk is started below a
        directory by whoever is not root, and with --root by whoever is."""
        with open(HOOK, encoding="utf-8") as f:
            text = f.read()
        text = text.replace("@PREFIX@/sbin/mdm-agentd", os.path.join(BUILD, "mdm-agentd"))
        text = text.replace("@STATEDIR@", self.phone.state)
        text = text.replace("world=/", "world=%s/" % self.phone.root)
        self.hook = os.path.join(self.base, "hook")
        with open(self.hook, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.hook, 0o755)

    def hooked(self, *words, bare=None):
        """Asks the hook as apk would that is about to do this: the parent of the hook is called apk. With an environment
        of its own it has no input, terminal or session either."""
        directory = os.path.join(self.base, "bin")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "apk"), "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\nexec '%s' --root '%s' \"$@\"\n" % (APK, self.phone.root))
        os.chmod(os.path.join(directory, "apk"), 0o755)
        # Python takes the first word for a program of its own, and keeps it and the others in its command line.
        with open(os.path.join(directory, words[0]), "w", encoding="utf-8") as f:
            f.write("import os, subprocess, sys\n"
                    "sys.exit(subprocess.run([os.environ['MDM_HOOK'], 'pre-commit'], check=False).returncode)\n")
        name = os.path.join(directory, "apk") if bare is not None and "PATH" not in bare else "apk"
        return subprocess.run([name, *words], executable=sys.executable, capture_output=True, text=True, check=False,
                              timeout=120, cwd=directory, start_new_session=bare is not None,
                              preexec_fn=(lambda: os.close(0)) if bare is not None else None, env=bare or {
                                  "PATH": directory + ":/usr/sbin:/usr/bin:/sbin:/bin", "MDM_HOOK": self.hook})

    def library(self, *words):
        """A program that is not called apk does it with apk's library, as services of graphical shops do: the stand-in's
        own code in a process of another name, without terminal, input and PATH, in another directory and language. Its
        hooks run as they are, outside of the root."""
        caller = os.path.join(self.base, "polkit-server")
        with open(caller, "w", encoding="utf-8") as f:
            f.write(CALLER % (os.path.dirname(STAND_IN), STAND_IN, self.hook, self.phone.root, list(words)))
        return subprocess.run([sys.executable, caller], capture_output=True, text=True, check=False, timeout=120, cwd="/",
                              start_new_session=True, preexec_fn=lambda: os.close(0), env={"LC_ALL": "tlh_AQ.koi8"})

    def close(self):
        self.phone.stop(signal.SIGKILL)
        # It outlives the agent, and would write into a directory that is being removed.
        worker = self.worker()
        if worker:
            os.kill(worker, signal.SIGKILL)
            wait_for("the end of the worker", lambda: not self.worker())
        # apk-tools 2 mounts it below its root, and leaves that when it is ended.
        for name in ("proc", "dev"):
            while os.path.ismount(self.phone.path(name)):
                subprocess.run(["umount", "-l", self.phone.path(name)], check=True)
        self.server.__exit__()


def with_phones(policy=None, **options):
    def decorate(function):
        def run(base):
            phones = Phones(base, policy, **options)
            try:
                function(phones)
            finally:
                phones.close()
        run.__name__ = function.__name__
        return run
    return decorate
