-- End a reconciliation and forget the task: its card is gone or unlinked, or it never had one.
--
-- KEYS[1]  pending        zset    task id -> time from which it is due (ms)
-- KEYS[2]  generations    hash    task id -> mark of its last change
-- KEYS[3]  task_leases    hash    task id -> lease
-- KEYS[4]  attempts       hash    task id -> leases without a settle
-- KEYS[5]  announced      hash    task id -> "deleted" or "created"
-- KEYS[6]  reason         hash    task id -> "recheck", "confirmed_missing" or "restore"
-- KEYS[7]  task           hash    "state", "last", "intent <nonce>"…
-- KEYS[8]  document       string  the document
-- KEYS[9]  planner_id     string  public mapping, task id -> planner id
-- KEYS[10] redis_id       string  public mapping, planner id -> task id
-- KEYS[11] owners         hash    planner id -> task id
-- KEYS[12] cards          hash    planner id -> etags, of the plan
-- KEYS[13] creating       hash    task id -> time of its open create intent (ms), of the plan
-- KEYS[14] orphans        hash    planner id -> the task it was made for, of the plan
-- KEYS[15] tombstones     zset    planner id -> time of its delete (ms)
-- KEYS[16] deleted_cards  hash    task id -> the card that was deleted
-- KEYS[17] trash          zset    trash entry -> time (ms)
-- KEYS[18] trash_entries  hash    trash entry -> document and card as they were
-- KEYS[19] deletes        zset    task id -> time of a delete (ms), of the plan
-- KEYS[20] refusals       hash    task id -> refusal
-- KEYS[21] hashes         hash    task id -> hash of the document last reconciled
-- KEYS[22] missing        hash    task id -> time since which its document is missing (ms)
-- KEYS[23] download_lags  list    ms
-- ARGV[1]  order, JSON of Bury or Forget (model/orders.py) and its lease: {"kind": "Bury"|"Forget",
--          "id", "token", "generation", "reason", "listed_at": ms or 0, "planner_id", "document":
--          {"size": bytes, "wrong_type": bool}, "hash": text, "deleted_card": JSON, "trash": JSON,
--          "only_same": bool, "write": "keep"|"set"|"delete", "messages": [[channel, text]],
--          "document_messages": [[channel, text]]}
-- ARGV[2]  document  as in settle_task.lua
-- ARGV[3]  new       the bytes to write
--
-- "deleted_card" is missing when the card still exists: it has no task from now on. "trash" says
-- that document and card are gone for good: it counts as a delete. "only_same" gives up the whole
-- order when the document has changed, or when an operator has asked for a restore since the lease
-- was given ("reason" is the reason of the lease). A document that remains is a new task and due at
-- once.
--
-- Returns "settled"; "moved" when the document or the mark has changed, or the order was given up
-- (it stays due now); "overtaken" when the lease is lost (the task is enqueued again).
local over = check_lease()
if over then return over end
local current, same = read_document()
local called_back = o.reason ~= 'restore' and redis.call('HGET', reason, id) == 'restore'
if o.only_same and (not same or called_back) then return give_up() end

-- The card.
if o.trash then
  local entry = id .. ' ' .. o.planner_id
  if redis.call('HSETNX', trash_entries, entry, o.trash) == 1 then redis.call('ZADD', trash, now, entry) end
  redis.call('ZADD', deletes, now, id)
end
if o.deleted_card then
  redis.call('ZADD', tombstones, 'NX', now, o.planner_id)
  redis.call('HSET', deleted_cards, id, o.deleted_card)
end
if o.planner_id then
  redis.call('HDEL', owners, o.planner_id)
  redis.call('HDEL', cards, o.planner_id)
  redis.call('HDEL', orphans, o.planner_id)
  redis.call('DEL', planner_id)
  redis.call('DEL', redis_id)
end
redis.call('DEL', task)
redis.call('HDEL', creating, id)
redis.call('HDEL', refusals, id)

-- The document.
local remains = current or o.document.wrong_type
if same then
  if o.write == 'set' then redis.call('SET', document, ARGV[3]) end
  if o.write == 'delete' then redis.call('DEL', document) end
  remains = o.write == 'set' or o.write ~= 'delete' and remains
  if remains then
    redis.call('HSET', hashes, id, o.hash)
  else
    redis.call('HDEL', hashes, id)
  end
  say_of_document()
end
say(o.messages)
redis.call('HDEL', missing, id)
return let_go(current, not same, remains and 0 or -1)
