#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent says of systems of many shapes, on the trees of tests/sysroots/; and that README.md
says the same.

Usage: what_works.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import sysroots as trees
from mdmctl_rig import BUILD, Skip, check, run_tests


def contents(root):
    """Everything in a tree: kind, mode, bytes or target."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            data = os.readlink(path) if os.path.islink(path) else b""
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as f:
                    data = f.read()
            found[os.path.relpath(path, root)] = (st.st_mode, data)
    return found


def made(base, name):
    root = os.path.join(base, name)
    trees.make(name, root)
    return root


def every_tree_as_expected(base):
    expected, proofs = trees.expected()
    for name in trees.SYSTEMS:
        root = made(base, name)
        before = contents(root)
        told = trees.rows_of(trees.probe(BUILD, root))
        check(contents(root) == before, name, "looking changed something")
        for row in sorted(set(told) | set(expected[name])):
            check(told.get(row) == expected[name].get(row), name, row, ":", told.get(row), "not",
                  expected[name].get(row))
        check(set(proofs[name].values()) <= set(trees.PROOFS), name, proofs[name])


def no_tree_without_a_column(_):
    found = {f[:-5] for f in os.listdir(trees.TREES) if f.endswith(".tree")}
    check(found == set(trees.SYSTEMS), found ^ set(trees.SYSTEMS))
    for name in found:
        with open(os.path.join(trees.TREES, name + ".tree"), encoding="utf-8") as f:
            text = f.read()
        check("Facts: " in text, name, "does not say of what it is made")
        check(len(text) < 6000, name, "is not small")


def readme_is_fresh(_):
    with open(trees.README, encoding="utf-8") as f:
        text = f.read()
    check(trees.with_table(text) == text, "README.md: run `make reference`")


def answers_follow_the_tree(base):
    """What is taken away is missing in the answer, with its reason."""
    root = made(base, "postmarketos-26.06-systemd")
    os.unlink(os.path.join(root, "usr/bin/dconf"))
    shutil.rmtree(os.path.join(root, "run/systemd"))
    os.unlink(os.path.join(root, "sys/devices/virtual/block/dm-0/dm/uuid"))
    told = trees.rows_of(trees.probe(BUILD, root))
    check(told["screen_lock.enabled"][0] == "missing", told["screen_lock.enabled"])
    check("dconf is not installed" in told["screen_lock.enabled"][3], told["screen_lock.enabled"])
    check(told["init"] == ["other"], told["init"])
    check(told["encryption.storage"][2] != "true", told["encryption.storage"])


def for_people(base):
    root = made(base, "mobian")
    run = [os.path.join(BUILD, "mdm-agentd"), "--sysroot", root]
    r = subprocess.run([*run, "--probe"], capture_output=True, text=True, timeout=60, check=True)
    lines = r.stdout.splitlines()
    check(lines[0] == "Debian GNU/Linux 13 (trixie), Pine64 PinePhonePro, systemd", lines[0])
    check(any(line.split()[:2] == ["screen_lock.enabled", "works"] for line in lines), r.stdout)
    check(any(line.startswith("encryption.storage ") and "observed only" in line and
              line.endswith("storage: yes") for line in lines), r.stdout)
    check(max(map(len, lines)) < 300 and not r.stderr, r.stdout, r.stderr)
    for wrong in (["--json"], ["--probe", "--sysroot", os.path.join(base, "none")]):
        r = subprocess.run([*run, *wrong], capture_output=True, text=True, timeout=60)
        check(r.returncode in (1, 2) and "mdm-agentd: " in r.stderr and not r.stdout, wrong, r)


def any_user_may_ask(base):
    if os.geteuid() != 0:
        raise Skip("becoming another user takes root")
    os.chmod(base, 0o755)
    root = made(base, "postmarketos-26.06-systemd")
    shutil.copy(os.path.join(BUILD, "mdm-agentd"), base)
    told = trees.rows_of(trees.probe(base, root, user=65534, group=65534, extra_groups=[]))
    expected = trees.expected()[0]["postmarketos-26.06-systemd"]
    hidden = [row for row in told if "/etc/shadow cannot be read" in told[row][-1]]
    check("password.min_hash" in hidden, told)
    # What works is known without the hashes, what is in force is not.
    for row in hidden:
        check(told[row][:2] == expected[row][:2], row, told[row])
    check(all(told[row] == expected[row] for row in set(told) - set(hidden)), told)
    check(set(told) == set(expected), told)


def only_good_trees(base):
    """A tree cannot reach out of its directory, and mistakes are named with their line."""
    kept = trees.TREES
    try:
        trees.TREES = base
        for text, says in (("dir a/../../b", "not a path"), ("link a ..\nfile a/b\n| x", "link"),
                           ("bogus a", "not understood"), ("disk", "line 1"), ("dir a\n| x", "not under"),
                           ("file a\nfile a", "twice"), ("package a 1", "packages")):
            with open(os.path.join(base, "t.tree"), "w") as f:
                f.write(text + "\n")
            try:
                trees.make("t", os.path.join(base, "made"))
            except trees.TreeError as error:
                check(says in str(error) and "t.tree, line" in str(error), text, error)
            else:
                check(False, "was taken:", text)
            shutil.rmtree(os.path.join(base, "made"))
    finally:
        trees.TREES = kept


if __name__ == "__main__":
    sys.exit(run_tests([every_tree_as_expected, no_tree_without_a_column, readme_is_fresh,
                        answers_follow_the_tree, for_people, any_user_may_ask, only_good_trees]))
