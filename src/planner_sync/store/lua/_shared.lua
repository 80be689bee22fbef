-- What every script may use. Put before each of them when it is loaded.

-- Milliseconds on the one clock that all instances share.
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Which server this is: another one after a restart or a failover.
local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end

-- Is somebody at work on this task now? A lease ends with its settle ("<token> done …") or with its lease.
local function leased(task_leases, pending, id, now)
  local lease = redis.call('HGET', task_leases, id)
  if not lease or string.find(lease, ' done', 1, true) then return false end
  local due = redis.call('ZSCORE', pending, id)
  return due ~= false and tonumber(due) > now
end

-- Somebody must reason at this task: at once, or as soon as whoever holds it lets go.
local function enqueue(pending, generations, task_leases, id, nonce, now)
  redis.call('HSET', generations, id, nonce)
  if not leased(task_leases, pending, id, now) then
    local due = redis.call('ZSCORE', pending, id)
    if not due or tonumber(due) > now then redis.call('ZADD', pending, now, id) end
  end
end
