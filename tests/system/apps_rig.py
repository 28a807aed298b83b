# SPDX-License-Identifier: Apache-2.0
"""A phone's packages below a directory, and jobs for mdm-agent-apps; APK=program tests a real apk instead of the
stand-in (tests/lib/apk/apk)."""

import fcntl
import functools
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib/apk"))
import repository  # noqa: E402  pylint: disable=wrong-import-position,import-error

# SUITE [OBJECT-TREE [PART-OF-A-NAME...]]
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else
                        os.environ.get("MDM_BUILD_DIR", os.path.join(HERE, "../../build/release")))
WORKER = os.path.join(BUILD, "mdm-agent-apps")
STAND_IN = os.path.join(HERE, "../lib/apk/apk")
APK = os.path.abspath(os.environ.get("APK") or STAND_IN)
VIRTUAL = ".rules-of-your-organisation--run-agentctl-apps"
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
        # apk-tools 2 mounts it below its root, and leaves that when it is ended.
        for name in ("proc", "dev"):
            while os.path.ismount(os.path.join(self.root, name)):
                subprocess.run(["umount", "-l", os.path.join(self.root, name)], check=True)
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


def own_mounts():
    """As root: mounts of tests and of what they run are nobody else's."""
    if IS_ROOT and not os.environ.get("MDM_APPS_MOUNTS") and \
            subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0:
        os.environ["MDM_APPS_MOUNTS"] = "own"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable] + sys.argv)


def mount(*words):
    if not IS_ROOT or not os.environ.get("MDM_APPS_MOUNTS"):
        raise Skip("only root may mount")
    done = subprocess.run(["mount"] + list(words), check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip("nothing can be mounted: " + done.stderr.strip())


class Server:
    """The repository over HTTP; closed() is one that cannot be reached, and hang one that never answers."""

    def __init__(self, directory, hang=False):
        handler = functools.partial(Quiet, directory=directory)
        if hang:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
            return
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def run_tests(tests):
    """Each with a phone of its own. Prints as all suites do."""
    own_mounts()
    passed = failed = skipped = 0
    only = sys.argv[2:]
    if os.environ.get("APK") and not IS_ROOT:
        print("skipped: apk itself is tested as root")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    keys = tempfile.mkdtemp(prefix="mdm-apps-keys-", dir=os.environ.get("TMPDIR"))
    key = repository.Key(keys, "test@example.org-1")
    for test in tests:
        name = test.__name__.replace("_", " ")
        if only and not any(o in test.__name__ for o in only):
            continue
        phone = Phone(key=key, shell=IS_ROOT)
        try:
            test(phone)
            passed += 1
        except Skip as reason:
            print("skipped: %s: %s" % (name, reason))
            skipped += 1
        except Exception as error:  # pylint: disable=broad-except
            traceback.print_exc()
            print("FAILED %s: %s" % (name, error))
            failed += 1
        finally:
            phone.remove()
    shutil.rmtree(keys)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


def equal(got, wanted):
    assert got == wanted, "%r, not %r" % (got, wanted)


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited %d s in vain" % seconds)
