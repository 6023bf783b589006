"""The record that is written down and read again; how long a fault was felt; the page; options from a file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from typer.testing import CliRunner

from tavola.load.cli import app
from tavola.load.evidence.evidence import Diary, Message, Note, RecordedRoom
from tavola.load.evidence.recorder import FLUSH_BYTES, Recorder, read
from tavola.load.measure.scenario import Scenario
from tavola.load.proof.checker import Looked
from tavola.load.proof.ledger import Ledger
from tavola.load.proof.once import SentCommand, judge
from tavola.load.proof.recovery import back_after_s, felt_for_s, pulse
from tavola.load.report import page
from tavola.load.report.proof import Proof
from tavola.load.report.svg import Drawing, Scale, short
from tavola.load.run.prove import Faults, no_evidence


def test_what_is_written_down_is_read_again(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "new", "r_1.x", "holdem")
    one = recorder.client("u1", "Ann", ["token"])
    recorder.heard(b"\x93published")
    other = recorder.client("u2", "Bob", [], slow=True)
    one.write("open")
    other.write("in", b"{}")
    one.write("lost", b"1006")
    recorder.close()
    room = read(recorder.path)
    assert (room.id, room.game) == ("r_1.x", "holdem")
    assert [(diary.user, diary.name, diary.slow, diary.secrets) for diary in room.diaries] == [
        ("u1", "Ann", False, ["token"]),
        ("u2", "Bob", True, []),
    ]
    assert [[(note.kind, note.data) for note in diary.notes] for diary in room.diaries] == [
        [("open", b""), ("lost", b"1006")],
        [("in", b"{}")],
    ]
    assert [message.data for message in room.heard] == [b"\x93published"]
    times = [note.at for note in room.diaries[0].notes]
    assert times == sorted(times)


def test_a_record_that_was_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "r", "holdem")
    pen = recorder.client("u", "Ann", [])
    for _ in range(3):
        pen.write("in", b"x" * 100)
    recorder.close()
    whole = recorder.path.read_bytes()
    for cut in (1, 50, 150):
        recorder.path.write_bytes(whole[:-cut])
        assert len(read(recorder.path).diaries[0].notes) == (2 if cut < 100 else 1)


def test_much_is_written_in_pieces(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "r", "holdem")
    pen = recorder.client("u", "Ann", [])
    for _ in range(3):
        pen.write("in", b"x" * FLUSH_BYTES)
    assert recorder.path.stat().st_size > 2 * FLUSH_BYTES
    recorder.close()
    assert len(read(recorder.path).diaries[0].notes) == 3


def test_a_fault_is_felt_until_the_next_move_is_acknowledged() -> None:
    def sent(at: float, acked_at: float | None, kind: str = "act") -> SentCommand:
        return SentCommand("u", "Ann", {"type": kind}, at, [1], acked_at)

    diary = Diary("u", "Ann", notes=[
        Note(10.0, "open"), Note(20.0, "lost", b"1006"), Note(20.5, "open"),
        Note(20.6, "in", b'{"type":"authenticated"}'), Note(20.7, "in", b'{"type":"updates"}'),
    ])  # fmt: skip
    beat = pulse(
        RecordedRoom("r", "holdem", [diary]),
        [sent(1, 2), sent(9, 14), sent(30, 30.5), sent(3, 4, "chat"), sent(5, None)],
    )
    assert beat.moves == [(2, 1), (14, 9), (30.5, 30)]
    assert felt_for_s(beat, 0) == 1  # one that was sent after the fault waited since it was sent
    assert felt_for_s(beat, 10) == 4  # one that was under way has waited for the fault's sake since the fault
    assert felt_for_s(beat, 40) is None
    assert back_after_s(beat, 19, 21) == [pytest.approx(0.7)]
    assert back_after_s(beat, 21, 22) == []
    assert Message(1.0, b"").at == 1.0


def test_there_is_no_verdict_over_clocks_that_never_ran_out() -> None:
    looked = Looked(rooms=1, frames=1, messages=1, updates=1, replayed=1, commit_times=1)
    assert no_evidence(looked, timed=True, slept=False) == []
    assert no_evidence(looked, timed=True, slept=True) == ["there were no automatic actions to judge"]
    looked.automatic = 1
    assert no_evidence(looked, timed=True, slept=True) == []


# The page


def test_scales_have_round_ticks() -> None:
    assert Scale(0, 10, 0, 100)(2.5) == 25
    assert Scale(0, 10, 100, 0)(12) == 0, "what is beyond stays at the edge"
    assert Scale(0, 97, 0, 1).ticks() == [0, 20, 40, 60, 80]
    log = Scale(1, 1000, 0, 300, log=True)
    assert log(10) == pytest.approx(100)
    assert log.ticks() == pytest.approx([1, 10, 100, 1000])
    assert [short(value) for value in (0.25, 7, 1200, 15_000)] == ["0.25", "7", "1,200", "15k"]


def test_what_is_drawn_is_escaped() -> None:
    drawing = Drawing(10, 10, "a <b> & c")
    drawing.text((1, 1), "<script>")
    drawing.dot((1, 1), 2, "mark", hint="1 < 2 & 3")
    assert "<script>" not in drawing.svg()
    assert "&lt;script&gt;" in drawing.svg()
    assert "1 &lt; 2 &amp; 3" in drawing.svg()


@pytest.mark.parametrize("commit_times", [0, 5])
def test_what_was_not_judged_is_not_said_to_be_kept(commit_times: int) -> None:
    proof = cast(Proof, SimpleNamespace(
        looked=Looked(commit_times=commit_times), promises={f"P{number}": 0 for number in range(1, 9)}, passed=True,
        report=SimpleNamespace(actions=1, tables=1, seconds=1.0), faults=[], began=0.0,
    ))  # fmt: skip
    told = "" if commit_times else "; times not judged"
    assert f"<b>P1 kept{told}</b>" in page._promises(proof)
    assert "<b>P2 kept</b>" in page._promises(proof)
    assert ("P1&#x27;s times were not judged" in page._verdict(proof)) == (not commit_times)


# Options


def test_options_of_a_file_that_there_are_not(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("tables = 3\nnonsense = 1\n")
    result = CliRunner().invoke(app, ["--scenario", str(file)])
    assert result.exit_code == 2
    assert "nonsense" in result.output
    file.write_text("tables = [")
    assert CliRunner().invoke(app, ["--scenario", str(file)]).exit_code == 2


@pytest.mark.parametrize(
    "options",
    [
        ["--think", "fast"],
        ["--check", "half"],
        ["--churn", "earthquake"],
        ["--faults", "earthquake"],
        ["--faults", "net-delay", "--url", "http://127.0.0.1:1"],
        ["--faults", "all", "--url", "http://127.0.0.1:1", "--data-dir", "/nowhere"],
        ["--game", "holdem,tictactoe", "--options", '{"seats": 3}'],
    ],
)
def test_options_that_make_no_sense(options: list[str]) -> None:
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_the_kept_scenarios_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Scenario, Faults]] = []

    def prove_it(scenario: Scenario, faults: Faults, *_: object) -> bool:
        asked.append((scenario, faults))
        return True

    monkeypatch.setattr("tavola.load.run.start.prove_it", prove_it)
    for name in ("soak", "proof"):
        file = Path(__file__).parents[3] / "load" / "scenarios" / f"{name}.toml"
        assert CliRunner().invoke(app, ["--scenario", str(file), "--tables", "3"]).exit_code == 0
    (soak, soak_faults), (proof, proof_faults) = asked
    assert soak.tables == proof.tables == 3, "what the command line says comes first"
    assert (soak.seconds, proof.seconds) == (600.0, None)
    assert proof_faults.count == 1060
    assert soak_faults.shares.keys() == proof_faults.shares.keys()
    assert soak.games == ("holdem", "holdem", "tictactoe")
    assert "sleep" in soak.churn.keys() & proof.churn.keys()
    assert [soak.room(table)["options"]["turn_seconds"] for table in (0, 1, 2)] == [3, 3, 3]
    assert "timebank_seconds" not in soak.room(2)["options"], "which only hold'em has"


def test_faults_need_an_end_that_is_known() -> None:
    result = CliRunner().invoke(app, ["--tables", "2", "--hands", "5", "--faults", "all"])
    assert result.exit_code == 2
    assert "--fault-count" in result.output


def test_nothing_to_do_is_no_effect_that_is_missing() -> None:
    """An ack says so of any command but a move, of which something always comes."""
    for kind in ("spectate", "act"):
        frame = b'{"type":"%b","id":"1","room":"r"}' % kind.encode()
        ack = b'{"unchanged":true,"type":"ack","id":"1","room":"r","seq":3}'
        diary = Diary("u", "Ann", notes=[Note(1.0, "out", frame), Note(1.1, "in", ack), Note(90.0, "lost")])
        found = [finding.promise for finding in judge(RecordedRoom("r", "holdem", [diary]), Ledger([]))]
        assert found == (["P3"] if kind == "act" else [])
