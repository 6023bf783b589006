"""Hosts that share nothing but a network, on one machine: a cluster is tried on them, and all of it can be lost.

A host is a process in namespaces of its own (network, mounts, processes, name, shared memory) below which everything of
that host runs: a real sshd, and what the user's crontab says of a reboot (the rest of a crontab means nothing here). It
has the machine's programs, for reading alone, and a `/home`, `/tmp` and `/dev/shm` of its own. It sees nobody's home
and, unless it is one of a `developer`, not this checkout; the interpreter of the checkout is there, and `/srv`, if
something is given for it. The switch, a network namespace with a bridge, has a port for each host.

Nothing has a name outside: when the process that made a lab ends, however it ends, the kernel ends all processes of its
hosts, and with the last of them namespaces, links and mounts are gone. So labs beside each other do not meet, and all
have the same addresses.

The hosts know each other's hardware addresses beforehand. So one that is lost is silent, as it is behind a router,
where nobody is told of an address that does not answer.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from tavola.stack.processes import spawn

NETWORK = "198.51.100"
"""For documentation (RFC 5737): nobody's."""
FIRST = 11
USER, USER_ID = "ubuntu", 1000
ROOT = Path(__file__).parents[2]
SSHD = "/usr/sbin/sshd"
PROGRAMS = ("ip", "unshare", "nsenter", "mount", "setpriv", "ssh", "ssh-keygen", "rsync", SSHD)
WITHIN_S = 10.0
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# $1: the host's folder; $2: its name; $3: the interpreter's prefix; $4: for /srv, or nothing; $5: the checkout's place.
_INIT = rf"""
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir /mnt/host /mnt/python /mnt/srv
mount --bind "$1" /mnt/host
mount --bind "$3" /mnt/python
test -z "$4" || mount --bind "$4" /mnt/srv
for each in /root $5 /dev/shm /run /var/tmp /usr/local/bin; do mount -t tmpfs -o mode=755 tmpfs "$each"; done
chmod 1777 /dev/shm /var/tmp
mount --bind /mnt/host/tmp /tmp
mount --bind /mnt/host/home /home
mount --bind /mnt/host/passwd /etc/passwd
mount --bind /mnt/srv /srv
mkdir -p "$3" /run/sshd
mount --bind /mnt/python "$3"
mount -o remount,bind,ro "$3"
printf '#!/bin/sh\nexec %s/bin/python3 "$@"\n' "$3" >/usr/local/bin/python3
printf '#!/bin/sh\ncase $1 in -l) cat ~/.crontab;; -) cat >~/.crontab;; esac\n' >/usr/local/bin/crontab
chmod 755 /usr/local/bin/*
umount -l /mnt
mount -o remount,bind,ro /
hostname "$2"
cd /
test ! -e /home/{USER}/.crontab || {{
    until ip -4 addr show eth0 2>/dev/null | grep -q inet; do sleep 0.1; done
    sed -n 's/^@reboot //p' /home/{USER}/.crontab | while read -r line; do
        setpriv --reuid {USER_ID} --regid {USER_ID} --clear-groups env -i HOME=/home/{USER} LOGNAME={USER} \
            PATH=/usr/local/bin:/usr/bin:/bin sh -c "$(printf %s "$line" | sed 's/\\%/%/g')" </dev/null &
    done
}} &
exec {SSHD} -D -e -f /dev/null -h /home/.hostkey -o StrictModes=no -o PidFile=none -o UsePAM=no -o UseDNS=no
"""


def why_not() -> str:
    """The reason for which there can be no lab here; empty when there can be one."""
    if sys.platform != "linux":
        return "hosts are made of Linux's namespaces"
    if os.geteuid() != 0:
        return "only root makes networks"
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"there is no {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode else ""


class HostSaid(Exception):
    """A command that did not end well on a host, and its output."""

    def __init__(self, command: str, code: int, output: str) -> None:
        super().__init__(f"{command!r} ended with {code}: {output[-2000:]}")
        self.output = output


class Lab:
    """So many hosts, by their names, from `with` on. Make it in the main thread."""

    def __init__(self, *names: str, developers: Sequence[str] = (), srv: Path | None = None) -> None:
        """`developers` are hosts beside those; `srv` is a folder that all hosts may read, as `/srv`."""
        self.folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/var/tmp"))
        self.key = self.folder / "key"
        self.srv = srv
        self.moving: dict[str, str] = {}
        """Addresses that are given to one host or another, and whose they are."""
        self._switch: subprocess.Popen[bytes] | None = None
        addresses = {name: f"{NETWORK}.{FIRST + number}" for number, name in enumerate((*names, *developers))}
        self.hosts = {
            name: Host(self, name, address, addresses, sees_checkout=name in developers)
            for name, address in addresses.items()
        }

    def __enter__(self) -> Lab:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.down()

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def up(self) -> None:
        self.folder.chmod(0o755)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        argv = ["unshare", "--net", "sleep", "infinity"]
        self._switch = spawn(argv, log=self.folder / "switch.log", env=os.environ, when_we_die=signal.SIGKILL)
        _has_network(self._switch)
        self.ip("link add switch type bridge")
        self.ip("link set switch up")
        for host in self.hosts.values():
            host.on()
        for host in self.hosts.values():
            host.wait()

    def give(self, address: str, name: str) -> None:
        """From now on this address, beside its own, is that host's and no other's any more, and all hosts know it."""
        before = self.moving.get(address)
        self.moving[address] = name
        for host in self.hosts.values():
            if host.pid is not None:
                host.learn(address, before)

    def down(self) -> None:
        """On return nothing of it is left. More than once is the same."""
        for host in self.hosts.values():
            host.off()
        if self._switch is not None:
            self._switch.kill()
            self._switch.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ip(self, words: str) -> None:
        """The command `ip`, at the switch."""
        assert self._switch is not None
        _ip(self._switch, words)


class Host:
    """One host. Its folder, with its `/home`, outlives a loss of power."""

    has_way_out = True
    """Whether it has a default route from its next start on. Nobody is there."""

    def __init__(self, lab: Lab, name: str, address: str, addresses: dict[str, str], *, sees_checkout: bool) -> None:
        self.name = name
        self.address = address
        self._lab = lab
        self._addresses = addresses
        self._sees_checkout = sees_checkout
        self._folder = lab.folder / name
        self._starts = 0
        self._port = f"to-{name}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process below which all of it runs, if it is on."""
        return self._process.pid if self._process is not None else None

    @property
    def home(self) -> Path:
        """The user's, as we see it."""
        return self._folder / "home" / USER

    def on(self) -> None:
        """Gives it power and its link. `wait` says when it answers."""
        assert self._process is None, f"{self.name} is on"
        if not self._folder.exists():
            self._furnish()
        tmp = self._folder / "tmp"
        if tmp.exists():  # as the last start left it; this one sees nothing of it
            tmp.rename(self._folder / f"tmp-{self._starts}")
        self._starts += 1
        tmp.mkdir()
        tmp.chmod(0o1777)
        # Of the checkout's place the uppermost folder is hidden that is nobody else's.
        place = f"/{ROOT.parts[1]}" if ROOT.parts[1] not in ("home", "tmp", "usr", "var") else ""
        place = "" if self._sees_checkout else place
        srv = str(self._lab.srv) if self._lab.srv is not None else ""
        argv = ["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
        argv += ["sh", "-c", _INIT, "sh", str(self._folder), self.name, sys.base_prefix, srv, place]
        self._process = spawn(argv, log=self._folder / "log", env={"PATH": _PATH}, when_we_die=signal.SIGKILL)
        _has_network(self._process)
        self._lab.ip(f"link add {self._port} type veth peer name eth0 netns {self._process.pid}")
        self._lab.ip(f"link set {self._port} master switch up")
        for words in (
            f"link set eth0 address {_hardware(self.address)} up",
            "link set lo up",
            f"addr add {self.address}/24 dev eth0",
            *((f"route add default via {NETWORK}.1",) if self.has_way_out else ()),
        ):
            _ip(self._process, words)
        for other in self._addresses.values():
            if other != self.address:
                _ip(self._process, f"neigh replace {other} lladdr {_hardware(other)} nud permanent dev eth0")

        for address in self._lab.moving:
            self.learn(address, None)

    def learn(self, address: str, before: str | None) -> None:
        """An address that was the host's `before` is another's by now, or ours."""
        assert self._process is not None
        owner = self._lab[self._lab.moving[address]]
        if owner is self:
            _ip(self._process, f"addr replace {address}/24 dev eth0")
            return
        if before == self.name:
            _ip(self._process, f"addr del {address}/24 dev eth0")
        _ip(self._process, f"neigh replace {address} lladdr {_hardware(owner.address)} nud permanent dev eth0")

    def off(self) -> None:
        """Its power is gone: first its link, so that nobody hears of it, then every process at once. Without power it
        stays so."""
        if self._process is None:
            return
        with contextlib.suppress(HostSaid):
            self.cut()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        with contextlib.suppress(HostSaid):  # goes with the host's end of it, a moment later
            self._lab.ip(f"link del {self._port}")

    def cut(self) -> None:
        """Its link is down, and all else goes on."""
        self._lab.ip(f"link set {self._port} down")

    def mend(self) -> None:
        self._lab.ip(f"link set {self._port} up")

    def wait(self) -> None:
        """On return it lets us in. Raises HostSaid."""
        until = time.monotonic() + WITHIN_S
        while True:
            try:
                self.ssh("true")
                return
            except HostSaid:
                if time.monotonic() > until:
                    raise
            time.sleep(0.05)

    def tmp(self) -> list[Path]:
        """Its `/tmp`, and what lost starts have left of theirs, as we see them."""
        return sorted(self._folder.glob("tmp*"))

    def ssh(self, command: str, *, at: Host | None = None, within_s: float = 60.0) -> str:
        """The output of a person's command there. They sit at the host `at`, or at its own keyboard. Raises HostSaid
        and subprocess.TimeoutExpired."""
        with (at or self).network():
            return _said(self._door(command), within_s)

    def start(self, command: str) -> subprocess.Popen[str]:
        """A command that goes on, from its own keyboard: we talk with it by its standard input and output."""
        pipe = subprocess.PIPE
        with self.network():
            return subprocess.Popen(
                self._door(command), stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True, bufsize=1
            )

    def _door(self, command: str) -> list[str]:
        argv = ["ssh", "-q", "-i", str(self._lab.key), "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"]
        argv += ["-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5"]
        return [*argv, f"{USER}@{self.address}", command]

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Sockets that this thread opens meanwhile are the host's, and so are those of programs that it starts."""
        assert self._process is not None, f"{self.name} is off"
        with open("/proc/thread-self/ns/net") as ours, open(f"/proc/{self._process.pid}/ns/net") as theirs:
            _set_network(theirs.fileno())
            try:
                yield
            finally:
                _set_network(ours.fileno())

    def _furnish(self) -> None:
        self.home.mkdir(parents=True)
        ssh = self.home / ".ssh"
        ssh.mkdir(mode=0o700)
        shutil.copy(self._lab.key.with_suffix(".pub"), ssh / "authorized_keys")
        for each in (self.home, ssh, ssh / "authorized_keys"):
            os.chown(each, USER_ID, USER_ID)
        if self._sees_checkout:
            for key in (self._lab.key, self._lab.key.with_suffix(".pub")):
                placed = ssh / key.name.replace("key", "id_ed25519")
                shutil.copy(key, placed)
                os.chown(placed, USER_ID, USER_ID)
        key = self._folder / "home" / ".hostkey"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        servers = [line for line in Path("/etc/passwd").read_text().splitlines() if int(line.split(":")[2]) < USER_ID]
        mine = f"{USER}:*:{USER_ID}:{USER_ID}::/home/{USER}:/bin/bash"
        (self._folder / "passwd").write_text("\n".join([*servers, mine, ""]))


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _hardware(address: str) -> str:
    """The hardware address that belongs to an address, of those that nobody has."""
    return f"02:00:00:00:00:{int(address.rpartition('.')[2]):02x}"


def _ip(process: subprocess.Popen[bytes], words: str) -> None:
    """The command `ip`, in the network of a process."""
    _said(["nsenter", f"--net=/proc/{process.pid}/ns/net", "ip", *words.split()])


def _has_network(process: subprocess.Popen[bytes]) -> None:
    """On return it is in a network of its own."""
    ours = os.readlink("/proc/thread-self/ns/net")
    until = time.monotonic() + WITHIN_S
    while os.readlink(f"/proc/{process.pid}/ns/net") == ours:
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.002)


def _set_network(handle: int) -> None:
    if _libc.setns(handle, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _said(argv: Sequence[str], within_s: float = WITHIN_S) -> str:
    out = subprocess.PIPE
    told = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, text=True, timeout=within_s
    )
    if told.returncode:
        raise HostSaid(" ".join(argv), told.returncode, told.stdout)
    return told.stdout
