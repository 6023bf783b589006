"""Measures what an honest pair of players notices of a flood: `python -m tavola.load.bench.floods`.

__main__   the options            run        a stack, the pair, one flood after the other, the table
honest     the pair, measured     flooder    a process that floods
attacks    every flood            page       the table
"""
