# SPDX-License-Identifier: Apache-2.0
"""Runs a commit hook for apk.py, which explains it, and ends."""

import json
import os
import subprocess

if "MDM_TEST_HOOK" in os.environ:
    root, argv, settings = json.loads(os.environ["MDM_TEST_HOOK"])
    os.umask(0o022)
    os.chroot(root)
    os.chdir("/")
    try:
        status = subprocess.call(argv, env=settings)
    except OSError as error:
        print("%s: %s" % (argv[0], error), flush=True)
        status = 127
    os._exit(status if status >= 0 else 128 - status)
