-- Hands the next changes to a target of hooks, whose they are until they are settled. KEYS: the stream of changes, the
-- target's hash. ARGV: the group, the consumer, how many at most. Answers them, and how many were cut off the stream
-- before they could be read: each has a number, one more than that before.
local answer = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
if not answer then return {{}, 0} end
local changes, lost = answer[1][2], 0
local last = tonumber(redis.call('HGET', KEYS[2], 'number') or '0')
for _, change in ipairs(changes) do
  for i = 1, #change[2], 2 do
    if change[2][i] == 'number' then
      local number = tonumber(change[2][i + 1])
      lost = lost + math.max(0, number - last - 1)
      last = math.max(last, number)
    end
  end
end
redis.call('HSET', KEYS[2], 'number', string.format('%.0f', last))
if lost > 0 then redis.call('HINCRBY', KEYS[2], 'lost', lost) end
return {changes, lost}
