-- A server lives. Of those that have not said so for a while, the caller is told which it is to clear away.
-- KEYS: the servers by their last beat, their sockets, those to be cleared away.
-- ARGV: this server, its sockets (with a + while it has not written all of them), '1' if it begins, ms of silence, ms in which to clear away,
--   how many of its sockets catch up, and the field's name for that behind its own.
-- Gives 'beat', 1 and the names of the dead; or 'beat', 0 and its own name, if Redis has forgotten this server.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] ~= '1' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    return {'beat', 0, ARGV[1]}
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
if ARGV[6] == '0' then
    redis.call('HDEL', KEYS[2], ARGV[1] .. ARGV[7])
else
    redis.call('HSET', KEYS[2], ARGV[1] .. ARGV[7], ARGV[6])
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[4])) do
    redis.call('ZREM', KEYS[1], name)
    redis.call('HDEL', KEYS[2], name, name .. ARGV[7])
    redis.call('ZADD', KEYS[3], 0, name)
end
local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)
for _, name in ipairs(due) do
    redis.call('ZADD', KEYS[3], now + ARGV[5], name)
end
return {'beat', 1, unpack(due)}
