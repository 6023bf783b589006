-- Somebody has closed a socket, or left a game. Nobody there any more: the user, or the game, is no longer online.
-- KEYS: those online; for games also the active ones.
-- ARGV: what a hash's key begins with and ends with; then each name with the field of its hash that is gone.
for i = 3, #ARGV, 2 do
    local name = ARGV[i]
    local key = ARGV[1] .. name .. ARGV[2]
    redis.call('HDEL', key, ARGV[i + 1])
    if redis.call('EXISTS', key) == 0 then
        redis.call('ZREM', KEYS[1], name)
        if KEYS[2] then
            redis.call('ZREM', KEYS[2], name)
            redis.call('DEL', ARGV[1] .. name .. ':session')
        end
    end
end
