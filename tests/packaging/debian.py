#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make install` on a root of Debian's shape: users and directories by the real systemd-sysusers and systemd-tmpfiles, the
services by the real systemctl, and removal by `make uninstall`. debian.py OUT (the tree that abuild.sh built is installed)."""

import os
import re
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from packaging_rig import files_below, good, main, make_again, read, run, write  # noqa: E402


def make(out, root, target):
    return make_again(out, target, root, "systemd")


def debian_root(root):
    for directory in ("etc/systemd/system", "usr/lib", "run", "var/lib"):
        os.makedirs(os.path.join(root, directory))
    write(root + "/etc/os-release", "ID=debian\nVERSION_ID=12\n")
    write(root + "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
    write(root + "/etc/group", "root:x:0:\n")
    write(root + "/etc/shadow", "root:*:19000:0:99999:7:::\n", 0o640)
    return root


def users_and_directories(top, out):
    root = debian_root(top + "/one")
    make(out, root, "install")
    for _ in range(2):
        good("systemd-sysusers", "--root=" + root)
        good("systemd-tmpfiles", "--root=" + root, "--create")
    passwd, group = read(root + "/etc/passwd"), read(root + "/etc/group")
    for name in ("mdm-agent", "mdm-server"):
        assert len(re.findall(r"^%s:.*/(nologin|false)$" % name, passwd, re.M)) == 1, passwd
        assert len(re.findall(r"^%s:" % name, group, re.M)) == 1, group
    assert len(re.findall(r"^mdm-admin:", group, re.M)) == 1, group
    server = int(re.search(r"^mdm-server:x:(\d+):", passwd, re.M).group(1))
    for path, mode, owner in (("var/lib/mdm-agent", 0o700, 0), ("run/mdm-agent", 0o755, 0), ("var/lib/mdm-server", 0o700, server)):
        info = os.stat(os.path.join(root, path))
        assert (info.st_mode & 0o7777, info.st_uid) == (mode, owner), (path, info)


def services_can_be_enabled(top, out):
    root = debian_root(top + "/two")
    make(out, root, "install")
    for name in ("mdm-agentd", "mdm-server"):
        good("systemctl", "--root=" + root, "enable", name)
        assert os.path.lexists("%s/etc/systemd/system/multi-user.target.wants/%s.service" % (root, name))
        assert run("systemctl", "--root=" + root, "is-enabled", name).stdout.strip() == "enabled"


def uninstall_takes_everything_but_state_and_changes(top, out):
    root = debian_root(top + "/three")
    settings = "/etc/mdm-server/mdm-server.conf"
    before = {p for p in files_below(root) if not p.endswith("/")}
    for changed in (False, True):
        make(out, root, "install")
        installed = {p for p in files_below(root) if not p.endswith("/")} - before
        assert len(installed) > 20 and settings in installed, installed
        if changed:
            write(root + settings, read(root + settings) + "# mine\n")
        make(out, root, "uninstall")
        after = {p for p in files_below(root) if not p.endswith("/")} - before
        assert after == ({settings} if changed else set()), after
        assert os.path.isdir(root + "/var/lib/mdm-agent")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="mdm-packaging-") as directory:
        os.chmod(directory, 0o755)
        sys.exit(main([users_and_directories, services_can_be_enabled, uninstall_takes_everything_but_state_and_changes],
                      directory, os.path.abspath(sys.argv[1])))
