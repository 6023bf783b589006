"""A client of Tavola, and bots that play at many tables at once to see what a deployment can do and whether it keeps
its promises. `client` is also the example for writing a bot of your own.

    cli      the options               run        open tables, measure, stop    report     what came out
    table    one table of bots         bot        one bot                       moves      choosing a legal move
    client   one user's connection     follower   one room, kept current        frames     what the server sends
    socket   WebSocket                 http, api  REST                          merge      RFC 7396
    checks   what must hold            stats      latencies and counts          processes  whose CPU it cost
"""
