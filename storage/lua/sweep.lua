-- Clear away what dead servers have left, a page at a time.
-- KEYS: those online; for games also the active ones.
-- ARGV: the page, what a hash's key begins with and ends with, then the dead.
-- Gives 'sweep' and the next page; '0' if this was the last.
local dead = {}
for i = 4, #ARGV do
    dead[ARGV[i]] = true
end
local page = redis.call('ZSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
for i = 1, #page[2], 2 do
    local name = page[2][i]
    local key = ARGV[2] .. name .. ARGV[3]
    local fields = redis.call('HKEYS', key)
    local left = #fields
    for _, field in ipairs(fields) do
        if dead[string.match(field, '^[^:]*')] then
            redis.call('HDEL', key, field)
            left = left - 1
        end
    end
    if left == 0 then
        redis.call('ZREM', KEYS[1], name)
        if KEYS[2] then
            redis.call('ZREM', KEYS[2], name)
            redis.call('DEL', ARGV[2] .. name .. ':session')
        end
    end
end
return {'sweep', page[1]}
