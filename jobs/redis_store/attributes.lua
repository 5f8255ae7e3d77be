-- After people.lua. Takes up what is known of people. KEYS: one of the keys, so that a cluster knows where they lie. ARGV:
-- what all keys begin with; when it was read; then pairs of an identifier, as a person of its own, and its attributes as
-- JSON ("": none any more). Whose are others than before is looked at anew.
for i = 3, #ARGV, 2 do
  local key = tag .. ':attributes:' .. ARGV[i]
  local former = (redis.call('GET', key) or ''):match('^[^ ]* (.*)$') or ''
  if ARGV[i + 1] == '' then redis.call('DEL', key) else redis.call('SET', key, ARGV[2] .. ' ' .. ARGV[i + 1]) end
  if former ~= ARGV[i + 1] then look_at(person_of(ARGV[i]), 4) end
end
