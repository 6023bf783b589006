-- Somebody has opened a socket, or joined a game: what lies in the hashes of many names at once.
-- KEYS: those online.
-- ARGV: now, what a hash's key begins with and ends with, the seconds that it lives; then for each name: itself, how many words follow, and these: fields and what is in them.
local online, at = {}, 5
while at <= #ARGV do
    local name, last = ARGV[at], at + 1 + ARGV[at + 1]
    local key = ARGV[2] .. name .. ARGV[3]
    redis.call('HSET', key, unpack(ARGV, at + 2, last))
    redis.call('EXPIRE', key, ARGV[4])
    online[#online + 1] = ARGV[1]
    online[#online + 1] = name
    at = last + 1
end
redis.call('ZADD', KEYS[1], unpack(online))
