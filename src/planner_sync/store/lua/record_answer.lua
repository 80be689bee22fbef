-- Store what Graph has returned for a task during a reconciliation, even if the document has
-- changed.
--
-- KEYS[1]  pending      zset    task id -> time from which it is due (ms)
-- KEYS[2]  generations  hash    task id -> mark of its last change
-- KEYS[3]  task_leases  hash    task id -> lease
-- KEYS[4]  attempts     hash    task id -> leases without a settle
-- KEYS[5]  reason       hash    task id -> "recheck", "confirmed_missing" or "restore"
-- KEYS[6]  task         hash    "state", "last", "intent <nonce>"…
-- KEYS[7]  planner_id   string  public mapping, task id -> planner id
-- KEYS[8]  redis_id     string  public mapping, planner id -> task id
-- KEYS[9]  owners       hash    planner id -> task id
-- KEYS[10] cards        hash    planner id -> etags, of the plan
-- KEYS[11] old_cards    hash    the same, of the plan where the card was before
-- KEYS[12] creating     hash    task id -> time of its open create intent (ms), of the plan
-- KEYS[13] orphans      hash    planner id -> the task it was made for, of the plan
-- KEYS[14] tombstones   zset    planner id -> time of its delete (ms)
-- KEYS[15] epochs       hash    plan -> "run id passes"
-- KEYS[16] counters     hash    name -> count
-- KEYS[17] upload_lags  list    ms
-- ARGV[1]  order, JSON of Record (model/orders.py) and its lease: {"id", "token", "due_since": ms,
--          "plan_id", "document": {"size": bytes, "wrong_type": bool}, "card": {"planner_id",
--          "etags", "state": JSON}, "intents_done": [nonce], "posted": JSON, "epoch": text,
--          "counted": text}
-- ARGV[2]  document     "=" and the bytes that were seen, "" when there were none
--
-- "posted" is present when the card was just made; the document that it was made from is kept with
-- it. "epoch" ("run id epoch") gives the order up when the server or the plan's epoch is another
-- one: what the order rests on may be lost. "counted" names a change that has reached Planner: it
-- is counted, with the time since the task was due.
--
-- Returns "settled"; "moved" when it was given up; "overtaken" when the lease is lost (the task is
-- enqueued again); "taken" when the card belongs to another task, or is known to be deleted.
local over = check_lease()
if over then return over end
if is_lost() then return give_up() end
if not take_card() then return end_lease('taken') end
close_intents()
redis.call('HDEL', creating, id)
if o.card then redis.call('HSET', task, 'state', o.card.state) end
if o.posted then redis.call('HSETNX', task, 'last', string.sub(ARGV[2], 2)) end
if o.counted then
  redis.call('HINCRBY', counters, o.counted, 1)
  keep_lag(upload_lags, now - o.due_since)
end
return 'settled'
