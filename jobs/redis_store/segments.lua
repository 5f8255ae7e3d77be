-- After people.lua. Takes up who is in which segments. KEYS: one of the keys, so that a cluster knows where they lie. ARGV:
-- what all keys begin with, then for each person seven: the person; the number that memory.lua answered;
-- when they are due to be looked at without an event, in microseconds ("" never); how many identifiers have
-- other events now, with 2 for each: it and its events ("" none); how many segments, with 2 for each: it and since when;
-- and how many changes, with 3 for each: the segment, enter or leave, and the cause. Who has changed since, or is somebody
-- else now, is left as they are, and answered: read them again.
local refused, i = {}, 2

local function next_one()
  i = i + 1
  return ARGV[i - 1]
end

local function all(width)
  local rows = {}
  for number = 1, tonumber(next_one()) do
    rows[number] = {}
    for column = 1, width do rows[number][column] = next_one() end
  end
  return rows
end

while i <= #ARGV do
  local person, version, due = next_one(), next_one(), next_one()
  local events, segments, changes = all(2), all(2), all(3)
  local is_same = person_of(person) == person and (redis.call('HGET', tag .. ':versions', person) or '0') == version
  if not is_same then
    refused[#refused + 1] = person
  else
    redis.call('HINCRBY', tag .. ':versions', person, 1)
    for _, one in ipairs(events) do
      if one[2] == '' then redis.call('DEL', tag .. ':events:' .. one[1])
      else redis.call('SET', tag .. ':events:' .. one[1], one[2]) end
    end
    if #changes > 0 then
      redis.call('DEL', tag .. ':segments:' .. person)
      for _, one in ipairs(segments) do redis.call('HSET', tag .. ':segments:' .. person, one[1], one[2]) end
    end
    for _, one in ipairs(changes) do tell(person, one[1], one[2], one[3]) end
    if due == '' then redis.call('ZREM', tag .. ':due', person) else redis.call('ZADD', tag .. ':due', due, person) end
  end
end
return refused
