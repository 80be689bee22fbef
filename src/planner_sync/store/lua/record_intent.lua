-- Record what is about to be sent to Planner, and renew the lease for as long as the request may
-- take.
--
-- KEYS[1]  pending      zset  task id -> time from which it is due (ms)
-- KEYS[2]  task_leases  hash  task id -> lease
-- KEYS[3]  task         hash  sync state of the task; the intent becomes its field "intent <nonce>"
-- KEYS[4]  epochs       hash  plan -> "run id passes"
-- KEYS[5]  creating     hash  task id -> time of its open create intent (ms)
-- KEYS[6]  reason       hash  task id -> "recheck", "confirmed_missing" or "restore"
-- ARGV[1]  id
-- ARGV[2]  token
-- ARGV[3]  lease        ms
-- ARGV[4]  nonce        of the intent; a repeated call writes the same intent
-- ARGV[5]  intent       JSON
-- ARGV[6]  plan
-- ARGV[7]  kind         "create", "update" or "delete"; create and delete need the plan's epoch
--
-- Returns "recorded"; "overtaken" when the lease is lost, or an operator has asked to restore what
-- was to be deleted; "recovering" when this Redis does not know the plan.
local id, token, nonce, plan, kind = ARGV[1], ARGV[2], ARGV[4], ARGV[6], ARGV[7]
if redis.call('HGET', task_leases, id) ~= token then return 'overtaken' end
if kind == 'delete' and redis.call('HGET', reason, id) == 'restore' then return 'overtaken' end
if kind ~= 'update' then
  local epoch = redis.call('HGET', epochs, plan)
  if not epoch or string.match(epoch, '^%w+') ~= run_id() then return 'recovering' end
end
local now = clock()
redis.call('ZADD', pending, now + tonumber(ARGV[3]), id)
redis.call('HSETNX', task, 'intent ' .. nonce, now .. ' ' .. ARGV[5])
if kind == 'create' then redis.call('HSETNX', creating, id, now) end
return 'recorded'
