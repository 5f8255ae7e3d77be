-- After people.lua. What is kept of people for live segments. KEYS: one of the keys, so that a cluster knows where they
-- lie. ARGV: what all keys begin with, then identifiers, each as a person of its own. Answers the time in microseconds,
-- what the state was begun by ("" where there is none), and for each identifier's person, once: the person, a number that
-- each change of what follows raises, what they allow (see people.lua), their segments and since when as field after
-- field, and each of their identifiers with its events and its attributes (nil where there are none).
local time, answers, seen = redis.call('TIME'), {}, {}
answers[1] = time[1] .. string.format('%06d', time[2])
answers[2] = redis.call('GET', tag .. ':live') or ''
for i = 2, #ARGV do
  local person = person_of(ARGV[i])
  if not seen[person] then
    seen[person] = true
    local ids, events = identifiers(person), {}
    for _, id in ipairs(ids) do
      events[#events + 1] = {
        id, redis.call('GET', tag .. ':events:' .. id), redis.call('GET', tag .. ':attributes:' .. id)
      }
    end
    answers[#answers + 1] = {
      person,
      redis.call('HGET', tag .. ':versions', person) or '0',
      redis.call('HGET', decisions, person) or '---',
      redis.call('HGETALL', tag .. ':segments:' .. person),
      events,
    }
  end
end
return answers
