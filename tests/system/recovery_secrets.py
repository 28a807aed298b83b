#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where passphrases and recovery keys never are, after each thing that is done with them: the memory of the agent, what it
has written, its log and journal, the server's files, the list of processes, a core dump. The recovery key is known here from the escrow
key; everything else is as in recovery.py.

Usage: recovery_secrets.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import os
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Skip, check, run_tests
from agent_rig import wait_for
from recovery_rig import crypto_lock, memory_has, with_disks

NEW = "Harbour 31 lamps"


def wants_root():
    """Only root may read the memory of a process that cannot be dumped."""
    if os.geteuid() != 0:
        raise Skip("only root can look into the agent's memory")


def written(disks):
    """What the agent and the server have written: all files but the administrator's and the disks themselves."""
    for directory, _, names in os.walk(disks.phone.base):
        for name in names:
            path = os.path.join(directory, name)
            if not path.startswith(disks.admin.home) and path not in disks.images.values() and os.path.isfile(path):
                yield path


def look_for(disks, secrets, besides=()):
    """besides: files that are there to hold a secret."""
    needles = [s.encode() for s in secrets]
    pid = disks.agent.process.pid
    check(memory_has(pid, [disks.device.encode()]), "nothing is found in this memory at all")
    for process in [pid, *children(pid)]:
        found = memory_has(process, needles)
        check(not found, "memory of %d" % process, found)
    paths = [p for p in written(disks) if p not in besides]
    check(len(paths) > 5 and any(p.startswith(disks.agent.state) for p in paths), paths)
    for path in paths:
        with open(path, "rb") as f:
            data = f.read()
        check(not any(n in data for n in needles), path)
    text = disks.agent.run("journal", "show", "--json").stdout + disks.agent.run("privacy", "--json").stdout
    check(len(text) > 500 and not any(s in text for s in secrets))


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(word) for word in f.read().split()]


class Processes(threading.Thread):
    """Words and environments of every process, over and over."""

    def __init__(self, secrets):
        super().__init__(daemon=True)
        self.needles, self.found, self.programs, self.ends = [s.encode() for s in secrets], [], set(), False

    def run(self):
        while not self.ends:
            for pid in filter(str.isdigit, os.listdir("/proc")):
                for name in ("cmdline", "environ"):
                    try:
                        with open("/proc/%s/%s" % (pid, name), "rb") as f:
                            text = f.read()
                    except OSError:
                        continue
                    if name == "cmdline":
                        self.programs.add(os.path.basename(text.split(b"\0")[0]))
                    self.found += [text[:200] for n in self.needles if n in text]
            time.sleep(0.002)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *args):
        self.ends = True
        self.join(10)


@with_disks()
def test_making_and_exchanging(disks):
    wants_root()
    with Processes([disks.passphrase]) as processes:
        disks.made()
        disks.acknowledged()
        disks.made("--new")
        disks.acknowledged()
    check(b"cryptsetup" in processes.programs and b"agentctl" in processes.programs, processes.programs)
    check(not processes.found, processes.found)
    keys = [k["key"] for k in disks.keys("--all")]
    check(len(keys) == 2)
    look_for(disks, [disks.passphrase, *keys])


@with_disks()
def test_wrong_ones(disks):
    """What opens nothing is somebody's passphrase all the same."""
    wants_root()
    check(disks.escrow(passphrase="tried it with my other one").returncode == 7)
    look_for(disks, ["tried it with my other one"])


@with_disks()
def test_a_passphrase_restored(disks):
    wants_root()
    disks.made()
    disks.acknowledged()
    check(crypto_lock(disks)["state"] == "done", disks.agent.log())
    told = disks.keys()[0]["key"]
    look_for(disks, [disks.passphrase, told])
    r = disks.agent.run("passphrase", stdin="%s\n%s\n" % (told, NEW))
    check(r.returncode == 0 and told not in r.stdout and NEW not in r.stdout, r)
    disks.acknowledged()
    look_for(disks, [disks.passphrase, NEW, *(k["key"] for k in disks.keys("--all"))])


@with_disks()
def test_a_kept_key(disks):
    """It is in its file, and nowhere else."""
    wants_root()
    disks.made("--keep-key")
    disks.acknowledged()
    path = os.path.join(disks.agent.state, "recovery-key")
    with open(path) as f:
        kept = f.read()
    disks.admin.ok("command", "rotate-recovery-key", "--device", disks.device)
    disks.agent.sync()
    wait_for("the exchange\n" + disks.agent.log(), lambda: disks.keys()[0]["generation"] == 2)
    look_for(disks, [disks.passphrase, kept, *(k["key"] for k in disks.keys("--all"))], besides=(path,))


@with_disks(slow=("luksAddKey", 3))
def test_no_core(disks):
    """In the middle, when the secrets have to be somewhere, an agent that crashes leaves no core."""
    wants_root()
    agent = disks.agent
    child = subprocess.Popen([os.path.join(BUILD, "agentctl"), "--socket", agent.socket, "escrow"], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    child.stdin.write(disks.passphrase.encode() + b"\n")
    child.stdin.close()
    # The proof that this looks in the right place.
    wait_for("the passphrase to be in use", lambda: memory_has(agent.process.pid, [disks.passphrase.encode()]))
    with open("/proc/%d/limits" % agent.process.pid) as f:
        (limit,) = [line.split()[4:6] for line in f if line.startswith("Max core file size")]
    check(limit == ["0", "0"], limit)
    agent.process.send_signal(signal.SIGSEGV)
    # WCOREDUMP of the status: whether the kernel wrote one, or gave it to a program.
    _, status = os.waitpid(agent.process.pid, 0)
    agent.process.returncode = -signal.SIGSEGV
    check(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSEGV and not os.WCOREDUMP(status), status)
    agent.process = None
    child.wait(30)
    agent.stop()
    agent.start()
    look_for(disks, [disks.passphrase])


if __name__ == "__main__":
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
