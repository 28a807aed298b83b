#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-pamcheck: which stacks it lets go live and which not, on stacks in the shapes of Alpine and Debian and on
those of this machine, with the real libpam and its modules.

Usage: pam_check.py BUILD_DIR [NAME...]    The last line is "N passed, N failed, N skipped".
"""

import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import check, run_tests
from pam_rig import CHECKER, MODULE, Etc, enter, line

ALPINE = {
    "base-auth": "auth\trequired\tpam_unix.so\tnullok\nauth\trequired\tpam_env.so\n-auth\toptional\tpam_gnome_keyring.so\n",
    "base-account": "account\trequired\tpam_unix.so\n",
    "base-password": "password\trequired\tpam_unix.so\tnullok sha512 shadow\n-password\toptional\tpam_gnome_keyring.so\tuse_authtok\n",
    "other": "auth include base-auth\naccount include base-account\npassword include base-password\n",
    "sshd": "auth substack base-auth\naccount include base-account\npassword include base-password\n",
}
DEBIAN = {
    "common-auth": "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
    "common-account": "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
                      "account requisite pam_deny.so\naccount required pam_permit.so\n",
    "common-password": "password [success=1 default=ignore] pam_unix.so obscure yescrypt\n"
                       "password requisite pam_deny.so\npassword required pam_permit.so\n",
    "other": "@include common-auth\n@include common-account\n@include common-password\n",
    "sudo": "@include common-auth\n@include common-account\n",
}


def contents(path):
    """Names, modes and bytes of all below it."""
    found = {}
    for directory, _names, files in os.walk(path):
        for name in [".", *files]:
            full = os.path.join(directory, name)
            found[full] = os.lstat(full).st_mode, None
            if os.path.isfile(full):
                with open(full, "rb") as f:
                    found[full] = os.lstat(full).st_mode, f.read()
    return found


def derive(text, auth=None, password=None):
    """Our lines in front of those of pam_unix, as the agent puts them."""
    text = re.sub(r"^(auth\s.*pam_unix\.so)", lambda m: (auth or line("auth")) + m.group(1), text, flags=re.M)
    return re.sub(r"^(password\s.*pam_unix\.so.*)", lambda m: (password or line("password")) + m.group(1) + " use_authtok",
                  text, flags=re.M)


class Sets:
    def __init__(self, base, files):
        self.live, self.staged = os.path.join(base, "live"), os.path.join(base, "staged")
        for path in (self.live, self.staged):
            shutil.rmtree(path, ignore_errors=True)
            os.mkdir(path)
        for name, text in files.items():
            self.write(self.live, name, text)
            self.write(self.staged, name, derive(text))

    @staticmethod
    def write(directory, name, text):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
            f.write(text)

    def stage(self, name, text):
        self.write(self.staged, name, text)

    def run(self, *services, options=()):
        before = contents(self.staged)
        r = subprocess.run([CHECKER, "--user", "mdm-agent", "--against", self.live, *options, self.staged, *services],
                           capture_output=True, text=True, timeout=120)
        check(contents(self.staged) == before, "something was left behind")
        return r

    def fit(self, *services, **more):
        r = self.run(*services, **more)
        check(r.returncode == 0 and not r.stderr, r.returncode, r.stdout, r.stderr)
        return r.stdout

    def unfit(self, word, *services):
        r = self.run(*services)
        check(r.returncode == 1 and word in r.stdout, r.returncode, r.stdout, r.stderr)


def with_etc(function):
    def run(base):
        etc = Etc(base)
        try:
            function(base)
        finally:
            etc.close()
    run.__name__ = function.__name__
    return run


@with_etc
def good_ones(base):
    for files, services in ((ALPINE, ("other", "sshd")), (DEBIAN, ("other", "sudo"))):
        sets = Sets(base, files)
        told = sets.fit(*services)
        check(told == "", "something was found:", told)
        # Those in force may have our lines already; and may be without them again.
        shutil.copytree(sets.staged, sets.live, dirs_exist_ok=True)
        sets.fit(*services)
        for name, text in files.items():
            sets.stage(name, text)
        sets.fit(*services)


@with_etc
def broken_ones(base):
    sets = Sets(base, DEBIAN)
    broken = {
        "the jump now leads to pam_deny": ("common-auth", DEBIAN["common-auth"].replace("nullok\n", "nullok\n" + line("auth"))),
        "a wrong password gets in": ("common-auth", "auth sufficient pam_permit.so\n" + derive(DEBIAN["common-auth"])),
        "an included file is gone": ("other", derive(DEBIAN["other"]).replace("common-auth", "common-nothing")),
        "no module of that name": ("common-auth", derive(DEBIAN["common-auth"], auth="auth requisite pam_nothing.so\n")),
        "a control that is none": ("common-auth", derive(DEBIAN["common-auth"], auth="auth [success= " + MODULE + "\n")),
        "ours refuses what it should ignore": ("common-auth", derive(DEBIAN["common-auth"],
                                                                  auth=line("auth", control="[default=die]"))),
        "the account's check": ("common-account", "account requisite pam_deny.so\n" + DEBIAN["common-account"]),
        "a change": ("common-password", derive(DEBIAN["common-password"], password="password requisite pam_deny.so\n")),
        "an empty file": ("common-auth", ""),
        "ends before pam_unix": ("common-auth", derive(DEBIAN["common-auth"], auth=line("auth", control="[ignore=die]"))),
    }
    for what, (name, text) in broken.items():
        sets.stage(name, text)
        r = sets.run("other")
        check(r.returncode == 1 and "other: " in r.stdout and not r.stderr, what, r.returncode, r.stdout, r.stderr)
        sets.stage(name, derive(DEBIAN[name]))
    sets.fit("other")
    sets.stage("other", "@include other\n")
    check(sets.run("other").returncode == 1, "a file that includes itself")


@with_etc
def the_module(base):
    """Lines that do no harm without their module hide that it is missing."""
    sets = Sets(base, ALPINE)
    sets.stage("base-auth", derive(ALPINE["base-auth"], auth=line("auth", module="/nonexistent/pam_mdm.so")))
    sets.unfit("/nonexistent/pam_mdm.so cannot be used by libpam", "other")
    junk = os.path.join(base, "pam_mdm.so")
    with open(junk, "w", encoding="utf-8") as f:
        f.write("no library")
    sets.stage("base-auth", derive(ALPINE["base-auth"], auth=line("auth", module=junk)))
    sets.unfit("cannot be used", "other")


@with_etc
def other_peoples_modules(base):
    hang = "auth optional pam_exec.so /bin/sleep 60\n"
    sets = Sets(base, dict(ALPINE, slow=hang + ALPINE["other"]))
    # One that hangs did so before: nothing to find, and an end.
    sets.fit("slow")
    sets = Sets(base, ALPINE)
    sets.stage("other", hang + ALPINE["other"])
    sets.unfit("does not come to an end", "other")
    # What refuses in any case is told, and is no reason against it.
    sets = Sets(base, dict(ALPINE, never="auth requisite pam_deny.so\n" + ALPINE["other"]))
    check("note" in sets.fit("never"), "no note")
    # A service without a file falls to "other", before as now.
    sets.fit("no-such-service")


@with_etc
def of_this_machine(base):
    """Debian's own files, against those of the system itself."""
    sets = Sets(base, {})
    services = []
    for name in sorted(os.listdir("/etc/pam.d")):
        with open("/etc/pam.d/" + name, encoding="utf-8") as f:
            sets.stage(name, derive(f.read()))
        if not name.startswith("common-"):
            services.append(name)
    check(len(services) > 5, services)
    before = contents("/etc/pam.d"), contents("/etc/security")
    r = subprocess.run([CHECKER, sets.staged, *services], capture_output=True, text=True, timeout=300)
    check(r.returncode == 0, r.stdout, r.stderr)
    check((contents("/etc/pam.d"), contents("/etc/security")) == before, "something was changed")


@with_etc
def the_command_line(base):
    sets = Sets(base, ALPINE)
    for arguments in ((), (sets.staged,), ("--user",), ("--nothing", sets.staged, "other"), (sets.staged, "../other"),
                      (sets.staged, ".hidden"), (os.path.join(base, "nothing"), "other")):
        r = subprocess.run([CHECKER, *arguments], capture_output=True, text=True, timeout=60)
        check(r.returncode == 2 and r.stderr and not r.stdout, arguments, r)
    with open(os.path.join(sets.staged, "large"), "w", encoding="utf-8") as f:
        f.write("#\n" * 40000)
    r = sets.run("other")
    check(r.returncode == 2 and "large cannot be copied" in r.stderr, r)


if __name__ == "__main__":
    TESTS = [good_ones, broken_ones, the_module, other_peoples_modules, of_this_machine, the_command_line]
    if not enter():
        print("  skipped: service files and passwords of one's own need root and a mount namespace")
        print("0 passed, 0 failed, %d skipped" % len(TESTS))
        sys.exit(0)
    sys.exit(run_tests(TESTS))
