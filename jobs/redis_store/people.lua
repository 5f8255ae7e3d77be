-- What the scripts that follow it share: whose an identifier is, and what a person allows. ARGV[1]: what all keys begin
-- with.
-- The hash alias has for each identifier that is not a person of its own the person; the set members:<person> those
-- identifiers of a person. The hash statements has for each identifier the statements that can still count: for each
-- purpose (analytics, personalisation, marketing) four lists, in the order pd pg cd cg (person or client, denies or
-- grants), with | between them; a statement is when:arrived, with a blank between two. One that another of its list is
-- later than, in both times, counts no more. So it does not matter in which order, or how often, statements come. The
-- rule is that of jobs/people/consent.py, over all that was said under any identifier of the person, and a test holds
-- the two equal. The hash decisions has for each person of whom there is a statement a character for each purpose: 1
-- allowed, 0 denied, - nothing was said; who denies personalisation is in the set suppressed.
local tag, day = ARGV[1], 86400000000
local alias, statements, decisions = tag .. ':alias', tag .. ':statements', tag .. ':decisions'
local suppressed = tag .. ':suppressed'
local versions = {redis.call('GET', tag .. ':current'), redis.call('GET', tag .. ':previous')}
local purposes = {analytics = 0, personalisation = 1, marketing = 2}
local kinds = {pd = 1, pg = 2, cd = 3, cg = 4}

local function person_of(id)
  return redis.call('HGET', alias, id) or id
end

local function members(person)
  return tag .. ':members:' .. person
end

-- What is known of the person for live segments has changed: they are looked at anew. Why: 0 what they allow, 1 whose
-- identifiers are, 4 their attributes.
local function look_at(person, why)
  if redis.call('EXISTS', tag .. ':live') == 0 then return end
  redis.call('HINCRBY', tag .. ':versions', person, 1)
  redis.call('ZADD', tag .. ':due', why, person)
end

-- All identifiers of a person, the one they are named by at last.
local function identifiers(person)
  local ids = redis.call('SMEMBERS', members(person))
  ids[#ids + 1] = person
  return ids
end

local function read(id)
  local lists, number = {}, 0
  for part in ((redis.call('HGET', statements, id) or '') .. '|'):gmatch('([^|]*)|') do
    number = number + 1
    lists[number] = {}
    for at, arrived in part:gmatch('(%d+):(%d+)') do
      lists[number][#lists[number] + 1] = {tonumber(at), tonumber(arrived)}
    end
  end
  for missing = number + 1, 12 do lists[missing] = {} end
  return lists
end

local function write(id, lists)
  local parts = {}
  for number, list in ipairs(lists) do
    local told = {}
    for place, one in ipairs(list) do told[place] = string.format('%.0f:%.0f', one[1], one[2]) end
    parts[number] = table.concat(told, ' ')
  end
  redis.call('HSET', statements, id, table.concat(parts, '|'))
end

local function with(list, new)
  local kept = {}
  for _, one in ipairs(list) do
    if one[1] >= new[1] and one[2] >= new[2] then return list end
    if one[1] > new[1] or one[2] > new[2] then kept[#kept + 1] = one end
  end
  kept[#kept + 1] = new
  return kept
end

-- Whether one of a person's own denials is in force.
local function own_in_force(denials, grants)
  for _, denial in ipairs(denials) do
    local undone = false
    for _, grant in ipairs(grants) do
      local is_later = grant[1] > denial[1] and grant[2] >= denial[2]
      undone = undone or is_later or grant[1] >= denial[1] + day
    end
    if not undone then return true end
  end
  return false
end

local function latest(list)
  local at = -1
  for _, one in ipairs(list) do at = math.max(at, one[1]) end
  return at
end

local function decision(denials, grants, copied_denials, copied_grants)
  if #denials + #grants + #copied_denials + #copied_grants == 0 then return '-' end
  local copied = latest(copied_denials)
  local by_client = copied >= 0 and copied > latest(grants) and copied >= latest(copied_grants)
  return (own_in_force(denials, grants) or by_client) and '0' or '1'
end

-- Decides anew on all that the person said. Who denies personalisation has no list in any version.
local function decide(person)
  local ids, pooled = identifiers(person), {{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}
  for _, id in ipairs(ids) do
    for number, list in ipairs(read(id)) do
      for _, one in ipairs(list) do pooled[number] = with(pooled[number], one) end
    end
  end
  local former, decided = redis.call('HGET', decisions, person) or '---', ''
  for first = 1, 9, 4 do decided = decided .. decision(unpack(pooled, first, first + 3)) end
  if decided == '---' then redis.call('HDEL', decisions, person) else redis.call('HSET', decisions, person, decided) end
  if decided ~= former then look_at(person, 0) end
  if decided:sub(2, 2) ~= '0' then return redis.call('SREM', suppressed, person) end
  redis.call('SADD', suppressed, person)
  for _, version in pairs(versions) do
    for _, id in ipairs(ids) do
      if version then redis.call('UNLINK', tag .. ':' .. version .. ':person:' .. id) end
    end
  end
end

-- Into the stream of changes, numbered; the last 100,000 are kept.
local function tell(person, segment, kind, cause)
  redis.call('XADD', tag .. ':segment_changes', 'MAXLEN', '~', 100000, '*',
    'person', person, 'segment', segment, 'kind', kind, 'cause', cause,
    'number', redis.call('INCR', tag .. ':segment_changes:count'))
end

local touched = {}

-- The identifier is the person's from now on; `settle` then looks at both.
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

-- Who was suppressed as one of two persons is so as the one that they are now; the other name leaves its segments.
local function settle()
  for person in pairs(touched) do
    look_at(person, 1)
    if person_of(person) == person then
      decide(person)
    else
      redis.call('SREM', suppressed, person)
      redis.call('HDEL', decisions, person)
      for _, segment in ipairs(redis.call('HKEYS', tag .. ':segments:' .. person)) do
        tell(person, segment, 'leave', 'identity')
      end
      redis.call('DEL', tag .. ':segments:' .. person)
      redis.call('ZREM', tag .. ':due', person)
    end
  end
end
