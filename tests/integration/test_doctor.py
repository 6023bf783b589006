"""The rows of `tavola doctor` about nodes, room actors that are waited for, and the disk."""

from __future__ import annotations

import re
from pathlib import Path

from kit.damage import execute
from kit.hosts import connected
from tavola.config.settings import Settings
from tavola.doctor import _nodes, mount_options


async def test_nodes_and_those_that_are_silent(database_url: str) -> None:
    settings = Settings(DATABASE_URL=database_url, TAVOLA_JWT_SECRET="s" * 32)
    [check] = await _nodes(settings)
    assert (check.name, check.fit, check.found.partition(":")[0]) == ("nodes", False, "none")
    async with connected(database_url) as database:
        for address in ("10.0.0.1", "10.0.0.2"):
            await database.rows(
                "beat_node",
                id=f"id of {address}",
                address=address,
                pid=1,
                most=7,
                suspects=0,
                code="c",
                disk="c",
                may_end=False,
            )
        await execute(database_url, "UPDATE nodes SET beat_at = now() + interval '1 minute'")
        await execute(
            database_url,
            "INSERT INTO steward_lease (holder, until) VALUES ('id of 10.0.0.2', now() + interval '1 minute')",
        )
        [check] = await _nodes(settings)
        assert check.fit
        assert check.found == "10.0.0.1 0 of 7 room actors; 10.0.0.2 0 of 7 room actors, does the rounds"

        await execute(database_url, "UPDATE nodes SET beat_at = now() - interval '40 s' WHERE address = '10.0.0.1'")
        await database.rows("wish_actor", id="a wish")
        [check] = await _nodes(settings)
        assert not check.fit
        assert re.fullmatch(r"10\.0\.0\.1 silent for \d\d s; 10\.0\.0\.2 0 of 7 .*", check.found)

        await execute(database_url, "UPDATE actor_wishes SET made_at = now() - interval '20 s'")
        _, late = await _nodes(settings)
        assert (late.name, late.fit) == ("room actors", False)
        assert re.fullmatch(r"1 wished for and not started, the first for [23]\d s", late.found)
        await execute(database_url, "UPDATE actor_wishes SET answered_at = now()")
        assert len(await _nodes(settings)) == 1


def test_the_mount_of_a_folder_is_the_nearest(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/vda / ext4 rw,relatime,discard 0 0\n"
        "/dev/vdb /data ext4 rw,nodiscard 0 0\n"
        "/dev/vdc /data/with\\040space ext4 ro 0 0\n"
    )
    assert "discard" in mount_options(Path("/database"), mounts)
    assert mount_options(Path("/data/tavola"), mounts) == {"rw", "nodiscard"}
    assert mount_options(Path("/data/with space/a"), mounts) == {"ro"}
    assert mount_options(Path("/"), tmp_path / "none") == set()
