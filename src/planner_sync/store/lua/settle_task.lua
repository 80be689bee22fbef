-- Store what Graph has told us of a task, and, at the end of a reason, the document; then let the task go.
--
-- The first half is kept whenever the token is valid, whatever the document says by now. The second half, and the
-- release of the lease, happen only with "release"; the document is written only over the bytes that were merged.
--
-- KEYS[1]  pending        zset    task id -> time from which it is due (ms)
-- KEYS[2]  generations          hash    task id -> nonce of its last mark
-- KEYS[3]  task_leases         hash    task id -> lease
-- KEYS[4]  attempts       hash    task id -> task_leases without a settle
-- KEYS[5]  announced           hash    task id -> "deleted" or "created"
-- KEYS[6]  reason           hash    task id -> "recheck", "confirmed_missing" or "restore"
-- KEYS[7]  task           hash    "state", "last", "intent <nonce>"…
-- KEYS[8]  document       string  the document
-- KEYS[9]  planner id     string  public mapping, task id -> planner id
-- KEYS[10] redis id       string  public mapping, planner id -> task id
-- KEYS[11] owners         hash    planner id -> task id
-- KEYS[12] cards          hash    planner id -> etags, of the plan
-- KEYS[13] creating       hash    task id -> time of its open create intent (ms), of the plan
-- KEYS[14] orphans        hash    planner id -> for whom it was made, of the plan
-- KEYS[15] tombstones     zset    planner id -> time of its delete (ms)
-- KEYS[16] deleted_cards         hash    task id -> the card that was deleted
-- KEYS[17] trash          zset    trash entry -> time (ms)
-- KEYS[18] trash entries  hash    trash entry -> document and card as they were
-- KEYS[19] deletes        zset    task id -> time of a delete (ms), of the plan
-- KEYS[20] refusals       hash    task id -> refusal
-- KEYS[21] hashes         hash    task id -> hash of the document last looked at
-- KEYS[22] missing        hash    task id -> time since which its document is missing (ms)
-- KEYS[23] old cards      hash    as KEYS[12], of the plan where the card was before
-- KEYS[24] epochs         hash    plan -> "run id passes"
-- ARGV[1]  order, JSON: {"id", "token", "generation", "planner_id", "etags", "intents_done": [nonce], "created": bool,
--   "posted": JSON, "state": JSON, "state_moved": JSON, "forget": bool, "bury": bool, "deleted_card": JSON,
--   "creating_done": bool, "only_same": bool, "plan", "epoch": text, "trash": [entry, JSON], "release": bool,
--   "write": "keep"|"leave"|"set"|"delete", "hash": text, "size": bytes,
--   "wrong_type": bool, "due": ms or -1, "reason": text, "keep_announced": bool, "keep_reason": bool, "uncounted": bool,
--   "keep_card": bool,
--   "refusal": JSON or "" to clear, "messages": [[channel, text]], "document_messages": [[channel, text]]}
-- ARGV[2]  expected  "=" and the bytes that were merged ("size": the first bytes of a document of that length), or ""
--          when there was no document
-- ARGV[3]  new       the bytes to write
--
-- "only_same" gives up the whole order when the document is not the one that was merged, or when an operator has asked
-- for a restore since the lease ("reason" is how the lease was to reason); the next reason reads the card. "epoch" ("run
-- id epoch") gives it up when this is another server or the plan has another epoch by now: what it rests on may be lost.
--
-- Returns "settled"; "moved" when the document or a mark came in between (it stays due now); "overtaken" when the lease
-- is lost (the task is marked again); "taken" when the card belongs to another task, or is known to be deleted.
local pending, generations, task_leases, attempts, announced, reason = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local task, document, planner_key, redis_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local owners, cards, creating, orphans, tombstones, deleted_cards = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local trash, trash_entries, deletes, refusals = KEYS[17], KEYS[18], KEYS[19], KEYS[20]
local hashes, missing, old_cards, epochs = KEYS[21], KEYS[22], KEYS[23], KEYS[24]
local o = cjson.decode(ARGV[1])
local id, now = o.id, clock()

local function orphan()
  if o.created and redis.call('HGET', owners, o.planner_id) ~= id then
    redis.call('HSETNX', orphans, o.planner_id, o.posted)
  end
end

local lease = redis.call('HGET', task_leases, id)
if lease and string.sub(lease, 1, #o.token + 6) == o.token .. ' done ' then return string.sub(lease, #o.token + 7) end
if lease ~= o.token then
  orphan()
  enqueue(pending, generations, task_leases, id, 'overtaken ' .. o.token, now)
  return 'overtaken'
end

local current = false
if redis.call('TYPE', document).ok == 'string' then current = redis.call('GET', document) end
local same = (current and '=' .. current or '') == ARGV[2]
if o.size and current then same = #current == o.size and '=' .. string.sub(current, 1, #ARGV[2] - 1) == ARGV[2] end
local called_back = o.reason ~= 'restore' and redis.call('HGET', reason, id) == 'restore'
local lost = o.epoch and run_id() .. ' ' .. (redis.call('HGET', epochs, o.plan) or '') ~= o.epoch
if lost or o.only_same and (not same or called_back) then
  redis.call('HSETNX', reason, id, 'recheck')
  redis.call('ZADD', pending, now, id)
  redis.call('HDEL', attempts, id)
  redis.call('HSET', task_leases, id, o.token .. ' done moved')
  return 'moved'
end

-- What Graph has told us.
if o.planner_id and not o.bury then
  local owner = redis.call('HGET', owners, o.planner_id)
  if owner and owner ~= id or not owner and redis.call('ZSCORE', tombstones, o.planner_id) then
    orphan()
    for _, nonce in ipairs(o.intents_done) do redis.call('HDEL', task, 'intent ' .. nonce) end
    redis.call('HDEL', creating, id)
    redis.call('ZADD', pending, now, id)
    redis.call('HSET', task_leases, id, o.token .. ' done taken')
    return 'taken'
  end
  redis.call('HSET', owners, o.planner_id, id)
  if old_cards ~= cards then redis.call('HDEL', old_cards, o.planner_id) end
  redis.call('HSET', cards, o.planner_id, o.etags)
  redis.call('HDEL', orphans, o.planner_id)
  redis.call('SET', planner_key, o.planner_id)
  redis.call('SET', redis_key, id)
end
for _, nonce in ipairs(o.intents_done) do redis.call('HDEL', task, 'intent ' .. nonce) end
if o.creating_done then redis.call('HDEL', creating, id) end
if not o.release then
  if o.state then redis.call('HSET', task, 'state', o.state) end
  if o.created then redis.call('HSETNX', task, 'last', string.sub(ARGV[2], 2)) end
  return 'settled'
end

-- The document.
if o.trash and redis.call('HSETNX', trash_entries, o.trash[1], o.trash[2]) == 1 then
  redis.call('ZADD', trash, now, o.trash[1])
end
if o.bury then
  if not o.keep_card then redis.call('ZADD', tombstones, 'NX', now, o.planner_id) end
  redis.call('HDEL', owners, o.planner_id)
  redis.call('HDEL', cards, o.planner_id)
  redis.call('HDEL', old_cards, o.planner_id)
  redis.call('HDEL', orphans, o.planner_id)
  redis.call('DEL', planner_key, redis_key)
  if not o.uncounted then redis.call('ZADD', deletes, now, id) end
  if o.deleted_card then redis.call('HSET', deleted_cards, id, o.deleted_card) end
end
if o.forget then
  redis.call('DEL', task)
  redis.call('HDEL', creating, id)
else
  local state = (not same and o.state_moved) or o.state
  if state then redis.call('HSET', task, 'state', state) end
end
if same then
  if o.write == 'set' then
    redis.call('SET', document, ARGV[3])
  elseif o.write == 'delete' then
    redis.call('DEL', document)
  end
  local exists = o.write == 'set' or (current and o.write ~= 'delete')
  if exists then
    redis.call('HSET', hashes, id, o.hash)
    if not o.forget and o.state and o.write ~= 'leave' then
      redis.call('HSET', task, 'last', o.write == 'set' and ARGV[3] or current)
    end
  elseif o.wrong_type then
    redis.call('HSET', hashes, id, o.hash)
  else
    redis.call('HDEL', hashes, id)
  end
  for _, message in ipairs(o.document_messages) do redis.call('PUBLISH', message[1], message[2]) end
end
for _, message in ipairs(o.messages) do redis.call('PUBLISH', message[1], message[2]) end
if o.refusal == '' then
  redis.call('HDEL', refusals, id)
elseif o.refusal then
  redis.call('HSET', refusals, id, o.refusal)
end

-- Let it go.
local moved = not same or (redis.call('HGET', generations, id) or '') ~= o.generation
if moved then
  redis.call('ZADD', pending, now, id)
elseif o.due >= 0 then
  redis.call('ZADD', pending, now + o.due, id)
else
  redis.call('ZREM', pending, id)
end
redis.call('HDEL', attempts, id)
if not moved then
  if not o.keep_reason then redis.call('HDEL', reason, id) end
  if not o.keep_announced then redis.call('HDEL', announced, id) end
end
if current then
  redis.call('HDEL', missing, id)
  if redis.call('HGET', announced, id) == 'deleted' then redis.call('HDEL', announced, id) end
elseif o.forget then
  redis.call('HDEL', missing, id)
end
local answer = moved and 'moved' or 'settled'
redis.call('HSET', task_leases, id, o.token .. ' done ' .. answer)
return answer
