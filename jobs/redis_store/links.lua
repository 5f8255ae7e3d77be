-- After people.lua. Takes up that identifiers were seen together, before the lake knows it. KEYS: one of the keys, so that
-- a cluster knows where they lie. ARGV: what all keys begin with, how many identifiers of each type a person may have as
-- JSON, then pairs of identifiers, each as a person of its own, the stronger first. Two people become one where that
-- keeps the limits, and where the lake does not keep them apart (the set apart: identifiers that link nobody, and pairs of
-- which an operator took the link back). The set live_links has the pairs until the lake has judged them. Answers how many
-- people were merged.
local limits, merged, apart = cjson.decode(ARGV[2]), 0, tag .. ':apart'

local function fits(ids)
  local counts = {}
  for _, id in ipairs(ids) do
    local kind = id:match('^([a-z_]+):') or 'user_id'
    if not limits[kind] then kind = 'user_id' end
    counts[kind] = (counts[kind] or 0) + 1
    if counts[kind] > limits[kind] then return false end
  end
  return true
end

local function has_list(person)
  return versions[1] and redis.call('EXISTS', tag .. ':' .. versions[1] .. ':person:' .. person) == 1
end

for i = 3, #ARGV, 2 do
  local kept, other = person_of(ARGV[i]), person_of(ARGV[i + 1])
  local pair, is_apart = #ARGV[i] .. ':' .. ARGV[i] .. ARGV[i + 1], 0
  for _, one in ipairs({ARGV[i], ARGV[i + 1], pair}) do is_apart = is_apart + redis.call('SISMEMBER', apart, one) end
  if kept ~= other and is_apart == 0 then
    redis.call('SADD', tag .. ':live_links', pair)
    local ids = identifiers(kept)
    for _, id in ipairs(identifiers(other)) do ids[#ids + 1] = id end
    if fits(ids) then
      -- Whoever has a list keeps the name that it was published under.
      if has_list(other) and not has_list(kept) then kept, other = other, kept end
      for _, id in ipairs(identifiers(other)) do move(id, kept) end
      merged = merged + 1
    end
  end
end
settle()
return merged
