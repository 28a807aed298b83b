#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is in the packages: contents.py OUT (what abuild.sh made). expected/NAME.list has for each package what it needs,
what installs it by itself, its scripts, and every file with mode and owner; "contents.py OUT --write" writes them
anew, for a change that is meant: look at the difference before committing it."""

import glob
import gzip
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from packaging_rig import HERE, SOURCE, Skipped, differences, facts, files_below, good, main, make_again, read, run, write  # noqa: E402

PLACES = ("/etc/", "/usr/bin/", "/usr/sbin/", "/usr/libexec/mdm-agent/", "/usr/lib/security/", "/usr/lib/systemd/system", "/usr/lib/sysusers.d/",
          "/usr/lib/tmpfiles.d/", "/usr/share/", "/var/lib/mdm-agent/")
# Exposure as systemd counts it, 10 is none; what each line costs is in the unit.
# What destroys the storage, and what runs scripts of packages, is kept from nothing.
EXPOSURE = {"mdm-agent-apps.service": 10, "mdm-agent-guard.service": 7.5, "mdm-agent-wipe.service": 10, "mdm-agentd.service": 4.5, "mdm-server.service": 2.0}


def packages(out):
    return sorted(os.listdir(out + "/pkg"))


def listing(out, name):
    info = facts(out, name)
    # The version is that of the tree.
    version = info["pkgver"][0]
    info["arch"] = [value.replace(os.uname().machine, "ARCH") for value in info["arch"]]
    lines = ["%s = %s" % (key, value.replace(version, "VERSION")) for key in ("arch", "depend", "install_if", "script")
             for value in info.get(key, ())]
    return "\n".join(lines) + "\n\n" + read("%s/files/%s" % (out, name))


def expected(name):
    path = "%s/expected/%s.list" % (HERE, name)
    return read(path) if os.path.exists(path) else ""


def unlike(out, names):
    result = []
    for name in names:
        want, have = expected(name).splitlines(), listing(out, name).splitlines()
        result += ["%s: missing: %s" % (name, line) for line in want if line not in have]
        result += ["%s: not expected: %s" % (name, line) for line in have if line not in want]
    return result


def lists_are_as_expected(_top, out):
    names = sorted(os.path.basename(p)[:-5] for p in glob.glob(HERE + "/expected/mdm-agent*.list"))
    assert packages(out) == names, (packages(out), names)
    found = unlike(out, names)
    assert not found, "\n".join(found)


def nothing_is_outside_its_place(_top, out):
    for name in packages(out):
        for path in files_below("%s/pkg/%s" % (out, name)):
            assert path.startswith(PLACES) or any(place.startswith(path) for place in PLACES), (name, path)
            assert path.startswith(("/etc/init.d/", "/etc/conf.d/")) <= (
                name.endswith("-openrc") or path.endswith("/")), (name, path)


def what_is_installed_is_in_one_package(top, out):
    make_again(out, "install", top + "/all", "systemd openrc apk mkinitfs", "PAMDIR=/usr/lib/security")
    installed = files_below(top + "/all")
    packed = {}
    for name in packages(out):
        for path in files_below("%s/pkg/%s" % (out, name)):
            if not path.endswith("/"):
                path = re.sub(r"(/usr/share/man/.*)\.gz$", r"\1", path)
                assert path not in packed, "%s is in %s and in %s" % (path, packed[path], name)
                packed[path] = name
    installed = {p for p in installed if not p.endswith("/")}
    assert installed == set(packed), (installed - set(packed), set(packed) - installed)
    assert len(packed) > 30, packed


def scripts_of(out):
    yield from glob.glob(out + "/scripts/*/.*-*")
    for name in packages(out):
        root = "%s/pkg/%s" % (out, name)
        yield from glob.glob(root + "/etc/init.d/*")
        yield from glob.glob(root + "/etc/conf.d/*")
        yield from glob.glob(root + "/etc/apk/commit_hooks.d/*")
        yield from glob.glob(root + "/usr/share/mdm-agent/*.sh")
        yield from glob.glob(root + "/usr/share/mkinitfs/hooks-extra/*")


def scripts_are_posix(_top, out):
    count = 0
    for script in scripts_of(out):
        good("shellcheck", "-s", "sh", "-e", "SC3043", script)
        good("dash", "-n", script)
        good("busybox", "sh", "-n", script)
        good("busybox", "ash", "-n", script)
        count += 1
    assert count >= 8, count


def everything_together(top, out):
    """The packages in one directory."""
    root = top + "/root"
    if not os.path.exists(root):
        os.mkdir(root)
        for name in packages(out):
            good("cp", "-a", "%s/pkg/%s/." % (out, name), root)
    return root


def systemd_takes_the_units(top, out):
    root = everything_together(top, out)
    units = sorted(glob.glob(root + "/usr/lib/systemd/system/*.service"))
    assert [os.path.basename(u) for u in units] == sorted(EXPOSURE), units
    for unit in units:
        text = read(unit)
        # Verified on this machine, with the programs where they were put.
        copy = "%s/%s" % (top, os.path.basename(unit))
        write(copy, re.sub(r"=(@?)(/usr/(?:s?bin|libexec/mdm-agent)/mdm)", r"=\1" + root + r"\2", text))
        done = run("systemd-analyze", "verify", "--man=no", copy)
        about = [line for line in done.stdout.splitlines() if os.path.basename(unit) in line]
        assert done.returncode == 0 and not about, done.stdout
        done = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                   "--threshold=%d" % (10 * EXPOSURE[os.path.basename(unit)]), copy)
        assert done.returncode == 0, done.stdout[-2500:]
        write(copy, text.replace("Type=", "Tpye="))
        assert "Tpye" in run("systemd-analyze", "verify", "--man=no", copy).stdout


def presets_enable_the_agent_alone(top, out):
    root = everything_together(top, out)
    good("systemctl", "--root=" + root, "preset", "mdm-agentd.service", "mdm-agent-wipe.service", "mdm-server.service")
    assert run("systemctl", "--root=" + root, "is-enabled", "mdm-agentd.service").stdout.strip() == "enabled"
    assert run("systemctl", "--root=" + root, "is-enabled", "mdm-agent-wipe.service").stdout.strip() == "enabled"
    assert run("systemctl", "--root=" + root, "is-enabled", "mdm-server.service").stdout.strip() == "disabled"


def pages_are_right(top, out):
    pages = glob.glob(out + "/pkg/*-doc/usr/share/man/man*/*.gz")
    assert len(pages) >= 6, pages
    for page in pages:
        plain = "%s/%s" % (top, os.path.basename(page)[:-3])
        with gzip.open(page, "rt") as f:
            write(plain, f.read())
        done = run("mandoc", "-T", "lint", "-W", "warning", plain)
        # scdoc writes more paragraphs than there are; nobody sees them.
        said = [line for line in done.stdout.splitlines() if "skipping paragraph macro" not in line]
        assert not said, said


def programs_know_nothing_of_where_they_were_built(_top, out):
    count = 0
    for name in packages(out):
        for path in [p for d in ("*bin", "libexec/*", "lib/security") for p in glob.glob("%s/pkg/%s/usr/%s/*" % (out, name, d))]:
            dynamic = good("readelf", "-dW", path)
            assert "RPATH" not in dynamic and "RUNPATH" not in dynamic, path
            assert "BIND_NOW" in dynamic and ("PIE" in dynamic or path.endswith(".so")), path
            with open(path, "rb") as f:
                assert out.encode() not in f.read(), path
            assert ".debug_info" not in good("readelf", "-SW", path), path
            count += 1
    assert count == 13, count


def the_tarball_is_the_same_wherever_it_is_made(top, _out):
    if not os.path.exists(SOURCE + "/.git"):
        raise Skipped("this is no git repository: a tarball cannot be compared with that of a clone")
    made = []
    # What a make above this one was told is not for these.
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD", "VARIANT")}
    for name, umask, zone in (("one", 0o022, "UTC0"), ("two", 0o077, "Asia/Kolkata")):
        clone = "%s/%s" % (top, name)
        environment = {**clean, "TZ": zone, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                       "GIT_CONFIG_VALUE_0": "*"}
        good("git", "clone", "-q", SOURCE, clone, env=environment, preexec_fn=lambda mask=umask: os.umask(mask) and None)
        good("make", "-s", "-C", clone, "dist", env=environment, preexec_fn=lambda mask=umask: os.umask(mask) and None)
        made.append(glob.glob(clone + "/build/mdm-agent-*.tar.gz")[0])
    good("tar", "-C", top, "-xzf", made[0])
    unpacked = glob.glob(top + "/mdm-agent-*/")[0]
    good("make", "-s", "-C", unpacked, "dist", env=clean)
    made.append(glob.glob(unpacked + "build/mdm-agent-*.tar.gz")[0])
    sums = [subprocess.check_output(["sha512sum", path]).split()[0] for path in made]
    assert len(set(sums)) == 1, list(zip(made, sums))
    names = good("tar", "-tzf", made[0]).splitlines()
    assert any(n.endswith("/Makefile") for n in names) and not any("/.git/" in n or "/build/" in n for n in names)


def the_comparison_notices(top, out):
    """A file that is missing, one that is new, another mode and another owner."""
    copy = top + "/copy"
    os.makedirs(copy)
    good("cp", "-a", out + "/info", out + "/files", copy)
    path = copy + "/files/mdm-agent"
    text = read(path)
    for old, new in (("f 0755 root:root usr/sbin/mdm-agentd\n", ""), ("d 0755 root:root usr\n", "d 0755 root:root usr\nd 0755 root:root opt\n"),
                     ("f 0755 root:root usr/sbin/mdm-agentd", "f 4755 root:root usr/sbin/mdm-agentd"),
                     ("f 0755 root:root usr/sbin/mdm-agentd", "f 0755 mdm-agent:root usr/sbin/mdm-agentd")):
        assert old in text, old
        write(path, text.replace(old, new))
        assert unlike(copy, ["mdm-agent"]), new
    assert differences({"a": 1, "b": 1}, {"b": 2, "c": 1}) == ["+c", "-a", "~b"]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    made_here = os.path.abspath(sys.argv[1])
    if sys.argv[2:] == ["--write"]:
        for package in packages(made_here):
            write("%s/expected/%s.list" % (HERE, package), listing(made_here, package))
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix="mdm-packaging-") as directory:
        sys.exit(main([lists_are_as_expected, nothing_is_outside_its_place, what_is_installed_is_in_one_package,
                       scripts_are_posix, systemd_takes_the_units, presets_enable_the_agent_alone, pages_are_right,
                       programs_know_nothing_of_where_they_were_built, the_tarball_is_the_same_wherever_it_is_made,
                       the_comparison_notices], directory, made_here))
