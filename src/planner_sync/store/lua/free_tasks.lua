-- Make tasks due now and reset their attempts, also of parked tasks.
--
-- KEYS[1]  pending      zset  task id -> time from which it is due (ms)
-- KEYS[2]  generations  hash  task id -> mark of its last change
-- KEYS[3]  task_leases  hash  task id -> lease
-- KEYS[4]  attempts     hash  task id -> leases without a settle
-- ARGV[1]  nonce        of this call; a repeated call changes nothing more
-- ARGV[2…] ids
--
-- Returns the number of ids.
local now = clock()
for i = 2, #ARGV do
  redis.call('HDEL', attempts, ARGV[i])
  enqueue(pending, generations, task_leases, ARGV[i], ARGV[1], now)
end
return #ARGV - 1
