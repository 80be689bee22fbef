-- Helpers for every script. The loader puts them before each one.

-- Milliseconds on the one clock that all instances share.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- The run id of this server. It changes after a restart or a failover.
local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end

-- Is a worker at work on this task now? A lease ends with its settle ("<token> done …") or when its
-- time runs out.
local function leased(task_leases, pending, id, now)
  local lease = redis.call('HGET', task_leases, id)
  if not lease or string.find(lease, ' done', 1, true) then return false end
  local due = redis.call('ZSCORE', pending, id)
  return due ~= false and tonumber(due) > now
end

-- The task must be reconciled: at once, or as soon as its present lease ends.
local function enqueue(pending, generations, task_leases, id, nonce, now)
  redis.call('HSET', generations, id, nonce)
  if not leased(task_leases, pending, id, now) then
    local due = redis.call('ZSCORE', pending, id)
    if not due or tonumber(due) > now then redis.call('ZADD', pending, now, id) end
  end
end
