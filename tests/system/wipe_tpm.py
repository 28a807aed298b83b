#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a wipe tells a TPM 2.0 does what it should: wipe_tpm.py OBJECT-TREE

The TPM is swtpm, a simulated one, asked by its own TCP port in the place of /dev/tpmrm0; objects are made
and looked for with tpm2-tools."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
TOOL = os.path.join(BUILD, "tests/lib/wipe_tpm_tool")
KEPT, GONE, NEVER = "81000001", "81000002", "81000003"


def two_ports():
    """Two beside each other that nobody has."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                return port
            except (OSError, OverflowError):
                continue
    sys.exit("no two free ports")


class Tpm:
    def __init__(self, top):
        self.top, self.port = top, two_ports()
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + top, "--server", "type=tcp,port=%d,bindaddr=127.0.0.1" % self.port,
             "--ctrl", "type=tcp,port=%d,bindaddr=127.0.0.1" % (self.port + 1), "--flags", "not-need-init,startup-clear"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.env = dict(os.environ, TPM2TOOLS_TCTI="swtpm:host=127.0.0.1,port=%d" % self.port)
        end = time.monotonic() + 60
        while self.run("tpm2_getrandom", "--hex", "4").returncode:
            assert time.monotonic() < end, "swtpm does not start"
            time.sleep(0.1)

    def run(self, *argv):
        return subprocess.run(argv, env=self.env, cwd=self.top, capture_output=True, text=True, timeout=60, check=False)

    def good(self, *argv):
        done = self.run(*argv)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def handles(self):
        return sorted(line[4:] for line in self.good("tpm2_getcap", "handles-persistent").split() if line.startswith("0x81"))

    def listed(self):
        return self.good(TOOL, str(self.port), "list").split()

    def evict(self, handle):
        done = self.run(TOOL, str(self.port), handle)
        return done.returncode, done.stdout.strip() + done.stderr.strip()


def check(tpm):
    tpm.good("tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", "primary.ctx")
    for handle in (KEPT, GONE):
        tpm.good("tpm2_evictcontrol", "-C", "o", "-c", "primary.ctx", "0x" + handle)
    # The kernel's resource manager, which is not here, makes room by itself.
    tpm.good("tpm2_flushcontext", "--transient-object")
    assert tpm.handles() == [KEPT[2:], GONE[2:]], tpm.handles()
    assert tpm.listed() == [KEPT, GONE], tpm.listed()
    done = tpm.evict(GONE)
    assert done == (0, "gone"), done
    assert tpm.handles() == [KEPT[2:]], tpm.handles()
    assert tpm.listed() == [KEPT], tpm.listed()
    # What is not there is gone, too.
    for handle in (GONE, NEVER):
        done = tpm.evict(handle)
        assert done == (0, "gone"), (handle, done)
    # An owner with a password keeps what is his, and it is said.
    tpm.good("tpm2_changeauth", "-c", "o", "secret")
    status, said = tpm.evict(KEPT)
    assert (status, said) == (1, "Permission denied"), said
    assert tpm.handles() == [KEPT[2:]], tpm.handles()


def main():
    if not all(shutil.which(name) for name in ("swtpm", "tpm2_createprimary")):
        print("  skipped: swtpm and tpm2-tools are not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory() as top:
        tpm = Tpm(top)
        try:
            check(tpm)
        finally:
            tpm.process.kill()
            tpm.process.wait()
    print("1 passed, 0 failed")
    return 0


sys.exit(main())
