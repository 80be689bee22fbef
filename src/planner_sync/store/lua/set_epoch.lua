-- Set a plan's epoch, unless it was changed, or Redis has lost it, since it was read.
--
-- KEYS[1]  epochs  hash  plan -> "run id passes"
-- ARGV[1]  plan
-- ARGV[2]  before  the epoch that was read, "" when there was none
-- ARGV[3]  after
--
-- Returns 1 when the epoch now has the new value, else 0.
local plan, before, after = ARGV[1], ARGV[2], ARGV[3]
local current = redis.call('HGET', epochs, plan) or ''
if current ~= before and current ~= after then return 0 end
redis.call('HSET', epochs, plan, after)
return 1
