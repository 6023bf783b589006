"""Ray as it says it is: what stewards, which are in it, tell edges, which are not."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class RayState(msgspec.Struct, frozen=True):
    """Nodes and actors of the cluster by Ray's states, in small letters; of each resource how much there is of it and
    how much is taken, in Ray's units; and the seconds that Ray's control plane took to say so."""

    nodes: Mapping[str, int]
    actors: Mapping[str, int]
    resources: Mapping[str, float]
    taken: Mapping[str, float]
    answer_s: float
