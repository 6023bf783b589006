"""What is underneath, measured beside everything else: a bare echo, Postgres's own benchmark, an empty Ray call.

echo       an ASGI application that sends six frames for one      move.json  a real move's frames and rows
postgres   pgbench with our statement, on our tables              script     what pgbench is given
ray_call   an empty call of a Ray actor                           ray        the same, with what it costs
"""
