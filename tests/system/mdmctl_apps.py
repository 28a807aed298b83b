#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What mdmctl says of the apps in a policy before it is signed.

Usage: mdmctl_apps.py BUILD_DIR [NAME]...   the last line is "N passed, N failed, N skipped"
"""
import os
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, check, run_tests

TESTS = []


def test(function):
    TESTS.append(function)
    return function


@test
def a_malformed_text_is_named(base):
    a = Admin(base, make=False)
    a.fails(1, "policy", "check", a.policy(settings={"apps": {"blocked": ["htop", "nam:fire"]}}),
            says="apps.blocked: element 1, \"nam:fire\", is no pattern")


@test
def what_does_nothing_is_said(base):
    a = Admin(base, make=False)
    for apps, says in (
            ({"mode": "deny", "blocked": ["*"]}, "blocked has *, which is every app of its kind"),
            ({"mode": "deny", "blocked": ["remote:*"]}, "blocked has remote:*, which is every app of its kind"),
            ({"mode": "deny", "blocked": ["busybox"]}, "blocked has busybox, which no phone removes: it is the init"),
            ({"blocked": ["htop"]}, "blocked does nothing unless another profile"),
            ({"mode": "off", "required": ["htop"]}, "required does nothing unless another profile"),
            ({"mode": "allow"}, "mode is allow without a list"),
            ({"mode": "deny", "blocked": ["h*"], "required": ["htop"]},
             "required has htop, which blocked has as h*: blocked counts"),
            ({"mode": "deny", "blocked": ["remote:hub"], "required": ["flatpak:hub/org.x.Y"]},
             "required has flatpak:hub/org.x.Y, which blocked has as remote:hub: blocked counts"),
            ({"mode": "deny", "blocked": ["vim"], "pinned": ["vim=9"]}, "pinned has vim=9, which blocked has as vim"),
            ({"mode": "deny", "pinned": ["vim=9", "vim=8", "vim-x=1"]}, "pinned has vim=8 and vim=9: neither counts"),
            ({"mode": "deny", "user_programs": False}, "user_programs is false, and nothing holds them back"),
            ({"mode": "deny", "update_every": 1, "update_hours": []}, "update_hours is empty"),
            ({"mode": "deny", "update_hours": ["02"]}, "update_hours does nothing unless another profile"),
            ({"guard": "enforce"}, "guard has nothing to judge by unless another profile"),
            ({"mode": "deny", "repositories": []}, "repositories is empty"),
            ({"signing_keys": []}, "signing_keys is empty"),
            ({"signing_keys": ["0" * 64]}, "signing_keys ends the updates of whatever is signed with another key"),
            ({"mode": "deny", "allowed": ["nano"]}, "allowed says nothing about packages"),
            ({"mode": "allow", "allowed": ["nano", "htop"], "blocked": ["h*"]},
             "allowed has htop, which blocked has as h*: blocked counts"),
            ({"mode": "deny", "guard_failure": "closed"}, "guard_failure is closed")):
        out = a.ok("policy", "check", a.policy(settings={"apps": apps}))
        check(out.count("warning: ") == 1 and "apps." + says in out, (apps, out))


@test
def a_misspelt_setting_is_guessed(base):
    a = Admin(base, make=False)
    for wrong, right in (("blokced", "blocked"), ("Mode", "mode"), ("pined", "pinned"), ("screensaver", None)):
        out = a.ok("policy", "check", a.policy(settings={"apps": {wrong: "x"}}))
        check("warning: apps.%s: this version does not know it" % wrong in out, out)
        check(("did you mean %s?" % right in out) if right else "mean" not in out, wrong, out)
    # The guard holds back what lies where people can write, whatever the mode is.
    check("warning" not in a.ok("policy", "check", a.policy(settings={"apps": {"guard": "enforce", "user_programs": False}})))
    # A file that may run has its place in the mode deny.
    check("warning" not in a.ok("policy", "check", a.policy(settings={"apps": {
        "mode": "deny", "guard": "enforce", "user_programs": False, "allowed": ["sha256:" + "a" * 64]}})))


@test
def examples_need_no_second_look(base):
    a = Admin(base, make=False)
    for example in ("apps.json", "kiosk.json"):
        path = os.path.join(os.path.dirname(__file__), "../../docs/examples", example)
        check("warning" not in a.ok("policy", "check", os.path.abspath(path)), example)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
