-- A change is done with, as far as a target of hooks is concerned: it is its group's no more, and counted once. KEYS: the
-- stream of changes, the target's hash, its dead letters. ARGV: the group, the change's id, what became of it, how many
-- dead letters are kept, and for a dead letter its fields. Answers 1, and 0 where it was done with before.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
if #ARGV > 4 then
  local kept = tonumber(ARGV[4])
  redis.call('XADD', KEYS[3], '*', unpack(ARGV, 5))
  local over = redis.call('XTRIM', KEYS[3], 'MAXLEN', kept)
  if over > 0 then redis.call('HINCRBY', KEYS[2], 'lost', over) end
end
return 1
