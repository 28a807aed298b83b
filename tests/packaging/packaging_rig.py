# SPDX-License-Identifier: Apache-2.0
"""What the tests of the package share: the fixture aport, a root like Alpine's to install in, running and counting."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
APORT = os.path.join(SOURCE, "packaging/apkbuild/mdm-agent")
FIXTURES = os.path.join(HERE, "fixtures")


class Skipped(Exception):
    """The reason is printed."""


def run(*args, seconds=300, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=seconds, **options)


def good(*args, **options):
    done = run(*args, **options)
    assert done.returncode == 0, "%s\nended with %d:\n%s" % (" ".join(args), done.returncode, done.stdout[-4000:])
    return done.stdout


def read(path):
    with open(path) as f:
        return f.read()


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def fixture_aport(top, changes=(), files=()):
    """A copy of the fixture aport below top; changes: (file, old, new) in the aport, files: the same in its source."""
    shutil.rmtree(top, ignore_errors=True)
    shutil.copytree(FIXTURES, top)
    source = os.path.join(top, "source/hello-fixture-1.2")
    for name, old, new in files:
        text = read(os.path.join(source, name))
        assert old in text, (name, old)
        write(os.path.join(source, name), text.replace(old, new))
    archive = os.path.join(top, "aport/hello-fixture-1.2.tar.gz")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(source, "hello-fixture-1.2")
    with open(archive, "rb") as f:
        checksum = hashlib.sha512(f.read()).hexdigest()
    for name, old, new in (("APKBUILD", "@SUM@", checksum), *changes):
        path = os.path.join(top, "aport", name)
        text = read(path)
        assert old in text, (name, old)
        write(path, text.replace(old, new, 1))
    return os.path.join(top, "aport/APKBUILD")


def abuild(apkbuild, out, **environment):
    return run("sh", os.path.join(HERE, "abuild.sh"), apkbuild, out, seconds=600, env={**os.environ, **environment})


def make_again(out, target, root, services, *variables):
    """What abuild.sh built, installed below root, with the flags it was built with: others would build everything anew. One
    at a time: two makes are not for one object tree."""
    source = os.path.join(out, "src", next(n for n in os.listdir(out + "/src") if os.path.isdir(os.path.join(out, "src", n))))
    flags = dict(line.split("=", 1) for line in read(out + "/flags").splitlines())
    return good("flock", source, "make", "-s", "-C", source, target, "DESTDIR=" + root, "PREFIX=/usr", "SERVICES=" + services, *variables,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **flags})


def facts(out, name):
    """OUT/info/NAME: key -> list of values."""
    result = {}
    for line in read(os.path.join(out, "info", name)).splitlines():
        key, value = line.split(" = ", 1)
        result.setdefault(key, []).append(value)
    return result


def files_below(top, leave=()):
    """Every file and link below top as a path that starts with "/"; directories end with "/"."""
    result = set()
    for directory, names, files in os.walk(top):
        relative = os.path.relpath(directory, top)
        relative = "/" if relative == "." else "/%s/" % relative
        names[:] = [n for n in names if not any((relative + n + "/").startswith(p) for p in leave)]
        for name in files + [n for n in names if os.path.islink(os.path.join(directory, n))]:
            if not any((relative + name).startswith(p) for p in leave):
                result.add(relative + name)
        result.update(relative + n + "/" for n in names if not os.path.islink(os.path.join(directory, n)))
    return result


class Root:
    """A root as a phone's: merged /usr, busybox for everything, what the agent's programs link, a few packages of the
    distribution in apk's database. Debian's busybox and libraries: the names are Alpine's, the bytes are not."""

    BASE = ("alpine-baselayout=3.7.0-r0", "busybox=1.37.0-r20:/bin/sh")

    def __init__(self, top, *more, programs=()):
        self.top = top
        for path in ("usr/bin", "usr/sbin", "usr/lib", "usr/share", "etc/init.d", "etc/conf.d", "tmp", "run", "var/log", "var/lib",
                     "proc", "sys", "dev", "root", "home"):
            os.makedirs(os.path.join(top, path))
        for name in ("bin", "sbin", "lib"):
            os.symlink("usr/" + name, os.path.join(top, name))
        os.chmod(os.path.join(top, "tmp"), 0o1777)
        busybox = shutil.which("busybox")
        shutil.copy(busybox, self.path("usr/bin/busybox"))
        for applet in good(busybox, "--list").split():
            if applet not in ("busybox", "init", "reboot", "poweroff", "halt"):
                os.symlink("busybox", self.path("usr/bin/" + applet))
        for name in ("addgroup", "adduser"):
            shutil.copy(os.path.join(HERE, "accounts.sh"), self.path("usr/sbin/" + name))
        write(self.path("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n")
        write(self.path("etc/group"), "root:x:0:root\nshadow:x:42:\nnobody:x:65534:\n")
        write(self.path("etc/shadow"), "root:*::0:::::\n", 0o640)
        for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            os.mknod(self.path("dev/" + name), 0o020666, os.makedev(1, minor))
            os.chmod(self.path("dev/" + name), 0o666)
        for program in programs:
            self.libraries(program)
        self.base(*self.BASE, *more)

    def path(self, name):
        return os.path.join(self.top, name.lstrip("/"))

    def libraries(self, program):
        """What a program of this machine needs, at the same place."""
        for library in re.findall(r"(/\S+)", good("ldd", program)):
            target = self.path(library.rstrip(":"))
            if not os.path.exists(target) and os.path.isfile(library):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy(library, target)

    def apk(self, *args, version="3.0"):
        return run("sh", os.path.join(HERE, "apk.sh"), self.top, *args, "--apk", version)

    def base(self, *words):
        done = self.apk("base", *words)
        assert done.returncode == 0, done.stdout

    def run(self, *args, **options):
        return run("chroot", self.top, *args, env={"PATH": "/usr/sbin:/usr/bin", "HOME": "/root"}, **options)

    def state(self, leave=("/proc/", "/sys/", "/dev/")):
        """path -> (mode, uid, gid, content) of everything, to see what changed."""
        result = {}
        for path in files_below(self.top, leave):
            name = self.path(path.rstrip("/"))
            info = os.lstat(name)
            content = None
            if os.path.islink(name):
                content = os.readlink(name)
            elif os.path.isfile(name):
                with open(name, "rb") as f:
                    content = hashlib.sha256(f.read()).hexdigest()
            result[path] = (info.st_mode, info.st_uid, info.st_gid, content)
        return result

    def installed(self):
        return dict(re.findall(r"^P:(.*)\nV:(.*)$", read(self.path("lib/apk/db/installed")), re.M))


def differences(before, after):
    """Lines "+path", "-path", "~path" of two states."""
    return (["+" + p for p in sorted(after) if p not in before] + ["-" + p for p in sorted(before) if p not in after] +
            ["~" + p for p in sorted(after) if p in before and after[p] != before[p]])


def inside(word, *namespaces):
    """Starts the test again in namespaces of its own, so that mounts and processes end with it. The shell is their first
    process and buries whom nobody waits for."""
    if os.environ.get("MDM_PACKAGING_INSIDE") == word:
        return
    os.environ["MDM_PACKAGING_INSIDE"] = word
    os.execvp("unshare", ["unshare", *namespaces, "--kill-child", "--fork", "sh", "-c", '"$@"; exit $?', "sh",
                          "/usr/bin/python3", *sys.argv])


def main(tests, *context):
    """Runs functions that take the context; the last line counts."""
    passed = failed = 0
    skipped = []
    for function in tests:
        try:
            function(*context)
            passed += 1
        except Skipped as reason:
            skipped.append(str(reason))
        except Exception:
            failed += 1
            print("FAILED %s" % function.__name__)
            traceback.print_exc(file=sys.stdout)
    for reason in sorted(set(skipped)):
        print("  skipped: " + reason)
    print("%d passed, %d failed" % (passed, failed) + (", %d skipped" % len(skipped) if skipped else ""), flush=True)
    return 1 if failed else 0
