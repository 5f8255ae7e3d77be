-- Takes up what was said of personalisation. KEYS: one of the keys, so that a cluster knows where they lie. ARGV: what
-- all keys begin with, then for each statement: id, who said it and what (pd, pg, cd, cg: person or client, denies or
-- grants), when by the sender's clock and when it arrived, in microseconds since 1970. Answers how many ids are
-- suppressed now.
-- The hash consent has for each id the statements that can still count: four lists, in the order pd pg cd cg, with |
-- between them; a statement is when:arrived, with a blank between two. One that another of its list is later than, in
-- both times, counts no more. So it does not matter in which order, or how often, statements come. The rule is that
-- of jobs/people/consent.py, and a test holds the two equal.
local tag, day = ARGV[1], 86400000000
local consent, suppressed = tag .. ':consent', tag .. ':suppressed'
local versions = {redis.call('GET', tag .. ':current'), redis.call('GET', tag .. ':previous')}
local kinds = {pd = 1, pg = 2, cd = 3, cg = 4}

local function read(text)
  local lists, number = {{}, {}, {}, {}}, 0
  for part in (text .. '|'):gmatch('([^|]*)|') do
    number = number + 1
    for at, arrived in part:gmatch('(%d+):(%d+)') do
      lists[number][#lists[number] + 1] = {tonumber(at), tonumber(arrived)}
    end
  end
  return lists
end

local function written(lists)
  local parts = {}
  for number, list in ipairs(lists) do
    local told = {}
    for place, one in ipairs(list) do told[place] = string.format('%.0f:%.0f', one[1], one[2]) end
    parts[number] = table.concat(told, ' ')
  end
  return table.concat(parts, '|')
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

for i = 2, #ARGV, 4 do
  local id, kind = ARGV[i], kinds[ARGV[i + 1]]
  local lists = read(redis.call('HGET', consent, id) or '|||')
  lists[kind] = with(lists[kind], {tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])})
  redis.call('HSET', consent, id, written(lists))
  local copied = latest(lists[3])
  local by_client = copied >= 0 and copied > latest(lists[2]) and copied >= latest(lists[4])
  if own_in_force(lists[1], lists[2]) or by_client then
    redis.call('SADD', suppressed, id)
    for _, version in pairs(versions) do
      if version then redis.call('UNLINK', tag .. ':' .. version .. ':person:' .. id) end
    end
  else
    redis.call('SREM', suppressed, id)
  end
end
return redis.call('SCARD', suppressed)
