-- Say that tasks must be looked at.
--
-- KEYS[1]  pending      zset  task id -> time from which it is due (ms)
-- KEYS[2]  generations  hash  task id -> nonce of its last mark
-- KEYS[3]  task_leases  hash  task id -> lease
-- KEYS[4]  announced    hash  task id -> "deleted" or "created"
-- KEYS[5]  reason       hash  task id -> "recheck", "confirmed_missing" or "restore"
-- ARGV[1]  nonce        of this call; a call repeated changes nothing more
-- ARGV[2]  word         what a message announced: "deleted", "created" or ""
-- ARGV[3]  reason       how to look: "recheck", "confirmed_missing", "restore" or ""; the later of them stands
-- ARGV[4…] ids
--
-- Returns the number of ids.
local rank = {recheck = 1, confirmed_missing = 2, restore = 3}
local now = clock()
for i = 4, #ARGV do
  local id = ARGV[i]
  if ARGV[2] ~= '' then redis.call('HSET', announced, id, ARGV[2]) end
  if ARGV[3] ~= '' and rank[ARGV[3]] > (rank[redis.call('HGET', reason, id)] or 0) then
    redis.call('HSET', reason, id, ARGV[3])
  end
  enqueue(pending, generations, task_leases, id, ARGV[1], now)
end
return #ARGV - 3
