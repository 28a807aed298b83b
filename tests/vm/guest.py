#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The host's end of a guest, for lib.sh. The sockets are in the guest's directory, which is the first argument:

guest.py keep DIR PID… -- COMMAND…     QEMU as a child that lives no longer than this process and those; its id is in DIR/pid
guest.py run DIR SECONDS SCRIPT [STDIN] runs SCRIPT as root; its output and status are those of this program
guest.py get DIR SECONDS SCRIPT         the same, standard output only
guest.py hmp DIR COMMAND                a command of QEMU's monitor; fails when it has something to complain about
guest.py type DIR TEXT                  keys at the serial console

125: no answer of the guest or of QEMU. channel_agent.c has the guest's end and the protocol."""

import ctypes
import json
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import time

NO_ANSWER = 125
GRACE_S = 20  # beyond the time that the guest's own clock gives a script: emulation is slow
QMP_S = 30


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
    ident = secrets.token_hex(8)
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


def qmp(wire, command, **arguments):
    wire.send(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
    while True:
        answer = json.loads(wire.until(rb"[^\n]*\n").group())
        if "return" in answer:
            return answer["return"]
        if "error" in answer:
            raise NoAnswer("QEMU says: " + answer["error"]["desc"])


def hmp(command):
    wire = Wire("qmp.sock", QMP_S)
    qmp(wire, "qmp_capabilities")
    said = qmp(wire, "human-monitor-command", **{"command-line": command}).strip()
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
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def keep(owners, command):
    """However they end: no QEMU is left behind."""
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


def main(action, directory, *rest):
    os.chdir(directory)
    if action == "keep":
        end = rest.index("--")
        return keep([int(pid) for pid in rest[:end]], rest[end + 1:])
    if action in ("run", "get"):
        stdin = b""
        if len(rest) > 2:
            with open(rest[2], "rb") as f:
                stdin = f.read()
        return run(int(rest[0]), rest[1], stdin, action == "get")
    return {"hmp": hmp, "type": type_keys}[action](*rest)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (NoAnswer, socket.timeout, BrokenPipeError, ConnectionResetError) as e:
        print("guest.py: %s: %s" % (os.path.basename(sys.argv[2]), e), file=sys.stderr)
        sys.exit(NO_ANSWER)
