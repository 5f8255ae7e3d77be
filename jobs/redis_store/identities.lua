-- After people.lua. Takes up whose identifiers are. KEYS: one of the keys, so that a cluster knows where they lie. ARGV:
-- what all keys begin with, then pairs: an identifier as a person of its own, and the person to whom it belongs. Who was
-- suppressed as one of two persons is so as the one that they are now.
local touched = {}

local function move(id, person)
  local former = person_of(id)
  if former == person then return end
  redis.call('SREM', members(former), id)
  if id == person then
    redis.call('HDEL', alias, id)
  else
    redis.call('HSET', alias, id, person)
    redis.call('SADD', members(person), id)
  end
  touched[former], touched[person] = true, true
end

for i = 2, #ARGV, 2 do
  local id, person = ARGV[i], ARGV[i + 1]
  -- Those who bore its name come along, so that nobody's name is a name of somebody else's.
  if id ~= person then
    for _, member in ipairs(redis.call('SMEMBERS', members(id))) do move(member, person) end
  end
  move(id, person)
end
for person in pairs(touched) do
  look_at(person, 1)
  if person_of(person) == person then
    decide(person)
  else
    redis.call('SREM', suppressed, person)
    redis.call('HDEL', decisions, person)
    redis.call('DEL', tag .. ':segments:' .. person)
    redis.call('ZREM', tag .. ':due', person)
  end
end
