-- What was said of personalisation, taken up at once. KEYS: none. ARGV: prefix, then for each person: id, stamp of
-- their own last word, stamp of a client's last copy; 0 where there is none. Answers how many are suppressed now.
-- A stamp is microseconds since 1970 times two, and one more for a denial: the greater counts, so it does not matter
-- in which order, or how often, statements come. The rule is that of jobs/people/consent.py, and a test holds them equal.
local prefix = ARGV[1]
local said, suppressed = prefix .. ':said', prefix .. ':suppressed'
local versions = {redis.call('GET', prefix .. ':current'), redis.call('GET', prefix .. ':previous')}
for i = 2, #ARGV, 3 do
  local id, person, client = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local known = redis.call('HGET', said, id)
  if known then
    local before, copied = known:match('^(%d+) (%d+)$')
    person, client = math.max(person, tonumber(before)), math.max(client, tonumber(copied))
  end
  redis.call('HSET', said, id, string.format('%.0f %.0f', person, client))
  local is_denied = client % 2 == 1
  if person > 0 then is_denied = person % 2 == 1 or (is_denied and client > person + 1) end
  if is_denied then
    redis.call('SADD', suppressed, id)
    for _, version in pairs(versions) do
      if version then redis.call('UNLINK', prefix .. ':' .. version .. ':person:' .. id) end
    end
  else
    redis.call('SREM', suppressed, id)
  end
end
return redis.call('SCARD', suppressed)
