"""The clients' packages as somebody has them who has no server: built by `make client`, installed alone, played."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.examples import FENCED, ROOT
from kit.stack import PATIENCE_S, Stack

pytestmark = pytest.mark.slow

NODE, NPM = shutil.which("node"), shutil.which("npm")
TSC = ROOT / "tests/javascript/node_modules/.bin/tsc"
ADDRESS = "http://127.0.0.1:8000"
WHEEL_LIMIT = 60 * 1024
"""Bytes of the wheel, without what it needs."""
NEEDED_LIMIT = 8 * 1024 * 1024
"""Bytes on disk of all the packages that are loaded with it."""
LOADED = """
import sys
before = set(sys.modules)
import tavola_client
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
PLAY = """
import { Tavola } from "@tavola/client";
const url = process.argv[2];
const players = ["Ann", "Ben"].map(() => new Tavola({ url }));
await Promise.all(players.map((player, seat) => player.signIn(`Player ${seat}`)));
const { id } = await players[0].request("POST", "/api/rooms", { game: "tictactoe", approval: "auto" });
const told = await Promise.all(players.map(async (player, seat) => {
  player.connect();
  const room = player.room(id);
  await room.ready;
  await room.command("request_join", { display_name: `Player ${seat}` });
  const over = new Promise((done) => room.on("update", ({ events }, view) => {
    const end = events.find(({ kind }) => kind === "game_complete");
    if (end) done(end.winner);
    const [move] = view.me.legal;
    if (move) room.act(move.move, { cell: move.cell.choices[0] }).catch(() => {});
  }));
  await room.command("take_seat", { seat_index: seat });
  return over;
}));
console.log(JSON.stringify(told));
process.exit(0);
"""
TYPED = """
import { Tavola, type Room } from "@tavola/client";
const room: Room = new Tavola({ url: "http://here.test" }).room("r_1");
room.on("update", (update, view) => {
  const seat: number | undefined = view.me.seat_index;
  const numbers: number[] = [update.seq, update.epoch, seat ?? 0];
  // @ts-expect-error: there is no such role
  if (view.me.role === "king") console.log(numbers);
});
"""


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder of the packages."""
    if NPM is None:
        pytest.skip("no npm on this machine")
    subprocess.run([ROOT / "tests/javascript/install"], check=True, capture_output=True, timeout=PATIENCE_S)
    subprocess.run([ROOT / "clients" / "build"], check=True, capture_output=True, timeout=PATIENCE_S)
    return ROOT / "build" / "client"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("clients") / "data", TAVOLA_ROOMS_PER_ACTOR="100")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment's Python with the wheel. The packages that it needs are found in ours; we ourselves are not."""
    folder = tmp_path_factory.mktemp("alone") / "env"
    venv.create(folder, symlinks=True)
    [wheel] = built.glob("*.whl")
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "--python", folder / "bin/python", "install", "--no-deps", "--no-index", wheel], check=True)
    where: list[str | Path] = [folder / "bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    found = subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()
    (Path(found) / "needed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "bin/python"


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_is_small_and_loads_no_server(built: Path, python: Path, tmp_path: Path) -> None:
    [wheel] = built.glob("*.whl")
    assert wheel.stat().st_size < WHEEL_LIMIT
    loaded = set(run(python, "-P", "-c", LOADED, cwd=tmp_path).split())
    assert {"tavola_client", "httpx", "websockets", "msgspec"} <= loaded
    assert loaded & {"tavola", "ray", "starlette", "uvicorn", "asyncpg", "redis", "pydantic", "pokerkit"} == set()
    here = Path(sysconfig.get_path("purelib"))
    needed = [path for name in loaded for path in here.glob(f"{name}/**/*") if path.is_file()]
    assert needed
    assert sum(path.stat().st_size for path in needed if "__pycache__" not in path.parts) < NEEDED_LIMIT


def test_its_page_is_a_program_that_plays(python: Path, stack: Stack, tmp_path: Path) -> None:
    page = (ROOT / "clients/python/README.md").read_text()
    programs = [text for language, text in FENCED.findall(page) if language == "python"]
    assert len(programs) == 2
    for program in programs:
        assert ADDRESS in program
    played, plain = (
        run(python, "-P", "-c", program.replace(ADDRESS, stack.urls[0]), cwd=tmp_path) for program in programs
    )
    told = re.findall(r"^Seat (\d) sees: (seat [01] has won, by \[\d, \d, \d\])\.$", played, re.MULTILINE)
    assert sorted(seat for seat, _ in told) == ["0", "1"]
    assert len({what for _, what in told}) == 1
    assert plain.strip()


def test_the_npm_package_plays_and_is_typed(built: Path, stack: Stack, tmp_path: Path) -> None:
    assert NODE is not None
    assert NPM is not None
    [package] = built.glob("*.tgz")
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}')
    run(NPM, "install", "--offline", "--no-audit", "--no-fund", package, cwd=tmp_path)
    (tmp_path / "play.mjs").write_text(PLAY)
    told = json.loads(run(NODE, "--experimental-websocket", "play.mjs", stack.urls[0], cwd=tmp_path))
    assert told[0] == told[1] in (0, 1)
    (tmp_path / "typed.ts").write_text(TYPED)
    strict = ("--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom")
    run(TSC, *strict, "typed.ts", cwd=tmp_path)
