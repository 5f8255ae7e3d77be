-- What a page reads, in one round trip. KEYS: one of the keys, so that a cluster knows where they lie. ARGV: what all
-- keys begin with ({rec}), person id, segment id ("" when not known).
-- Answers {version, whose list it is, list as JSON, its items, title and price of each as JSON}, or nil when nothing
-- is published: the person's list, else their segment's, else what is popular with everyone. Who refused to be
-- recommended to (live.consents) gets the last alone: a segment, too, is something learned of the person.
local tag = ARGV[1]
local version = redis.call('GET', tag .. ':current')
if not version then return nil end
local base = tag .. ':' .. version
local whose = {'person:' .. ARGV[2], 'segment:' .. (ARGV[3] or ''), 'segment:everyone'}
if redis.call('SISMEMBER', tag .. ':suppressed', ARGV[2]) == 1 then whose = {'segment:everyone'} end
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
