-- What a page reads, in one round trip. KEYS: none. ARGV: prefix, person id, segment id ("" when not known).
-- Answers {version, whose list it is, list as JSON, its items, name and price of each as JSON}, or nil when nothing
-- is published: the person's list, else their segment's, else what is popular with everyone. Who refused to be
-- recommended to (live.consents) gets the last alone: a segment, too, is something learned of the person.
local prefix = ARGV[1]
local version = redis.call('GET', prefix .. ':current')
if not version then return nil end
local base = prefix .. ':' .. version
local whose = {'person:' .. ARGV[2], 'segment:' .. (ARGV[3] or ''), 'segment:everyone'}
if redis.call('SISMEMBER', prefix .. ':suppressed', ARGV[2]) == 1 then whose = {'segment:everyone'} end
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
