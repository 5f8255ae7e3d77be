-- After people.lua. Takes up statements. KEYS: one of the keys, so that a cluster knows where they lie. ARGV: what all
-- keys begin with, then for each statement: the identifier under which it was made, its purpose, who said it and what
-- (pd, pg, cd, cg), when by the sender's clock and when it arrived, in microseconds since 1970.
local touched = {}
for i = 2, #ARGV, 5 do
  local id = ARGV[i]
  local number, lists = 4 * purposes[ARGV[i + 1]] + kinds[ARGV[i + 2]], read(id)
  lists[number] = with(lists[number], {tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])})
  write(id, lists)
  touched[person_of(id)] = true
end
for person in pairs(touched) do decide(person) end
