-- Lease tasks that are due, or those of the given tasks that have no lease now.
--
-- KEYS[1]  pending      zset    task id -> time from which it is due (ms)
-- KEYS[2]  generations  hash    task id -> mark of its last change
-- KEYS[3]  task_leases  hash    task id -> lease
-- KEYS[4]  attempts     hash    task id -> leases without a settle
-- KEYS[5]  announced    hash    task id -> "deleted" or "created"
-- KEYS[6]  reason       hash    task id -> "recheck", "confirmed_missing" or "restore"
-- KEYS[7]  token        string  the last token given
-- KEYS[8]  batches      hash    worker -> nonce and answer of its last call
-- KEYS[9]  pause        string  time until which Graph must not be called (ms)
-- ARGV[1]  worker
-- ARGV[2]  nonce         of this call; a repeated call gets the same answer and takes nothing more
-- ARGV[3]  most          how many
-- ARGV[4]  lease         ms
-- ARGV[5]  max attempts  a task with more leases than that without a settle is parked
-- ARGV[6]  park          for how long (ms)
-- ARGV[7…] ids           none: all tasks that are due
--
-- Returns JSON: {"now": ms, "pause": ms left, "next": ms until something is due or -1,
--   "leases": [[id, token, mark, attempts, announced, reason, due], …], "parked": [[id, token], …]}
local worker, nonce, most, lease = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local max_attempts, park = tonumber(ARGV[5]), tonumber(ARGV[6])

local before = redis.call('HGET', batches, worker)
if before and string.sub(before, 1, #nonce + 1) == nonce .. ' ' then return string.sub(before, #nonce + 2) end

local now = clock()
local paused = tonumber(redis.call('GET', pause) or '0') - now
local ids = {}
if paused <= 0 then
  if #ARGV > 6 then
    for i = 7, #ARGV do
      if not leased(task_leases, pending, ARGV[i], now) then ids[#ids + 1] = ARGV[i] end
    end
  else
    ids = redis.call('ZRANGEBYSCORE', pending, '-inf', now, 'LIMIT', 0, most)
  end
end

-- Tokens follow the clock. So none is given twice after Redis has lost its last seconds, or all
-- data.
local last = math.max(tonumber(redis.call('GET', token) or '0'), now)
local taken, parked = {}, {}
for _, id in ipairs(ids) do
  last = last + 1
  local mine = string.format('%.0f', last)
  local attempt = redis.call('HINCRBY', attempts, id, 1)
  local due = math.min(tonumber(redis.call('ZSCORE', pending, id) or now), now)
  if attempt > max_attempts then
    redis.call('ZADD', pending, now + park, id)
    redis.call('HSET', attempts, id, max_attempts - 1)
    redis.call('HSET', task_leases, id, mine .. ' done parked')
    parked[#parked + 1] = {id, mine}
  else
    redis.call('ZADD', pending, now + lease, id)
    redis.call('HSET', task_leases, id, mine)
    taken[#taken + 1] = {
      id, mine, redis.call('HGET', generations, id) or '', attempt,
      redis.call('HGET', announced, id) or '', redis.call('HGET', reason, id) or '', due,
    }
  end
end
if #ids > 0 then redis.call('SET', token, string.format('%.0f', last)) end
local first = redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')
local answer = cjson.encode({
  now = now,
  pause = math.max(paused, 0),
  next = first[2] and math.max(tonumber(first[2]) - now, 0) or -1,
  leases = #taken > 0 and taken or nil,
  parked = #parked > 0 and parked or nil,
})
if #taken + #parked > 0 then redis.call('HSET', batches, worker, nonce .. ' ' .. answer) end
return answer
