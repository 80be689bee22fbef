-- Shared by record_answer.lua, settle_task.lua and bury_task.lua. The loader puts it after their
-- keys.

local KEPT = 1000 -- lags of each direction
local o = cjson.decode(ARGV[1])
local id, now = o.id, clock()

-- The card was made for a task that cannot have it. It stays in the plan as an orphan.
local function keep_orphan()
  if o.posted and redis.call('HGET', owners, o.card.planner_id) ~= id then
    redis.call('HSETNX', orphans, o.card.planner_id, o.posted)
  end
end

-- May this call go on? If not, returns its answer: the lease is lost, or the call was carried out
-- before.
local function check_lease()
  local lease = redis.call('HGET', task_leases, id)
  if lease and string.sub(lease, 1, #o.token + 6) == o.token .. ' done ' then return string.sub(lease, #o.token + 7) end
  if lease ~= o.token then
    keep_orphan()
    enqueue(pending, generations, task_leases, id, 'overtaken ' .. o.token, now)
    return 'overtaken'
  end
end

-- The lease has ended with this answer. A repeated call gets the same answer.
local function end_lease(answer)
  redis.call('HSET', task_leases, id, o.token .. ' done ' .. answer)
  return answer
end

-- Give up the whole order. The next reconciliation reads the card.
local function give_up()
  redis.call('HSETNX', reason, id, 'recheck')
  redis.call('ZADD', pending, now, id)
  redis.call('HDEL', attempts, id)
  return end_lease('moved')
end

-- Has Redis lost what the order rests on since the lease was given?
local function is_lost()
  return o.epoch and run_id() .. ' ' .. (redis.call('HGET', epochs, o.plan_id) or '') ~= o.epoch
end

-- The document's bytes now (false: none), and whether they are the bytes that were seen.
local function read_document()
  local current = false
  if redis.call('TYPE', document).ok == 'string' then current = redis.call('GET', document) end
  if o.document.size and current then
    return current, #current == o.document.size and '=' .. string.sub(current, 1, #ARGV[2] - 1) == ARGV[2]
  end
  return current, (current and '=' .. current or '') == ARGV[2]
end

local function close_intents()
  for _, nonce in ipairs(o.intents_done) do redis.call('HDEL', task, 'intent ' .. nonce) end
end

-- Give this card to the task. False: it belongs to another task, or is known to be deleted; the
-- task is then due now.
local function take_card()
  if not o.card then return true end
  local card = o.card.planner_id
  local owner = redis.call('HGET', owners, card)
  if owner and owner ~= id or not owner and redis.call('ZSCORE', tombstones, card) then
    keep_orphan()
    close_intents()
    redis.call('HDEL', creating, id)
    redis.call('ZADD', pending, now, id)
    return false
  end
  redis.call('HSET', owners, card, id)
  if old_cards ~= cards then redis.call('HDEL', old_cards, card) end
  redis.call('HSET', cards, card, o.card.etags)
  redis.call('HDEL', orphans, card)
  redis.call('SET', planner_id, card)
  redis.call('SET', redis_id, id)
  return true
end

local function say(messages)
  for _, message in ipairs(messages or {}) do redis.call('PUBLISH', message[1], message[2]) end
end

local function keep_lag(lags, ms)
  redis.call('LPUSH', lags, string.format('%.0f', ms))
  redis.call('LTRIM', lags, 0, KEPT - 1)
end

-- Publish the document's messages after the write. A change that a listing has shown has arrived.
local function say_of_document()
  say(o.document_messages)
  if o.document_messages and #o.document_messages > 0 and o.listed_at > 0 then
    keep_lag(download_lags, now - o.listed_at)
  end
end

-- Release the task, due after so many ms (-1: not at all). `moved`: the document has changed.
local function let_go(current, moved, due)
  moved = moved or (redis.call('HGET', generations, id) or '') ~= o.generation
  if moved then due = 0 end
  if due >= 0 then
    redis.call('ZADD', pending, now + due, id)
  else
    redis.call('ZREM', pending, id)
  end
  redis.call('HDEL', attempts, id)
  if not moved and not o.unfinished then
    redis.call('HDEL', reason, id)
    if current or o.kind ~= 'Postpone' then redis.call('HDEL', announced, id) end
  end
  if current then
    redis.call('HDEL', missing, id)
    if redis.call('HGET', announced, id) == 'deleted' then redis.call('HDEL', announced, id) end
  end
  return end_lease(moved and 'moved' or 'settled')
end
