"""The same play on Tavola, on what others use, and on what is underneath, in one run: docs/explanation/peers.md.

    __main__   the command              run         one system after the other
    systems    what is compared         install     packages from npm and PyPI, into a cache
    server     a peer's process         running     a system's servers, started and ended
    players    who plays, in Node       reports     lines that a child says, and what it cost meanwhile
    cost       processor time           figure      what came out of one measurement
    page       a table, Markdown, JSON        pairs      systems in turn, while all of them are alive
    ratios     how they compare, how surely   pairs_page medians and ratios, told

`node` has the players and two of the peers, `python` the third; the statements that all peers use are beside this file.
"""
