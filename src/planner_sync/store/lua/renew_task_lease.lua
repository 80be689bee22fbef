-- Extend a lease: its worker is still at work.
--
-- KEYS[1]  pending      zset  task id -> time from which it is due (ms)
-- KEYS[2]  task_leases  hash  task id -> lease
-- ARGV[1]  id
-- ARGV[2]  token
-- ARGV[3]  lease        ms from now; a lease that lasts longer stays as it is
--
-- Returns 1, or 0 when the lease is lost or has ended.
local id = ARGV[1]
if redis.call('HGET', task_leases, id) ~= ARGV[2] then return 0 end
local due, till = tonumber(redis.call('ZSCORE', pending, id) or '0'), clock() + tonumber(ARGV[3])
if due < till then redis.call('ZADD', pending, till, id) end
return 1
