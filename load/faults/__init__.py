"""Breaking things while tables play, and knowing whether it hurt.

kinds      what can be broken, and how           site    the processes and servers that there are to break
injector   when, by seed and rate; what was done proxy   a wire that delays and loses
bites      what the servers' own logs say of it  servers Postgres and Redis of the run's own
"""
