#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdmctl and policies that take more than one signature, above all those that can destroy by
themselves: said before anybody signs, and nothing leaves the administrator's machine before those
signed who have to.

Usage: mdmctl_destroy.py BUILD_DIR [NAME]...        the last line is "N passed, N failed, N skipped"
"""
import json
import os
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, check, run_tests

TESTS = []
# Nobody listens at the server's address: whoever gets that far ends with this.
UNREACHABLE = 3


def test(function):
    TESTS.append(function)
    return function


def write(a, name="wipe.json", when=None, **password):
    profile = {"id": "strict", "settings": {"password": password or {"max_attempts": 10, "at_maximum": "wipe"}}}
    if when:
        profile["when"] = when
    return a.file(name, json.dumps({"profiles": [profile]}))


def sign(a, policy, output="s.jose", *options):
    r = a.run("policy", "sign", policy, "--stream", "staff", "--offline", "-o", output, *options)
    check(r.returncode == 0, r.stderr)
    return r.stderr


@test
def check_says_so(base):
    a = Admin(base, make=False)
    out = a.ok("policy", "check", write(a))
    check("profile strict" in out and "at_maximum is wipe" in out and "role destroy" in out, out)
    check(a.json("policy", "check", "wipe.json")["destroys"] is True)
    harmless = write(a, "harmless.json", max_attempts=10, at_maximum="lock_out")
    check("warning" not in a.ok("policy", "check", harmless))
    check(a.json("policy", "check", harmless)["destroys"] is False)
    # A condition that never comes true changes nothing.
    never = {"all": [{"charging": {"is": True}}, {"charging": {"is": False}}]}
    check(a.json("policy", "check", write(a, when=never, at_maximum="crypto_lock"))["destroys"] is True)
    check("does nothing unless" in a.ok("policy", "check", "wipe.json"))
    out = a.ok("policy", "check", write(a, max_attempts=4, free_attempts=4))
    check("nobody waits" in out, out)


@test
def one_signature_is_not_enough(base):
    a = Admin(base)
    said = sign(a, write(a))
    check("at_maximum is wipe" in said and "1 more signature of keys with the role destroy" in said, said)
    for command in ("check", "push"):
        a.fails(1, "policy", command, "s.jose", says="(destroy_threshold)")
    check("NOT VALID" in a.ok("policy", "show", "s.jose"))
    shown = a.json("policy", "show", "s.jose")
    check(shown["verified"] is False and shown["reason"] == "destroy_threshold", shown)
    check(shown["signers"] == ["admin"], shown)
    # The second person is told what it is before the question.
    r = a.run("policy", "cosign", "s.jose", "--key", "second", "--yes")
    check(r.returncode == 0 and "at_maximum is wipe" in r.stderr, r.stderr)
    check("more signature" not in r.stderr, r.stderr)
    check(a.json("policy", "check", "s.jose")["destroys"] is True)
    check(a.json("policy", "show", "s.jose")["verified"] is True)
    a.fails(UNREACHABLE, "policy", "push", "s.jose")


@test
def actions_destroy_too(base):
    a = Admin(base)
    profile = {"id": "abroad", "when": {"network": {"roaming": True}}, "settings": {},
               "actions": [{"lock": {}}, {"wipe": {"scope": "corporate"}}]}
    policy = a.file("abroad.json", json.dumps({"profiles": [profile]}))
    out = a.ok("policy", "check", policy)
    check("profile abroad" in out and "the action wipe happens as soon as" in out, out)
    check(a.json("policy", "check", policy)["destroys"] is True)
    sign(a, policy)
    a.fails(1, "policy", "check", "s.jose", says="the action wipe can destroy what is on them")
    a.ok("policy", "cosign", "s.jose", "--key", "second", "--yes")
    check(a.json("policy", "show", "s.jose")["verified"] is True)
    profile["actions"] = [{"lock": {}}]
    harmless = a.file("harmless.json", json.dumps({"profiles": [profile]}))
    check(a.json("policy", "check", harmless)["destroys"] is False)


@test
def keys_of_other_roles_do_not_count(base):
    a = Admin(base)
    a.ok("key", "new", "writer", "--role", "policy")
    a.ok("keyset", "sign", "--yes", "--key", "admin")
    a.ok("keyset", "sign", "--yes", "--key", "second", "--output", "next.jose")
    a.ok("keyset", "import", "next.jose")
    said = sign(a, write(a), "s.jose", "--key", "writer")
    check("2 more signatures of keys with the role destroy" in said, said)
    r = a.run("policy", "cosign", "s.jose", "--key", "admin", "--yes")
    check(r.returncode == 0 and "1 more signature of" in r.stderr, r.stderr)
    # Two have signed, as many as it takes, but one of them may not destroy.
    check(a.json("policy", "show", "s.jose")["signers"] == ["writer", "admin"])
    a.fails(1, "policy", "push", "s.jose", says="1 more signature of keys with the role destroy is")
    a.ok("policy", "cosign", "s.jose", "--key", "recovery", "--yes")
    a.fails(UNREACHABLE, "policy", "push", "s.jose")


@test
def where_a_policy_takes_two(base):
    a = Admin(base)
    a.ok("key", "new", "writer", "--role", "policy")
    a.ok("keyset", "threshold", "policy", "2")
    a.ok("keyset", "sign", "--yes", "--key", "admin")
    a.ok("keyset", "sign", "--yes", "--key", "second", "--output", "next.jose")
    a.ok("keyset", "import", "next.jose")
    said = sign(a, write(a))
    check("2 signatures of keys with the role policy" in said, said)
    a.fails(1, "policy", "push", "s.jose", says="(threshold)")
    r = a.run("policy", "cosign", "s.jose", "--key", "writer", "--yes")
    check(r.returncode == 0 and "1 more signature of keys with the role destroy" in r.stderr, r.stderr)
    a.fails(1, "policy", "push", "s.jose", says="(destroy_threshold)")
    a.ok("policy", "cosign", "s.jose", "--key", "second", "--yes")
    a.fails(UNREACHABLE, "policy", "push", "s.jose")


@test
def others_are_as_before(base):
    a = Admin(base)
    said = sign(a, write(a, min_length=6, max_attempts=10, at_maximum="lock_out"))
    check("destroy" not in said, said)
    check(a.json("policy", "check", "s.jose")["destroys"] is False)
    a.fails(UNREACHABLE, "policy", "push", "s.jose")
    check(os.path.exists(os.path.join(a.home, "s.jose")))


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
