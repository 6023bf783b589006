"""Whether what was promised was kept, judged from what was recorded and from nothing else.

recorder   writes down every frame of every client           evidence   what was recorded of a room, as values
tap        listens to the rooms' channels in Redis           truth      reads the log and the states in Postgres
ledger     the log, as each viewer should have been shown it
visible    P1, P2   nothing before its commit                once       P3, P8   every command once, and answered
order      P4, P7   every number once, views that agree      secrets    P5       nobody knows too much
table      P6       turns, clocks, seats, chips              checker    all of them
"""
