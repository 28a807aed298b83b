#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long the keys of a container last: wipe.py OBJECT-TREE DIRECTORY. A LUKS2 container as cryptsetup makes it by
itself (16 MiB of headers and key slots) in a file of DIRECTORY, from the start of mdm-agent-wipe to its word that
they are gone, verified; beside it the same bytes written and synced once by dd. Prints "NAME VALUE" lines, medians of five."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = os.path.join(os.path.abspath(sys.argv[1]), "mdm-agent-wipe")
UUID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
HEADER = 16 * 1024 * 1024


def wipe_once(top):
    reader, writer = os.pipe()
    start = time.monotonic()
    with subprocess.Popen([PROGRAM, "--root", top, "--progress-fd", str(writer), os.path.join(top, "plan")],
                          pass_fds=[writer]) as process:
        os.close(writer)
        with os.fdopen(reader) as lines:
            for line in lines:
                if line.split()[1] == "keys-gone":
                    gone = time.monotonic() - start
        if process.wait(timeout=60) != 0:
            sys.exit("wipe.py: the wipe failed")
    return gone


def write_once(top):
    start = time.monotonic()
    # Random as the wipe's are, and past the cache where the file system can do that.
    with open(os.path.join(top, "random"), "wb") as f:
        f.write(os.urandom(HEADER))
    for flags in (["oflag=direct"], []):
        start = time.monotonic()
        if subprocess.run(["dd", "if=" + os.path.join(top, "random"), "of=" + os.path.join(top, "container"), "bs=256k",
                           "conv=notrunc,fdatasync", "status=none"] + flags, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0:
            return time.monotonic() - start
    sys.exit("wipe.py: dd failed")


with tempfile.TemporaryDirectory(dir=sys.argv[2]) as top:
    os.makedirs(os.path.join(top, "var/lib/mdm-agent"))
    made, container = os.path.join(top, "made"), os.path.join(top, "container")
    with open(made, "wb") as f:
        f.truncate(2 * HEADER)
    subprocess.run(["cryptsetup", "luksFormat", "-q", "--disable-locks", "--type", "luks2", "--uuid", UUID, "--pbkdf", "pbkdf2",
                    "--pbkdf-force-iterations", "1000", made], input=b"secret", check=True)
    with open(os.path.join(top, "plan"), "w", encoding="ascii") as f:
        f.write("mdm-agent-wipe 1\nid bench\nfinish none\ntest\ndevice luks 0:0 /container uuid=%s\nend\n" % UUID)
    wiped, written = [], []
    for _ in range(5):
        shutil.copyfile(made, container)
        wiped.append(wipe_once(top))
        written.append(write_once(top))
print("wipe.keys_ms %.1f" % (1000 * statistics.median(wiped)))
print("wipe.bare_ms %.1f" % (1000 * statistics.median(written)))
