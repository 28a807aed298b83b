# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-guard in a mount namespace of the test's own, with the test as its enforcer. Only file systems of the
test are watched: a guard that fails harms nothing else."""

import array
import fcntl
import os
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
GUARD = os.path.join(BUILD, "mdm-agent-guard")
TABLE_TOOL = os.path.join(BUILD, "tests/lib/guard_table_tool")
HELLO, TABLE, STATE, DENIED, END, PING, PONG = 48, 49, 50, 51, 52, 53, 54
ALLOW_MODE, NO_USER_PROGRAMS, FAIL_CLOSED = 1, 2, 4
REASONS = ["none", "blocked", "not_allowed", "user_program", "foreign_file_system", "undecided"]
F_ADD_SEALS = 1033
USER = 12345  # of people; no account is needed


def alone():
    """Starts the test again where mounts are its own."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as f:
        has = int(next(line.split()[1] for line in f if line.startswith("CapEff")), 16)
    # CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH, CAP_LEASE; of the machine itself, not of a user namespace.
    with open("/proc/self/uid_map", encoding="ascii") as f:
        is_whole = f.read().split()[1:2] == ["0"]
    if os.geteuid() != 0 or not is_whole or any(not has >> c & 1 for c in (21, 2, 28)):
        print("  skipped: needs root with CAP_SYS_ADMIN, CAP_DAC_READ_SEARCH, CAP_LEASE\n0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    if os.environ.get("MDM_EMULATED"):
        print("  skipped: emulators do not pass on fanotify's events\n0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    if os.environ.get("GUARD_ALONE") != "1":
        os.environ["GUARD_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable] + sys.argv)


def make_table(generation, lines):
    text = "set generation %d\n%s\n" % (generation, "\n".join(lines))
    done = subprocess.run([TABLE_TOOL], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sealed(data, seals=0xf):
    fd = os.memfd_create("table", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    if seals:
        fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def text(raw):
    return raw.split(b"\0")[0].decode()


def read_message(data):
    kind, n = struct.unpack_from("=II", data)
    body = data[8:]
    assert len(body) == n, (kind, n, len(body))
    if kind == HELLO:
        names = ["has_permissions", "has_evictable", "keeper_pid", "version", "generation", "note"]
        values = list(struct.unpack("=IIIIQ257s7x", body))
    elif kind == STATE:
        names = ["generation", "n_filesystems", "n_unwatched", "n_restarts", "refused_table", "n_events", "n_denied",
                 "n_lost", "unwatched"]
        values = list(struct.unpack("=QIIIIQQQ257s7x", body))
    elif kind == DENIED:
        names = ["device", "inode", "realtime_s", "pid", "uid", "reason", "audit", "count", "owner", "path"]
        values = list(struct.unpack("=QQqIIIII65s257s2x", body))
    elif kind == PONG:
        names, values = [], []
    else:
        raise AssertionError("message %d" % kind)
    found = {name: text(value) if isinstance(value, bytes) else value for name, value in zip(names, values)}
    if kind == DENIED:
        found["reason"] = REASONS[found["reason"]]
    return kind, found


class Rig:
    """A guard, its enforcer (this process), and a tmpfs that is watched."""

    def __init__(self, extra_mounts=(), env=None, start=True):
        self.top = tempfile.mkdtemp(prefix="mdm-guard-")
        self.area = os.path.join(self.top, "area")
        os.mkdir(self.area)
        os.chmod(self.top, 0o755)
        self.mount("tmpfs", self.area)
        os.chmod(self.area, 0o1777)
        self.path = os.path.join(self.top, "guard.sock")
        self.mounts = [self.area] + [os.path.join(self.top, m) for m in extra_mounts]
        self.env = dict(os.environ, **(env or {}))
        self.listener = self.connection = self.process = None
        self.generation = 0
        self.denied, self.states, self.last = [], [], []
        self.listen()
        if start:
            self.start()

    def mount(self, kind, where, *options):
        subprocess.run(["mount", "-t", kind, "none", where, *options], check=True)

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.listener.settimeout(30)

    def start(self, argv=(), prefix=()):
        """Its lines go to a file, as those of services do."""
        with open(os.path.join(self.top, "log"), "ab") as log:
            self.process = subprocess.Popen([*prefix, GUARD, "--socket", self.path, "--mounts", ":".join(self.mounts), *argv],
                                            env=self.env, stderr=log)
        return self.accept()

    def log(self):
        with open(os.path.join(self.top, "log"), encoding="utf-8") as f:
            return f.read()

    def accept(self):
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(30)
        kind, hello = self.receive()
        assert kind == HELLO, kind
        return hello

    def receive(self, timeout=30):
        self.connection.settimeout(timeout)
        data = self.connection.recv(65536)
        if not data:
            raise EOFError("the guard is gone")
        kind, found = read_message(data)
        if kind == DENIED:
            self.denied.append(found)
        elif kind == STATE:
            self.states.append(found)
        return kind, found

    def drain(self, timeout=0.3):
        """All that the guard has to say for now."""
        try:
            while True:
                self.receive(timeout)
        except (TimeoutError, socket.timeout):
            pass

    def send(self, kind, fds=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.connection.sendmsg([struct.pack("=II8x", kind, 8)], rights)

    def send_table(self, lines, seals=0xf, data=None):
        self.generation += 1
        fd = sealed(data or make_table(self.generation, lines), seals)
        self.send(TABLE, [fd])
        os.close(fd)

    def table(self, *lines):
        """Sends it and waits until it is in force."""
        self.last = lines
        self.send_table(lines)
        return self.settled()

    def settled(self, generation=None):
        wanted = generation or self.generation
        while True:
            kind, found = self.receive()
            if kind == STATE and found["generation"] == wanted:
                return found

    def counts(self):
        """What was counted until now: the same table once more is answered with it."""
        return self.table(*self.last)

    def denial(self, timeout=10):
        """The next refusal that is told."""
        end = time.monotonic() + timeout
        while not self.denied:
            self.receive(max(0.01, end - time.monotonic()))
        return self.denied.pop(0)

    def program(self, name, owner=0, mode=0o755, source="/bin/true", directory=None):
        path = os.path.join(directory or self.area, name)
        # Never in place: a file that somebody has open for writing does not start.
        shutil.copyfile(source, path + ".new")
        os.chown(path + ".new", owner, owner)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def verdict(self):
        """Its process id: a child of the keeper that holds fanotify."""
        keeper = self.process.pid
        for pid in children(keeper):
            for fd in listdir("/proc/%d/fd" % pid):
                if readlink("/proc/%d/fd/%s" % (pid, fd)) == "anon_inode:[fanotify]":
                    return pid
        return None

    def wait_verdict(self, other_than=None):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            pid = self.verdict()
            if pid and pid != other_than:
                return pid
            time.sleep(0.01)
        raise AssertionError("nobody answers")

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        for s in (self.connection, self.listener):
            if s:
                s.close()
        for where in reversed(mounts_below(self.top)):
            subprocess.run(["umount", "-l", where], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.top, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def mounts_below(top):
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as f:
        return [line.split()[4] for line in f if line.split()[4].startswith(top)]


def listdir(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def readlink(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def run(path, *argv, uid=0, timeout=30):
    """True: it ran; False: refused with EPERM. As uid, by fork and execve alone."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            if uid:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.execv(path, [path, *argv])
        except OSError as e:
            os.write(writer, b"%d" % e.errno)
        finally:
            os._exit(99)
    os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], timeout)
        if not ready:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError("%s waited more than %d s" % (path, timeout))
        error = os.read(reader, 16)
    finally:
        os.close(reader)
        os.waitpid(pid, 0)
    if error:
        if int(error) != 1:
            raise OSError(int(error), os.strerror(int(error)), path)
        return False
    return True


def shim(top):
    library = os.path.join(top, "guard_shim.so")
    subprocess.run(shlex.split(os.environ.get("CC", "cc")) + ["-shared", "-fPIC", "-O1", "-o", library,
                    os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib/guard_shim.c"), "-ldl"], check=True)
    return {"LD_PRELOAD": library, "ASAN_OPTIONS": "verify_asan_link_order=0"}


def inode(path, answer, owner="somebody"):
    st = os.stat(path)
    return "inode %d %d %s %s" % (st.st_dev, st.st_ino, answer, owner)


def main(tests):
    alone()
    with Rig(start=False) as r:
        if not r.start()["has_permissions"]:
            print("  skipped: this kernel does not ask about the start of programs\n0 passed, 0 failed, 1 skipped")
            return
    wanted = sys.argv[2:]
    passed = failed = 0
    for test in tests:
        if wanted and not any(w in test.__name__ for w in wanted):
            continue
        begun = time.monotonic()
        try:
            test()
            passed += 1
            if os.environ.get("V") == "1":
                print("%6.1f s %s" % (time.monotonic() - begun, test.__name__), flush=True)
        except Exception as e:  # a test that failed does not keep the others from running
            failed += 1
            import traceback
            traceback.print_exc()
            print("FAILED %s: %s" % (test.__name__, e))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)
