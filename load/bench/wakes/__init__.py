"""The processes that a move wakes: `python -m tavola.load.bench.wakes`. Counts hold on a busy machine, as times do not.

__main__   the command               counted    what the kernel counts of a process, and strace of its system calls
"""
