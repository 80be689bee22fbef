-- Take or renew a lease, or give it back.
--
-- KEYS[1]  leases  hash  name -> "owner until (ms)"
-- ARGV[1]  name
-- ARGV[2]  owner
-- ARGV[3]  ms      0 gives it back
--
-- Returns 1 when the lease is the owner's (or was given back), 0 when somebody else holds it.
local leases, name, owner, ms = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = clock()
local held = redis.call('HGET', leases, name)
if held then
  local who, till = string.match(held, '^(%S+) (%d+)$')
  if who ~= owner and tonumber(till) > now then return 0 end
end
if ms == 0 then redis.call('HDEL', leases, name) else redis.call('HSET', leases, name, owner .. ' ' .. (now + ms)) end
return 1
