# SPDX-License-Identifier: Apache-2.0
"""Containers that cryptsetup made, disks that only sysfs knows, loop devices on files: for tests of mdm-agent-wipe."""

import os
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SECRETS = ["correct horse", "battery", "staple"]
MIB = 1024 * 1024


class Skip(Exception):
    pass


def run(*command, **more):
    more.setdefault("timeout", 120)
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


class Rig:
    """A root directory of its own, with containers made once and copied."""

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="mdm-wipe-", dir=os.environ.get("TMPDIR"))
        self.shim = os.path.join(self.base, "shim.so")
        subprocess.run([os.environ.get("MDM_CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", self.shim,
                        os.path.join(HERE, "../lib/wipe_shim.c"), "-ldl"], check=True)
        self.uuids = {}
        for kind in ("luks1", "luks2"):
            self.make(kind)
        self.n_roots = 0

    def make(self, kind):
        path = os.path.join(self.base, kind + ".made")
        with open(path, "wb") as f:
            # Data that can be told from what a wipe writes.
            f.write(b"user data " * (12 * MIB // 10 + 1))
            f.truncate(12 * MIB)
        sizes = ["--luks2-metadata-size", "16k", "--luks2-keyslots-size", "1m"] if kind == "luks2" else []
        pbkdf = ["--pbkdf", "pbkdf2"] if kind == "luks2" else []
        fast = pbkdf + ["--pbkdf-force-iterations", "1000"]
        for i, secret in enumerate(SECRETS):
            # luksAddKey reads an old one from a file and the new one from its input.
            write(os.path.join(self.base, "old"), SECRETS[0])
            write(os.path.join(self.base, "new"), secret)
            verb = ["luksAddKey", "-q", "--disable-locks", "--key-file", os.path.join(self.base, "old")] + fast + \
                [path, os.path.join(self.base, "new")] if i else \
                ["luksFormat", "-q", "--disable-locks", "--type", kind] + sizes + fast + \
                [path, os.path.join(self.base, "new")]
            done = run("cryptsetup", *verb)
            assert done.returncode == 0, done.stderr
        self.uuids[kind] = run("cryptsetup", "luksUUID", "--disable-locks", path).stdout.strip()
        assert opens(path) == len(SECRETS), "the container does not open before"

    def root(self):
        self.n_roots += 1
        path = os.path.join(self.base, "root%d" % self.n_roots)
        os.makedirs(os.path.join(path, "var/lib/mdm-agent"))
        return path

    def container(self, root, kind, name=None):
        path = os.path.join(root, name or kind)
        shutil.copyfile(os.path.join(self.base, kind + ".made"), path)
        return path

    def original(self, kind):
        return read(os.path.join(self.base, kind + ".made"))


def opens(path):
    """How many of the secrets open it."""
    return sum(subprocess.run(["cryptsetup", "open", "--disable-locks", "--test-passphrase", "--key-file", "-", path],
                              input=secret.encode(), capture_output=True, timeout=120, check=False).returncode == 0
               for secret in SECRETS)


def sectors(data):
    return [data[i:i + 512] for i in range(0, len(data), 512)]


def plan_text(*devices, finish="none", is_test=True, more=""):
    return "mdm-agent-wipe 1\nid wipe-1\nfinish %s\n%s%s%send\n" % (
        finish, "test\n" if is_test else "", "".join("device %s\n" % d for d in devices), more)


def equal(got, wanted):
    assert got == wanted, "%r, not %r" % (got, wanted)


def fake_disk(root, number, where, **files):
    """What sysfs would show of a disk; there is none."""
    directory = os.path.join(root, "sys/devices", where)
    for name, text in files.items():
        write(os.path.join(directory, name.replace("__", "/")), text)
    os.makedirs(directory, exist_ok=True)
    os.makedirs(os.path.join(root, "sys/dev/block"), exist_ok=True)
    os.symlink("../../devices/" + where, os.path.join(root, "sys/dev/block", number))


class Loop:
    """A loop device on a file of the root directory, with what sysfs and /dev show of it there."""

    def __init__(self, root, path):
        done = run("losetup", "--find", "--show", path)
        if done.returncode != 0:
            raise Skip("no loop devices: " + done.stderr.strip())
        self.device = done.stdout.strip()
        assert re.fullmatch(r"/dev/loop\d+", self.device), self.device
        st = os.stat(self.device)
        major, minor = os.major(st.st_rdev), os.minor(st.st_rdev)
        self.number = "%d:%d" % (major, minor)
        name = os.path.basename(self.device)
        fake_disk(root, self.number, "virtual/block/" + name, loop__backing_file=path + "\n",
                  uevent="MAJOR=%d\nMINOR=%d\nDEVNAME=%s\n" % (major, minor, name))
        os.makedirs(os.path.join(root, "dev"), exist_ok=True)
        os.mknod(os.path.join(root, "dev", name), 0o600 | 0o060000, st.st_rdev)
        try:
            os.close(os.open(os.path.join(root, "dev", name), os.O_RDONLY))
        except OSError as error:
            self.__exit__()
            raise Skip("device nodes cannot be opened below %s" % root) from error

    def sync(self):
        run("blockdev", "--flushbufs", self.device)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Whoever has it next could not write to it either.
        run("blockdev", "--setrw", self.device)
        run("losetup", "--detach", self.device)


def in_namespace(script, *arguments):
    """A shell script in a mount namespace of its own."""
    if run("unshare", "--mount", "true").returncode != 0:
        raise Skip("no mount namespaces")
    done = run("unshare", "--mount", "sh", "-euc", script, "sh", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done
