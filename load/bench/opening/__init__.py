"""The price of a table before anybody plays there: `python -m tavola.load.bench.opening`.

__main__   the command               steps      the way from no account to two who sit, one step of all tables at a time
"""
