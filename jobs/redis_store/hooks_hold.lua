-- Whether a process may tell a target of hooks, and whether a change is true yet. KEYS: the target's lease, and the
-- segments of the change's person. ARGV: the process, for how many milliseconds it holds the lease from now on, and the
-- segment ("": none). Answers lost where another process holds it, in where the person is in the segment, else out.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 'lost' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if ARGV[3] ~= '' and redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1 then return 'in' end
return 'out'
