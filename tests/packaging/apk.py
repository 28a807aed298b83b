#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Alpine's apk, which Debian does not have; apk.sh calls it. Run without arguments for its usage.

It keeps to what the sources of apk-tools 2.14 and 3.0 do (src/commit.c, src/database.c), the order above all:
pre-commit hooks (one that fails: exit status 99, nothing changed), then package by package pre-install or
pre-upgrade, directories and files, removal of what the old version had more, post-install or post-upgrade;
for a removal pre-deinstall, files, post-deinstall. A SCRIPT THAT FAILS STOPS NOTHING, in neither version: the
package is marked broken (f:s) where it stays, and the exit status is not 0 except for a removal, whose scripts
nobody asks. Below /etc, except /etc/init.d and /etc/apk, a file that was changed is kept: the new one becomes
NAME.apk-new, and a removal leaves it. Packages whose install_if holds come by themselves and go again.

What it leaves out: archives, signatures, repositories (packages are what abuild.sh made), the solver's
choices beyond the newest version, triggers, extended attributes, priorities, caches, the lock. Packages of
a distribution are recorded by "base" without files, so that dependencies on them hold.
"""

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from apk_db import DATABASE, DIR_ACL, Database, Package, Refused, digest, digest_of, package_from, parse_dependency, version_key  # noqa: E402

SCRIPT_SECONDS = 120
BASELAYOUT = "dev etc etc/init.d etc/conf.d home mnt proc root run srv sys tmp usr usr/bin usr/lib usr/sbin usr/share var " \
    "var/cache var/lib var/log var/spool"
UNPROTECTED = ("etc/init.d", "etc/apk")


def say(text):
    print(text, flush=True)


def is_protected(path):
    directory = os.path.dirname(path)
    below = lambda top: directory == top or directory.startswith(top + "/")  # noqa: E731
    return below("etc") and not any(below(top) for top in UNPROTECTED)


def headline(old, new):
    if new is None:
        return "Purging %s (%s)" % (old.name, old.version)
    if old:
        return "Upgrading %s (%s -> %s)" % (new.name, old.version, new.version)
    return "Installing %s (%s)" % (new.name, new.version)


def run_below_apk(words, root, argv, settings):
    """As a child of a process whose command line is apk's, which hooks look at: Python, called "apk", runs the hook from
    apk_parent/sitecustomize.py and never comes to its arguments."""
    above = {"PYTHONHOME": sys.prefix, "PYTHONPATH": os.path.join(os.path.dirname(os.path.abspath(__file__)), "apk_parent"),
             "PYTHONDONTWRITEBYTECODE": "1", "MDM_TEST_HOOK": json.dumps([root, argv, settings])}
    return subprocess.run(["apk", *words], executable=sys.executable, env=above, stdin=subprocess.DEVNULL,
                          stdout=sys.stdout, stderr=subprocess.STDOUT, timeout=SCRIPT_SECONDS)


class Apk:
    def __init__(self, options):
        self.options = options
        self.root = os.path.abspath(options.root)
        self.db = Database(self.root)
        self.repository = {}
        self.errors = 0
        for out in options.repo:
            for name in sorted(os.listdir(os.path.join(out, "info"))):
                package = package_from(os.path.abspath(out), name)
                known = self.repository.get(name)
                if not known or version_key(package.version) > version_key(known.version):
                    self.repository[name] = package

    # --- what shall be installed

    def candidates(self, dependency, upgrade):
        installed = [p for p in self.db.packages.values() if p.answers(dependency)]
        offered = [p for p in self.repository.values() if p.answers(dependency)]
        if installed and not upgrade:
            return installed
        by_version = {}
        for package in installed + offered:
            known = by_version.get(package.name)
            if not known or version_key(package.version) > version_key(known.version):
                by_version[package.name] = package
        named = parse_dependency(dependency)[1]
        return sorted(by_version.values(), key=lambda p: p.name != named)

    def solve(self, world, upgrade):
        chosen, conflicts = {}, []

        def need(dependency, reason):
            if dependency.startswith("!"):
                conflicts.append((dependency[1:], reason))
                return
            if any(p.answers(dependency) for p in chosen.values()):
                return
            for package in self.candidates(dependency, upgrade):
                if package.name not in chosen:
                    chosen[package.name] = package
                    for more in package.depends:
                        need(more, package.name)
                    return
            raise Refused("unable to select packages: %s (no such package), required by %s" % (dependency, reason))

        for dependency in world:
            need(dependency, "world")
        everything = dict(self.repository)
        for name, package in self.db.packages.items():
            if name not in everything or not upgrade:
                everything[name] = package
        found = True
        while found:
            found = False
            for package in everything.values():
                if package.install_if and package.name not in chosen and all(
                        any(p.answers(i) for p in chosen.values()) for i in package.install_if):
                    chosen[package.name] = package
                    for more in package.depends:
                        need(more, package.name)
                    found = True
        for dependency, reason in conflicts:
            for package in chosen.values():
                if package.answers(dependency):
                    raise Refused("unable to select packages: %s conflicts with %s" % (reason, package.name))
        return chosen

    def ordered(self, packages):
        """Dependencies first, what comes by install_if after what it came for."""
        done, result = set(), []

        def visit(package):
            if package.name in done:
                return
            done.add(package.name)
            for dependency in package.depends + package.install_if:
                for other in packages:
                    if other.answers(dependency):
                        visit(other)
            result.append(package)
        for package in sorted(packages, key=lambda p: p.name):
            visit(package)
        return result

    def commit(self, world, chosen):
        removed = [p for name, p in self.db.packages.items() if name not in chosen]
        changes = [(p, None) for p in reversed(self.ordered(removed))]
        for package in self.ordered(list(chosen.values())):
            old = self.db.packages.get(package.name)
            if old is not package and not (old and old.version == package.version):
                changes.append((old, package))
        self.simulation(changes)
        allowed = self.hooks("pre-commit")
        os.unlink(os.path.join(self.root, "lib/apk/exec/.simulation"))
        if not allowed:
            return 99
        for old, new in changes:
            say(headline(old, new))
            if new is None:
                self.purge(old)
            else:
                self.install(new, old)
            self.db.write()
        self.db.world = world
        self.db.write()
        self.hooks("post-commit")
        say("%s %d packages" % ("%d errors;" % self.errors if self.errors else "OK:", len(self.db.packages)))
        return min(self.errors, 98)

    # --- scripts

    def run(self, argv, what, environment, apk_above=False):
        """In the root, as apk runs it: fixed environment, umask 022, working directory /."""
        settings = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        if self.options.apk != "2.14":
            settings.update(environment)

        def enter():
            os.umask(0o022)
            os.chroot(self.root)
            os.chdir("/")
        try:
            if apk_above:
                done = run_below_apk([self.options.applet, *self.options.words], self.root, argv, settings)
            else:
                done = subprocess.run(argv, env=settings, preexec_fn=enter, stdin=subprocess.DEVNULL, stdout=sys.stdout,
                                      stderr=subprocess.STDOUT, timeout=SCRIPT_SECONDS)
            if done.returncode == 0:
                return True
            say("ERROR: %s: exited with error %d" % (what, done.returncode))
        except subprocess.TimeoutExpired:
            say("ERROR: %s: not finished after %d seconds" % (what, SCRIPT_SECONDS))
        except OSError as error:
            say("ERROR: %s: %s" % (what, error))
        return False

    def hooks(self, stage):
        if self.options.no_scripts or self.options.no_commit_hooks:
            return True
        for top in ("etc/apk/commit_hooks.d",) + (() if self.options.apk == "2.14" else ("lib/apk/commit_hooks.d",)):
            directory = os.path.join(self.root, top)
            for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
                if name.startswith("."):
                    continue
                path = "/%s/%s" % (top, name)
                if not self.run([path, stage], path[1:], {"APK_SCRIPT": stage}, True) and stage == "pre-commit":
                    return False
        return True

    def simulation(self, changes):
        """What "apk --simulate" of this very command would print, for hooks that ask (the program apk of a root, apk_inside.sh,
        finds it)."""
        lines = [" ".join([self.options.applet, *self.options.words])]
        for number, (old, new) in enumerate(changes, 1):
            lines.append("(%d/%d) %s" % (number, len(changes), headline(old, new)))
        directory = os.path.join(self.root, "lib/apk/exec")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, ".simulation"), "w") as f:
            f.write("\n".join(lines + ["OK:"]) + "\n")

    def script(self, package, kind, *versions):
        if kind not in package.scripts or self.options.no_scripts:
            return
        name = "%s-%s.%s" % (package.name, package.version, kind)
        say("  Executing " + name)
        directory = os.path.join(self.root, "lib/apk/exec")
        os.makedirs(directory, exist_ok=True)
        self.devices()
        path = os.path.join(directory, name)
        with open(path, "wb") as f:
            f.write(package.scripts[kind])
        os.chmod(path, 0o755)
        if not self.run(["/lib/apk/exec/" + name, *versions], name, {"APK_SCRIPT": kind, "APK_PACKAGE": package.name}):
            package.broken = "s"
        os.unlink(path)

    def devices(self):
        """A root without /dev gets what scripts need, as by apk."""
        if os.path.isdir(self.db.path("dev")):
            return
        os.mkdir(self.db.path("dev"))
        for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            os.mknod(self.db.path("dev/" + name), 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            os.chmod(self.db.path("dev/" + name), 0o666)

    # --- files

    def ids(self, acl):
        """Names of the package to the numbers of this root; who is not there is root, as apk says."""
        numbers = []
        for name, table in ((acl[0], "passwd"), (acl[1], "group")):
            number = 0
            with open(self.db.path("etc/" + table)) as f:
                for line in f:
                    if line.split(":")[0] == name:
                        number = int(line.split(":")[2])
                        break
                else:
                    say("WARNING: there is no %s in etc/%s" % (name, table))
            numbers.append(number)
        return (*numbers, acl[2])

    def install(self, new, old):
        versions = [new.version] + ([old.version] if old else [])
        new.broken = ""
        self.script(new, "pre-upgrade" if old else "pre-install", *versions)
        new.dirs = {path: self.ids(acl) for path, acl in new.dirs.items()}
        for path in sorted(new.dirs):
            self.directory(path, new.dirs[path])
        for path in sorted(new.files):
            acl, checksum = new.files[path]
            new.files[path] = (self.ids(acl), checksum)
            self.place(new, path, old)
        self.db.packages[new.name] = new
        if old:
            for path in old.files:
                if path not in new.files:
                    self.unlink(path, old.files[path][1])
            self.directories(old)
        self.script(new, "post-upgrade" if old else "post-install", *versions)
        self.errors += bool(new.broken)

    def directory(self, path, acl):
        target = self.db.path(path)
        known, _ = self.db.directory_acl(path)
        try:
            info = os.lstat(target)
        except FileNotFoundError:
            parent = os.path.dirname(path)
            if parent and not os.path.isdir(self.db.path(parent)):
                self.directory(parent, DIR_ACL)
            os.mkdir(target)
        else:
            # One that somebody changed, or that was there before, stays as it is.
            if not known or (info.st_uid, info.st_gid, info.st_mode & 0o7777) != known:
                return
        os.chown(target, acl[0], acl[1])
        os.chmod(target, acl[2])

    def place(self, new, path, old):
        target, source = self.db.path(path), os.path.join(new.source, path)
        owner = next((p for p in self.db.packages.values() if path in p.files and p.name != new.name), None)
        if owner:
            say("ERROR: %s: trying to overwrite %s owned by %s" % (new.name, path, owner.name))
            new.broken = "f"
            return
        there = digest_of(target)
        if is_protected(path) and there and there != (old.files.get(path, (0, None))[1] if old else None):
            if there == new.files[path][1]:
                return
            say("  Installing file to %s.apk-new" % path)
            target += ".apk-new"
        temporary = os.path.join(os.path.dirname(target), ".apk.new." + os.path.basename(path))
        uid, gid, mode = new.files[path][0]
        if os.path.islink(source):
            os.symlink(os.readlink(source), temporary)
            os.lchown(temporary, uid, gid)
        else:
            shutil.copyfile(source, temporary)
            os.chown(temporary, uid, gid)
            os.chmod(temporary, mode)
        os.rename(temporary, target)

    def unlink(self, path, checksum):
        target = self.db.path(path)
        if not is_protected(path) or self.options.purge or digest_of(target) == checksum:
            if os.path.lexists(target):
                os.unlink(target)
        if self.options.apk != "2.14" and is_protected(path) and os.path.lexists(target + ".apk-new"):
            os.unlink(target + ".apk-new")

    def directories(self, gone):
        """Of a package that is not in the database any more: those of nobody else, when empty."""
        for path in sorted(gone.dirs, reverse=True):
            if self.db.directory_acl(path)[1] == 0 and os.path.isdir(self.db.path(path)):
                try:
                    os.rmdir(self.db.path(path))
                except OSError:
                    pass

    def purge(self, package):
        self.script(package, "pre-deinstall", package.version)
        for path in package.files:
            self.unlink(path, package.files[path][1])
        del self.db.packages[package.name]
        self.directories(package)
        self.script(package, "post-deinstall", package.version)

    # --- applets

    def base(self, words):
        """NAME=VERSION[:PROVIDES,…]: the distribution's, recorded without files."""
        for word in words:
            head, _, provides = word.partition(":")
            name, _, version = head.partition("=")
            package = Package(name, version or "1-r0")
            package.provides = [p for p in provides.split(",") if p]
            package.fields["C"] = digest(word.encode())
            if name == "alpine-baselayout":
                package.dirs = {path: DIR_ACL for path in BASELAYOUT.split()}
            self.db.packages[name] = package
            if name not in self.db.world:
                self.db.world.append(name)
        self.db.write()
        return 0

    def add(self, words):
        world = [w for w in self.db.world if parse_dependency(w)[1] not in [parse_dependency(n)[1] for n in words]] + words
        return self.commit(world, self.solve(world, self.options.upgrade))

    def delete(self, words):
        for name in words:
            if name not in self.db.packages:
                raise Refused("%s: no such package is installed" % name)
        world = [w for w in self.db.world if parse_dependency(w)[1] not in words]
        chosen = self.solve(world, False)
        for name in words:
            if name in chosen:
                say("World updated, but %s is not removed: something installed depends on it" % name)
        return self.commit(world, chosen)

    def upgrade(self, _words):
        return self.commit(self.db.world, self.solve(self.db.world, True))

    def info(self, _words):
        for package in sorted(self.db.packages.values(), key=lambda p: p.name):
            say("%s-%s%s" % (package.name, package.version, " [%s]" % package.broken if package.broken else ""))
        return 0


def main():
    parser = argparse.ArgumentParser(prog="apk.sh", description="A stand-in for apk. Packages are what abuild.sh made.")
    parser.add_argument("root", help="the root to install in; needs etc/passwd and etc/group, for scripts a shell")
    parser.add_argument("applet", choices=("base", "add", "del", "upgrade", "info"))
    parser.add_argument("words", nargs="*", help="names of packages; for base NAME=VERSION[:PROVIDES,…]")
    parser.add_argument("--repo", action="append", default=[], metavar="OUT", help="what abuild.sh made; repeatable")
    parser.add_argument("--apk", choices=("2.14", "3.0"), default="3.0", help="whose semantics (%(default)s)")
    parser.add_argument("-u", "--upgrade", action="store_true", help="add: the newest, not what is there")
    parser.add_argument("--purge", action="store_true", help="changed files of /etc go as well")
    parser.add_argument("--no-scripts", action="store_true")
    parser.add_argument("--no-commit-hooks", action="store_true")
    options = parser.parse_intermixed_args()
    if os.geteuid() != 0:
        sys.exit("apk.sh: owners of files are set and scripts run in the root, which needs root")
    try:
        apk = Apk(options)
        return {"base": apk.base, "add": apk.add, "del": apk.delete, "upgrade": apk.upgrade,
                "info": apk.info}[options.applet](options.words)
    except Refused as error:
        say("ERROR: %s" % error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
