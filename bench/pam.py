#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What pam_mdm.so adds to an authentication: pam.py OBJECT-TREE. A real agent with a policy, a copy of /etc that both the
agent and libpam see, and the real pam_unix; bench/pam_bench.c does the measuring. Prints "NAME VALUE" lines."""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "system"))
from pam_rig import RIGHT, enter  # noqa: E402
from pam_agent import PATIENT, World  # noqa: E402

if not enter():
    sys.exit("pam.py: a mount namespace of its own needs root")
with tempfile.TemporaryDirectory() as base:
    world = World(base, dict(PATIENT, min_length=8))
    try:
        done = subprocess.run([os.path.join(sys.argv[1], "bench/pam_bench"), world.stacks.path, "owner", RIGHT])
        counted = world.row()["judged"]
    finally:
        world.close()
if not counted:
    sys.exit("pam.py: the agent has counted nothing")
sys.exit(done.returncode)
