#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attempts at passwords, as pam_mdm.so asks about them: counted, delayed, locked out, judged. The real
mdm-agentd and mdm-agent-verify, on accounts and a shadow file of the test's own; the peer is a stand-in
for the module that speaks its protocol, and for whoever wants to harm it.

Usage: auth.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import Skip, check, run_tests
from agent_rig import wait_for
from auth_rig import (ATTEMPT, CHANGE, CHECK, GO, LOCKED_OUT, OTHER, OWNER, REFUSED, RIGHT, UNCOUNTED, WAIT,
                      Phone, as_user, ask, connect, hashed, log_in, pipe_with, receive, request, send, with_phone)

LIMITS = {"free_attempts": 3, "first_delay": 2, "longest_delay": 3600, "max_attempts": 10}


@with_phone(dict(LIMITS, min_length=8))
def test_right_and_wrong(phone):
    """A right password costs nothing; wrong ones count, make people wait, and one right one ends it."""
    check(phone.log_in(RIGHT).verdict == GO)
    check(phone.failed() == 0, phone.account())
    for n in range(3):
        answer = phone.log_in("wrong %d" % n)
        check(answer.verdict == GO, n, answer)
    answer = phone.ask(CHECK)
    check(answer.verdict == WAIT and 1 <= answer.wait_s <= 2, answer)
    check(phone.failed() == 3, phone.account())


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("  skipped: accounts of their own need root")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    sys.exit(run_tests([f for name, f in list(globals().items()) if name.startswith("test_")], 2))
