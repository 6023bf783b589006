"""A client of Tavola, and bots that play at many tables at once to see what a deployment can do and whether it keeps
its promises. `client` is also the example for writing a bot of your own.

    cli      the options               start      what they ask for, done       scenario   what a run is to do
    run      open tables, measure      crew       the same by processes         churn      what else players do
    report   what came out             outcome    parts that add up             sampler    cost over time
    table    one table of bots         bot        one bot                       moves      choosing a legal move
    client   one user's connection     follower   one room, kept current        frames     what the server sends
    socket   WebSocket                 http, api  REST                          merge      RFC 7396
    checks   what must hold, live      stats      latencies and counts          processes  whose CPU it cost
    memory   by table and by socket    limits     sockets a process may have    edge_kill  an edge dies
    proof    recording, and a verdict over what was recorded: see docs/load.md
    faults   what is broken meanwhile  page       a run as one HTML file
    floods   what players notice while an edge is flooded
"""
