-- After people.lua. KEYS: one of the keys, so that a cluster knows where they lie. ARGV: what all keys begin with; why (see
-- people.lua); then people, who are looked at anew.
for i = 3, #ARGV do look_at(ARGV[i], ARGV[2]) end
