#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Directories that a real ext4 encrypts by itself: named, and not taken for an encrypted disk. The file system is in a
file, mounted on a loop device in a mount namespace of the test's own.

Usage: fscrypt.py BUILD_DIR [NAME...]    The last line is "N passed, N failed[, N skipped]".
"""
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import BUILD, Skip, check, run_tests

MKE2FS = shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin:/bin")
# An encrypted directory needs no key to be one; version 1 takes any name for it. _IOW('f', 19) as the kernel's
# headers have it, the policy: version, AES-256-XTS, AES-256-CTS, flags, name of the key.
POLICY = """
import fcntl, os, struct, sys
for path in sys.argv[1:]:
    os.mkdir(path)
    fcntl.ioctl(os.open(path, os.O_RDONLY), 0x800c6613, struct.pack("BBBB8s", 0, 1, 4, 0, b"somebody"))
"""


def probed(base, script, options=("-O", "encrypt")):
    """What the agent says of /home with that file system there, after the commands."""
    if os.geteuid() != 0 or not MKE2FS or not os.path.exists("/dev/loop-control"):
        raise Skip("needs root, mke2fs and loop devices")
    image = os.path.join(base, "image")
    with open(image, "wb") as f:
        f.truncate(16 << 20)
    subprocess.run([MKE2FS, "-q", "-t", "ext4", "-b", "4096", *options, image], check=True)
    policy = os.path.join(base, "policy.py")
    with open(policy, "w") as f:
        f.write(POLICY)
    r = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-euc", """
        mount -o loop "$1" /home || { echo cannot-mount; exit 0; }
        encrypt() { /usr/bin/python3 "$policy" "$@" || { echo cannot-encrypt; exit 0; }; }
        policy=$3
        eval "$4"
        "$2" --probe --state-dir "$5"
        umount /home""", "sh", image, os.path.join(BUILD, "mdm-agentd"), policy, script, os.path.join(base, "state")],
        capture_output=True, text=True, timeout=120)
    if "cannot-" in r.stdout:
        raise Skip("this kernel does not let a test mount and encrypt: " + r.stderr.strip()[:100])
    check(r.returncode == 0, r.stdout, r.stderr)
    return [line for line in r.stdout.splitlines() if line.startswith("encryption.home ")][0]


def test_one(base):
    line = probed(base, "mkdir /home/bob; encrypt /home/alice")
    check("storage: no" in line and "fscrypt on /home/alice does not count" in line, line)


def test_several(base):
    line = probed(base, "encrypt /home/alice /home/bob")
    check("storage: no" in line and " and 1 more does not count" in line, line)


def test_none(base):
    line = probed(base, "mkdir /home/alice", ())
    check("storage: no" in line and "fscrypt" not in line, line)


if __name__ == "__main__":
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 1))
