-- Enqueue tasks: they must be reconciled.
--
-- KEYS[1]  pending      zset  task id -> time from which it is due (ms)
-- KEYS[2]  generations  hash  task id -> mark of its last change
-- KEYS[3]  task_leases  hash  task id -> lease
-- KEYS[4]  announced    hash  task id -> "deleted" or "created"
-- KEYS[5]  reason       hash  task id -> "recheck", "confirmed_missing" or "restore"
-- ARGV[1]  nonce        of this call; a repeated call changes nothing more
-- ARGV[2]  announced    what a message announced: "deleted", "created" or ""
-- ARGV[3]  reason       "recheck", "confirmed_missing", "restore" or ""; the later of them wins
-- ARGV[4…] id, mark     pairs; the mark of the save that a message is about, or ""
--
-- A save enqueues its task itself. A task is left alone when the mark is one of its last saves.
--
-- Returns the number of tasks.
local rank = {recheck = 1, confirmed_missing = 2, restore = 3}
local now = clock()

local function is_known(id, nonce)
  local saved = redis.call('HGET', generations, 'saved ' .. id)
  return saved ~= false and string.find('\n' .. saved .. '\n', '\n' .. nonce .. '\n', 1, true) ~= nil
end

for i = 4, #ARGV, 2 do
  local id, nonce = ARGV[i], ARGV[i + 1]
  if nonce == '' or not is_known(id, nonce) then
    if ARGV[2] ~= '' then redis.call('HSET', announced, id, ARGV[2]) end
    if ARGV[3] ~= '' and rank[ARGV[3]] > (rank[redis.call('HGET', reason, id)] or 0) then
      redis.call('HSET', reason, id, ARGV[3])
    end
    enqueue(pending, generations, task_leases, id, ARGV[1], now)
  end
end
return (#ARGV - 3) / 2
