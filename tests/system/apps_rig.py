# SPDX-License-Identifier: Apache-2.0
"""A phone's packages below a directory, and jobs for mdm-agent-apps; APK=program tests a real apk instead of the
stand-in (tests/lib/apk/apk)."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib/apk"))
import repository  # noqa: E402  pylint: disable=wrong-import-position,import-error

BUILD = os.path.abspath(os.environ.get("MDM_BUILD_DIR", os.path.join(HERE, "../../build/release")))
WORKER = os.path.join(BUILD, "mdm-agent-apps")
STAND_IN = os.path.join(HERE, "../lib/apk/apk")
APK = os.path.abspath(os.environ.get("APK") or STAND_IN)
VIRTUAL = ".mdm-agent-policy"
IS_ROOT = os.geteuid() == 0


class Skip(Exception):
    pass


class Progress:
    """What a progress file says."""

    def __init__(self, text):
        lines = text.splitlines()
        assert lines and lines[0] == "mdm-agent-apps-progress 1", text
        self.text, self.items, self.steps, self.running = text, {}, [], None
        self.over = lines[-1] == "end"
        for line in lines[2:]:
            words = line.split(" ")
            if words[0] == "item":
                self.items[words[2]] = (words[3], " ".join(words[4:]))
            elif words[0] == "step" and words[2] == "running":
                self.running = (words[1], int(words[3]), " ".join(words[4:]))
            elif words[0] == "step":
                self.steps.append((words[1], words[2], " ".join(words[3:])))

    def step(self, i=0):
        return self.steps[i][1]

    def item(self, name):
        return self.items[name][0] if name in self.items else None


class Phone:
    """A root directory with an empty database, a repository, a key, and a run-time directory."""

    def __init__(self, base=None, key=None, shell=False):
        self.base = base or tempfile.mkdtemp(prefix="mdm-apps-", dir=os.environ.get("TMPDIR"))
        self.key = key or repository.Key(os.path.join(self.base, "keys"), "test@example.org-1")
        self.repository = repository.Repository(os.path.join(self.base, "repository"), self.key)
        self.root = os.path.join(self.base, "root")
        self.runtime = os.path.join(self.base, "run")
        os.makedirs(self.runtime, 0o700)
        repository.make_root(self.root, [self.repository.directory], [self.key], shell)
        self.n_jobs = 0

    def remove(self):
        shutil.rmtree(self.base, ignore_errors=True)

    # --- state
    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as f:
            return f.read()

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)

    def world(self):
        return [w.split("=")[0] if w.startswith(VIRTUAL) else w for w in self.read("etc/apk/world").split()]

    def installed(self):
        """Names, without the virtual package."""
        return sorted(p for p in self.versions() if p != VIRTUAL)

    def versions(self):
        found, name = {}, ""
        for line in self.read("lib/apk/db/installed").splitlines():
            if line.startswith("P:"):
                name = line[2:]
            elif line.startswith("V:"):
                found[name] = line[2:]
        return found

    def policy(self):
        """Dependencies of the virtual package; None: it is not installed."""
        for stanza in self.read("lib/apk/db/installed").split("\n\n"):
            if "P:%s\n" % VIRTUAL in stanza:
                lines = [line[2:] for line in stanza.splitlines() if line.startswith("D:")]
                return sorted(" ".join(lines).split())
        return None

    def state(self):
        return self.read("lib/apk/db/installed"), self.read("etc/apk/world")

    # --- as a user would
    def apk(self, *words, check=True):
        done = subprocess.run([APK, "--root", self.root, "--no-interactive"] + list(words), capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL, timeout=120,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"})
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def lock(self):
        """The lock of the package manager, as another program would hold it; close() gives it back."""
        lock = open(os.path.join(self.root, "lib/apk/db/lock"), "a+b")  # pylint: disable=consider-using-with
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    # --- jobs
    def write_job(self, *steps, deadline=120, text=None, mode=0o600):
        self.n_jobs += 1
        path = os.path.join(self.runtime, "apps.job")
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text if text is not None else "mdm-agent-apps 1\nid job-%d\ndeadline %d\n%send\n" % (
                self.n_jobs, deadline, "".join(step + "\n" for step in steps)))
        os.chmod(path, mode)

    def command(self, *more, apk=None, flatpak="/nonexistent/flatpak"):
        return [WORKER, "--runtime-dir", self.runtime, "--root", self.root, "--apk", apk or APK, "--flatpak", flatpak] + \
            list(more)

    def run(self, *more, apk=None, flatpak="/nonexistent/flatpak"):
        return subprocess.run(self.command(*more, apk=apk, flatpak=flatpak), capture_output=True, text=True, check=False,
                              timeout=240, stdin=subprocess.DEVNULL)

    def job(self, *steps, deadline=120, apk=None, flatpak="/nonexistent/flatpak", more=()):
        self.write_job(*steps, deadline=deadline)
        done = self.run(*more, apk=apk, flatpak=flatpak)
        assert done.returncode == 0, done.stderr
        progress = self.progress()
        assert progress.over, progress.text
        return progress

    def begin(self, *steps, deadline=120, more=()):
        self.write_job(*steps, deadline=deadline)
        return subprocess.Popen(self.command(*more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                stdin=subprocess.DEVNULL)

    def progress(self):
        with open(os.path.join(self.runtime, "apps.progress"), encoding="utf-8") as f:
            return Progress(f.read())


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited %d s in vain" % seconds)
