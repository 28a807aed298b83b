#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The host's end of a guest, for lib.sh. The sockets are in the guest's directory, which is the first argument:

guest.py keep DIR PID… -- COMMAND…     QEMU as a child that lives no longer than this process and those; its id is in DIR/pid
guest.py follow DIR OWNER SUITE GROUP     ends the process group of a suite when OWNER ends before SUITE
guest.py run DIR SECONDS SCRIPT [STDIN] runs SCRIPT as root; its output and status are those of this program
guest.py get DIR SECONDS SCRIPT         the same, standard output only
guest.py on DIR SECONDS STATE CLOCK INIT PHRASE LINK SERIAL  switches on what "keep" has started: goes on from the saved STATE
                                       ("" starts the kernel) and gives start_line.c its line. CLOCK is "", "now" or an
                                       epoch; LINK is on or off, of the network
guest.py save DIR PLACEHOLDER           saves a machine that waits for that line, in "state", and ends it
guest.py feed STATE SERIAL              the bytes of a saved state for QEMU, with the serial number of the machine in them
guest.py hmp DIR COMMAND                a command of QEMU's monitor; fails when it has something to complain about
guest.py type DIR TEXT                  keys at the serial console

125: no answer of the guest or of QEMU. channel_agent.c has the guest's end and the protocol. It is called many times a
suite: what only some of its words need is imported there."""

import os
import re
import select
import signal
import socket
import sys
import time

NO_ANSWER = 125
GRACE_S = 20  # beyond the time that the guest's own clock gives a script: emulation is slow
QMP_S = 30
SAVE_S = 600
SEED_BYTES = 64


class NoAnswer(Exception):
    pass


class Wire:
    """A socket in the guest's directory with one deadline for everything."""

    def __init__(self, name, seconds):
        self.deadline = time.monotonic() + seconds
        self.buffer = b""
        self.sock = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.sock.settimeout(self.left())
                self.sock.connect(name)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                # Not there yet: QEMU is just starting. Not there any more: no power.
                if not running():
                    raise NoAnswer("the guest is switched off")
                time.sleep(0.05)

    def left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise NoAnswer("no answer in time")
        return left

    def send(self, data):
        self.sock.settimeout(self.left())
        self.sock.sendall(data)

    def more(self):
        self.sock.settimeout(self.left())
        data = self.sock.recv(65536)
        if not data:
            raise NoAnswer("the guest was switched off")
        self.buffer += data

    def until(self, pattern):
        """What is before a match is skipped; the match, and only it, is taken."""
        while True:
            match = re.search(pattern, self.buffer)
            if match:
                self.buffer = self.buffer[match.end():]
                return match
            self.more()

    def take(self, n):
        while len(self.buffer) < n:
            self.more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data


def running():
    try:
        with open("pid") as f:
            os.kill(int(f.read()), 0)
        return True
    except (OSError, ValueError):
        return False


def run(seconds, script, stdin=b"", only_stdout=False):
    ident = os.urandom(8).hex()
    script = script.encode()
    wire = Wire("control.sock", seconds + GRACE_S)
    wire.send(b"\nmdm-run %s %d %d %d\n" % (ident.encode(), seconds, len(script), len(stdin)) + script + stdin)
    frame = rb"\nmdm " + ident.encode() + rb" ([oex]) (\d+)\n"
    while True:
        kind, number = wire.until(frame).groups()
        if kind == b"x":
            sys.stdout.flush()
            if int(number) == 124:
                print("the script was stopped after %d s" % seconds, file=sys.stderr)
            return int(number)
        data = wire.take(int(number))
        if kind == b"o" or not only_stdout:
            sys.stdout.buffer.write(data)


class Monitor(Wire):
    """QEMU's monitor, QMP."""

    def __init__(self, seconds=QMP_S):
        super().__init__("qmp.sock", seconds)
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        import json
        self.send(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.until(rb"[^\n]*\n").group())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise NoAnswer("QEMU says: " + answer["error"]["desc"])

    def migrated(self):
        """Waits for the end of a migration, in or out."""
        while True:
            status = self.ask("query-migrate").get("status")
            if status == "completed":
                return
            if status in ("failed", "cancelled"):
                raise NoAnswer("QEMU could not save or load the state")
            self.left()
            time.sleep(0.01)


def wait_for_keeper():
    deadline = time.monotonic() + QMP_S
    while not running() and time.monotonic() < deadline:
        time.sleep(0.01)


def power_on(seconds, state, clock, init, phrase, link, serial):
    wait_for_keeper()
    monitor = Monitor(int(seconds))
    power = Wire("power.sock", int(seconds))
    if state:
        feed = "exec:exec /usr/bin/python3 -S -E '%s' feed '%s' '%s'" % (os.path.abspath(__file__), state, serial)
        monitor.ask("migrate-incoming", uri=feed)
        monitor.migrated()
    if link == "off":
        monitor.ask("set_link", name="net0", up=False)
    monitor.ask("cont")
    # A machine that was saved has the clock of then; one that starts reads that of its hardware.
    when = "-"
    if state:
        when = "%.6f" % (time.time() if clock == "now" else float(clock))
    words = (when, os.urandom(SEED_BYTES).hex(), init.encode().hex(), phrase.encode().hex())
    power.send(("on %s %s %s %s\n" % words).encode())
    power.until(b"!")
    return 0


def save(placeholder):
    """The state begins a moment after the question mark, when the guest waits for its line."""
    placeholder = placeholder.encode()
    wait_for_keeper()
    monitor = Monitor(SAVE_S)
    power = Wire("power.sock", SAVE_S)
    monitor.ask("cont")
    power.until(rb"\?")
    time.sleep(1)
    monitor.ask("stop")
    monitor.ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
    monitor.ask("migrate", uri="exec:cat >state")
    monitor.migrated()
    monitor.ask("quit")
    with open("state", "rb") as f:
        data = f.read()
    with open("state.serials", "w") as f:
        found = list(re.finditer(re.escape(placeholder), data))
        for match in found:
            # In the firmware's table the strings of a structure end with an empty one: a shorter string
            # gets blanks there. What the kernel has made of it ends with a zero.
            table = data[match.end():match.end() + 2] == b"\0\0" and data[match.end() + 2:match.end() + 3] != b"\0"
            f.write("%d %d %s\n" % (match.start(), len(placeholder), "table" if table else "copy"))
    if not found:
        raise NoAnswer("the serial number is nowhere in the saved state")
    return 0


def feed(state, serial):
    serial = serial.encode()
    out = sys.stdout.buffer
    with open(state, "rb") as f, open(state + ".serials") as places:
        at = 0
        for line in places:
            start, length, kind = line.split()
            start, length = int(start), int(length)
            copy(f, start - at)
            out.write(serial.ljust(length, b" " if kind == "table" else b"\0"))
            at = start + length
            f.seek(at)
        copy(f, None)
    return 0


def copy(f, n):
    while n is None or n > 0:
        data = f.read(1 << 16 if n is None else min(n, 1 << 16))
        if not data:
            return
        sys.stdout.buffer.write(data)
        if n is not None:
            n -= len(data)


def hmp(command):
    said = Monitor().ask("human-monitor-command", **{"command-line": command}).strip()
    if said:
        print(said)
    # The monitor for people has no status; what it complains about begins like this.
    return 1 if re.match(r"(Error|Could not|Device .* not found|unknown command|.*: (Could not|unknown))", said) else 0


def type_keys(text):
    wire = Wire("console.sock", QMP_S)
    wire.send(text.encode())
    # Kept open until the slow port has taken them.
    time.sleep(1)
    return 0


def die_with_parent():
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def keep(owners, command):
    """However they end: no QEMU is left behind."""
    import subprocess
    owner_fds = [os.pidfd_open(owner) for owner in owners]
    with open("qemu.log", "w") as log:
        qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
    with open("pid.new", "w") as f:
        f.write("%d\n" % qemu.pid)
    os.rename("pid.new", "pid")
    qemu_fd = os.pidfd_open(qemu.pid)
    if qemu_fd not in select.select(owner_fds + [qemu_fd], [], [])[0]:
        qemu.kill()
    status = qemu.wait()
    os.unlink("pid")
    return 0 if status in (0, -signal.SIGKILL) else 1


def follow(owner, suite, group):
    """In a session of its own, or it would not see the end of the others through."""
    os.setsid()
    suite_fd = os.pidfd_open(suite)
    try:
        ended = select.select([os.pidfd_open(owner), suite_fd], [], [])[0]
    except ProcessLookupError:
        ended = []
    if suite_fd not in ended:
        os.killpg(group, signal.SIGKILL)
    return 0


def main(action, directory, *rest):
    if action == "feed":
        return feed(directory, *rest)
    os.chdir(directory)
    if action == "keep":
        end = rest.index("--")
        return keep([int(pid) for pid in rest[:end]], rest[end + 1:])
    if action == "follow":
        return follow(*map(int, rest))
    if action in ("run", "get"):
        stdin = b""
        if len(rest) > 2:
            with open(rest[2], "rb") as f:
                stdin = f.read()
        return run(int(rest[0]), rest[1], stdin, action == "get")
    return {"hmp": hmp, "type": type_keys, "on": power_on, "save": save}[action](*rest)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (NoAnswer, socket.timeout, BrokenPipeError, ConnectionResetError) as e:
        print("guest.py: %s: %s" % (os.path.basename(sys.argv[2]), e), file=sys.stderr)
        sys.exit(NO_ANSWER)
