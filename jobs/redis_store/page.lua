-- What a page reads, in one round trip. KEYS: one of the keys, so that a cluster knows where they lie. ARGV: what all
-- keys begin with ({rec}), any identifier of the visitor (900, anonymous_id:a-77), segment id ("" when not known).
-- Answers {version, whose list it is, list as JSON, its items, title and price of each as JSON}, or nil when nothing
-- is published: the person's list, else one that was published under another identifier of theirs before it was known to
-- be so, else their segment's, else what is popular with everyone. Who refused to be recommended to (live.consents),
-- under whatever identifier, gets the last alone: a segment, too, is something learned of the person.
local tag = ARGV[1]
local version = redis.call('GET', tag .. ':current')
if not version then return nil end
local base = tag .. ':' .. version
local person = redis.call('HGET', tag .. ':alias', ARGV[2]) or ARGV[2]
local whose = {'segment:everyone'}
if redis.call('SISMEMBER', tag .. ':suppressed', person) == 0 then
  whose = {'person:' .. person, 'segment:' .. (ARGV[3] or ''), 'segment:everyone'}
  if redis.call('EXISTS', base .. ':' .. whose[1]) == 0 then
    local members = redis.call('SMEMBERS', tag .. ':members:' .. person)
    table.sort(members)
    for place, member in ipairs(members) do table.insert(whose, place, 'person:' .. member) end
  end
end
for _, who in ipairs(whose) do
  local list = redis.call('GET', base .. ':' .. who)
  if list then
    local items = {}
    for _, slot in pairs(cjson.decode(list)) do
      for _, pair in ipairs(slot) do items[#items + 1] = pair[1] end
    end
    return {version, who, list, items, redis.call('HMGET', base .. ':items', unpack(items))}
  end
end
return nil
