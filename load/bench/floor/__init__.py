"""The floor underneath, measured beside everything else: a bare echo, our layout with nothing in it, Postgres's own
benchmark, an empty Ray call.

echo          an ASGI application that sends six frames for one     move.json  a real move's frames and rows
layout_edge   WebSockets by hand, before                            script     what pgbench is given
layout_actor  an actor that commits, publishes and answers          program    a program that does one thing and ends
postgres      pgbench with our statement, on our tables             ray        the call of ray_call, with what it costs
ray_call      an empty call of a Ray actor                        sealing    what it costs that nobody can read along
"""
