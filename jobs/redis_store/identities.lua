-- After people.lua. Takes up whose identifiers are, as the lake says. KEYS: one of the keys, so that a cluster knows where
-- they lie. ARGV: what all keys begin with, then pairs: an identifier as a person of its own, and the person to whom it
-- belongs.
for i = 2, #ARGV, 2 do
  local id, person = ARGV[i], ARGV[i + 1]
  -- Those who bore its name come along, so that nobody's name is a name of somebody else's.
  if id ~= person then
    for _, member in ipairs(redis.call('SMEMBERS', members(id))) do move(member, person) end
  end
  move(id, person)
end
settle()
