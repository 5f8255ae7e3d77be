-- Makes the group of a target of hooks, which is told what changes from now on. KEYS: the stream of changes, their count,
-- the target's hash. ARGV: the group. Answers 1 where it was made, 0 where it is there.
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '$', 'MKSTREAM')
if type(made) == 'table' and made.err then
  if string.find(made.err, 'BUSYGROUP') then return 0 end
  return made
end
redis.call('HSET', KEYS[3], 'number', redis.call('GET', KEYS[2]) or '0')
return 1
