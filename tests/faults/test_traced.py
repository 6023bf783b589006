"""One move on a whole stack is one trace, told of by its edge, its actor and the other edge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.collector import Collector, collecting
from kit.stack import Stack
from kit.table import table

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

CLIENTS, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as made:
        yield made


async def test_a_move_is_one_trace_over_its_edge_its_actor_and_the_other_edge(
    tmp_path: Path, collector: Collector
) -> None:
    stack = Stack(
        tmp_path / "data",
        edges=2,
        TAVOLA_TRACES=collector.url,
        TAVOLA_TRACES_SAMPLE="0",
        OTEL_EXPORTER_OTLP_HEADERS="x-tenant=ours",
    )
    try:
        stack.start()
        async with table(stack, edges=(0, 1)) as t:
            await t.move()
            mover = await t.next_to_act()
            ack = await mover.command("act", **mover.passive(), traceparent=f"00-{CLIENTS}-{SPAN}-01")
            t.note(mover, ack)
            await t.all_at(ack["seq"])
            spans = await collector.whole(CLIENTS, edges=2)
            owner = await t.owner()
            await t.check()
    finally:
        stack.stop()
    assert {span.trace for span in collector.spans} == {CLIENTS}, "nothing else was asked for"
    assert collector.tenants == {"ours"}
    by_name = {span.name: span for span in spans}
    shown = [span for span in spans if span.name == "edge.fan_out"]
    assert by_name["edge.frame"].parent == SPAN
    assert {by_name[name].instance for name in ("room.decide", "room.commit", "room.publish")} == {owner.actor}
    assert len({span.instance for span in shown}) == 2
    assert by_name["edge.frame"].instance in {span.instance for span in shown}
    ids = {span.id for span in spans} | {SPAN}
    assert all(span.parent in ids for span in spans), "it is connected"
    assert {span.parent for span in shown} == {by_name["room.publish"].id}
    assert sum(span.attributes["tavola.sockets"] for span in shown) == len(t.everybody)
