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

-- Is somebody at work on this task now? A claim ends with its settle ("<token> done …") or with its lease.
local function claimed(claims, pending, id, now)
  local claim = redis.call('HGET', claims, id)
  if not claim or string.find(claim, ' done', 1, true) then return false end
  local due = redis.call('ZSCORE', pending, id)
  return due ~= false and tonumber(due) > now
end

-- Somebody must look at this task: at once, or as soon as whoever holds it lets go.
local function mark(pending, marks, claims, id, nonce, now)
  redis.call('HSET', marks, id, nonce)
  if not claimed(claims, pending, id, now) then
    local due = redis.call('ZSCORE', pending, id)
    if not due or tonumber(due) > now then redis.call('ZADD', pending, now, id) end
  end
end
