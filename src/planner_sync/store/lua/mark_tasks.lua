-- Say that tasks must be looked at.
--
-- KEYS[1]  pending  zset  task id -> time from which it is due (ms)
-- KEYS[2]  marks    hash  task id -> nonce of its last mark
-- KEYS[3]  claims   hash  task id -> claim
-- KEYS[4]  said     hash  task id -> "deleted" or "created"
-- KEYS[5]  look     hash  task id -> "read", "missing" or "restore"
-- ARGV[1]  nonce    of this call; a call repeated changes nothing more
-- ARGV[2]  word     what a message said: "deleted", "created" or ""
-- ARGV[3]  look     how to look: "read", "missing", "restore" or ""; the later of them stands
-- ARGV[4…] ids
--
-- Returns the number of ids.
local pending, marks, claims, said, look = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local rank = {read = 1, missing = 2, restore = 3}
local now = clock()
for i = 4, #ARGV do
  local id = ARGV[i]
  if ARGV[2] ~= '' then redis.call('HSET', said, id, ARGV[2]) end
  if ARGV[3] ~= '' and rank[ARGV[3]] > (rank[redis.call('HGET', look, id)] or 0) then
    redis.call('HSET', look, id, ARGV[3])
  end
  mark(pending, marks, claims, id, ARGV[1], now)
end
return #ARGV - 3
