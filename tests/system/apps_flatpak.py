#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-apps and the real flatpak: a repository made here, an installation below a directory. Skipped where there
is no flatpak, which pulls in too much for "make deps"."""

import os
import shutil
import subprocess
import sys

from apps_rig import IS_ROOT, Server, Skip, equal, run_tests

FLATPAK = shutil.which("flatpak")
REMOTE = "test"
APP = "org.example.App"


class Flatpaks:
    """A runtime, an app, one whose runtime nobody has; a remote that serves them over HTTP."""

    def __init__(self, phone):
        if not FLATPAK:
            raise Skip("flatpak is not installed")
        if not IS_ROOT:
            raise Skip("only root has an installation of the system")
        self.phone, self.base = phone, os.path.join(phone.base, "flatpak")
        self.system = os.path.join(phone.root, "var/lib/flatpak")
        os.makedirs(self.system)
        os.makedirs(os.path.join(self.base, "home"))
        self.env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": os.path.join(self.base, "home"),
                    "FLATPAK_SYSTEM_DIR": self.system}
        self.arch = self.flatpak("--default-arch").strip()
        self.export("org.example.Platform", "1", True)
        self.export(APP, "1")
        self.export("org.example.Other", "1")
        self.export("org.example.Alone", "1", runtime="org.example.Gone")
        self.server = Server(os.path.join(self.base, "repo"))
        self.flatpak("remote-add", "--system", "--no-gpg-verify", REMOTE, self.server.url)

    def flatpak(self, *words):
        done = subprocess.run([FLATPAK] + list(words), env=self.env, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def export(self, name, content, is_runtime=False, runtime="org.example.Platform"):
        directory = os.path.join(self.base, "made", name)
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(os.path.join(directory, "usr/bin" if is_runtime else "files/bin"))
        os.makedirs(os.path.join(directory, "files" if is_runtime else "export"), exist_ok=True)
        ref = "%s/%s/stable" % (runtime, self.arch)
        with open(os.path.join(directory, "metadata"), "w", encoding="utf-8") as f:
            f.write("[%s]\nname=%s\nruntime=%s\n" % ("Runtime" if is_runtime else "Application", name, ref) +
                    ("sdk=%s\n" % ref if is_runtime else "command=app\n"))
        with open(os.path.join(directory, "usr/bin" if is_runtime else "files/bin", "app"), "w", encoding="utf-8") as f:
            f.write(content)
        words = ["build-export", "--disable-sandbox"] + (["--runtime"] if is_runtime else [])
        self.flatpak(*words, os.path.join(self.base, "repo"), directory, "stable")

    def installed(self):
        apps = os.path.join(self.system, "app")
        return sorted(n for n in os.listdir(apps) if os.path.lexists(os.path.join(apps, n, "current"))) \
            if os.path.isdir(apps) else []

    def content(self, name):
        with open(os.path.join(self.system, "app", name, "current/active/files/bin/app"), encoding="utf-8") as f:
            return f.read()

    def job(self, *steps):
        return self.phone.job(*steps, flatpak=FLATPAK)


def apps_come_and_go(phone):
    f = Flatpaks(phone)
    install = "flatpak-install %s %s" % (REMOTE, APP)
    p = f.job(install)
    equal((p.item(APP), p.step(), f.installed()), ("done", "done", [APP]))
    equal(f.job(install).step(), "nothing_to_do")
    equal(f.job("flatpak-remove " + APP).step(), "done")
    equal(f.installed(), [])
    equal(f.job("flatpak-remove " + APP).step(), "nothing_to_do")


def apps_are_updated(phone):
    f = Flatpaks(phone)
    equal(f.job("flatpak-install %s %s" % (REMOTE, APP), "flatpak-install %s org.example.Other" % REMOTE).steps[1][1], "done")
    equal(f.job("flatpak-update").step(), "nothing_to_do")
    f.export(APP, "2")
    f.export("org.example.Other", "2")
    p = f.job("flatpak-update %s org.example.None" % APP)
    equal((p.item(APP), p.item("org.example.None")), ("done", "unknown_package"))
    equal((f.content(APP), f.content("org.example.Other")), ("2", "1"))
    p = f.job("flatpak-update " + APP)
    equal((p.item(APP), p.step()), ("nothing_to_do", "nothing_to_do"))
    equal(f.job("flatpak-update").step(), "done")
    equal(f.content("org.example.Other"), "2")


def what_cannot_be_installed(phone):
    f = Flatpaks(phone)
    p = f.job("flatpak-install %s org.example.None" % REMOTE, "flatpak-install other %s" % APP,
              "flatpak-install %s org.example.Alone" % REMOTE)
    equal([s[1] for s in p.steps], ["unknown_package"] * 3)
    assert "org.example.Gone" in p.steps[2][2], p.text
    f.server.close()
    equal(f.job("flatpak-install %s %s" % (REMOTE, APP)).step(), "no_network")
    equal(f.installed(), [])


def the_unsigned_is_not_installed(phone):
    f = Flatpaks(phone)
    f.flatpak("remote-modify", "--system", "--gpg-verify", REMOTE)
    equal(f.job("flatpak-install %s %s" % (REMOTE, APP)).step(), "untrusted")
    equal(f.installed(), [])


def remotes_are_switched_off(phone):
    f = Flatpaks(phone)
    equal(f.job("flatpak-remote-disable " + REMOTE).step(), "done")
    equal(f.job("flatpak-remote-disable " + REMOTE).step(), "nothing_to_do")
    equal(f.job("flatpak-install %s %s" % (REMOTE, APP)).step(), "conflict")
    equal(f.job("flatpak-remote-enable " + REMOTE).step(), "done")
    equal(f.job("flatpak-remote-enable " + REMOTE).step(), "nothing_to_do")
    equal(f.job("flatpak-install %s %s" % (REMOTE, APP)).step(), "done")
    equal(f.job("flatpak-remote-disable other").step(), "unknown_package")


def filters_come_and_go(phone):
    """Ours in place of another, which comes back; one that is gone by then does not keep ours."""
    f = Flatpaks(phone)
    own, ours = os.path.join(f.base, "own.filter"), os.path.join(phone.root, "etc/mdm-agent/flatpak-%s.filter" % REMOTE)
    os.makedirs(os.path.dirname(ours))
    for path, text in ((own, "deny app/org.example.Other\n"), (ours, "deny app/%s\n" % APP)):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def remote_filter():
        with open(os.path.join(f.system, "repo/config"), encoding="utf-8") as file:
            found = [line.split("=", 1)[1].strip() for line in file if line.startswith("xa.filter=")]
        return found[0] if found else ""
    f.flatpak("remote-modify", "--system", "--filter=" + own, REMOTE)
    equal((f.job("flatpak-remote-filter " + REMOTE).step(), remote_filter()), ("done", ours))
    equal(f.job("flatpak-install %s %s" % (REMOTE, APP)).step(), "unknown_package")
    unfilter = "flatpak-remote-unfilter %s %s" % (REMOTE, own[1:])
    equal((f.job(unfilter).step(), remote_filter()), ("done", own))
    equal(f.job(unfilter).step(), "nothing_to_do")
    equal(f.job("flatpak-install %s org.example.Other" % REMOTE).step(), "unknown_package")
    equal(f.job("flatpak-install %s %s" % (REMOTE, APP)).step(), "done")
    equal(f.job("flatpak-remote-filter " + REMOTE).step(), "done")
    os.unlink(own)
    p = f.job(unfilter)
    equal((p.step(), remote_filter()), ("done", ""))
    assert own in p.steps[0][2], p.text
    equal(f.job("flatpak-install %s org.example.Other" % REMOTE).step(), "done")
    equal(f.job("flatpak-remote-unfilter other x").step(), "unknown_package")


def names_that_are_paths(phone):
    f = Flatpaks(phone)
    os.makedirs(os.path.join(f.system, "app"))
    os.symlink("x/stable", os.path.join(f.system, "current"))
    for name in ("..", "a/../..", "org..x"):
        assert f.job("flatpak-remove " + name).step() in ("nothing_to_do",)
        assert f.job("flatpak-install %s %s" % (REMOTE, name)).step() not in ("done", "nothing_to_do")


def no_flatpak(phone):
    p = phone.job("flatpak-install %s %s" % (REMOTE, APP), "flatpak-update")
    equal([s[1] for s in p.steps], ["no_manager", "no_manager"])


TESTS = [apps_come_and_go, apps_are_updated, what_cannot_be_installed, the_unsigned_is_not_installed,
         remotes_are_switched_off, filters_come_and_go, names_that_are_paths, no_flatpak]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
