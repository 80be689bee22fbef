-- End a reconciliation: store what Graph has told us, then the document, and release the task.
--
-- What Graph has returned is kept whenever the token is valid, even if the document has changed.
-- The document is written only over the bytes that were merged.
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
-- KEYS[13] old_cards      hash    the same, of the plan where the card was before
-- KEYS[14] creating       hash    task id -> time of its open create intent (ms), of the plan
-- KEYS[15] orphans        hash    planner id -> the task it was made for, of the plan
-- KEYS[16] tombstones     zset    planner id -> time of its delete (ms)
-- KEYS[17] refusals       hash    task id -> refusal
-- KEYS[18] hashes         hash    task id -> hash of the document last reconciled
-- KEYS[19] missing        hash    task id -> time since which its document is missing (ms)
-- KEYS[20] epochs         hash    plan -> "run id passes"
-- KEYS[21] download_lags  list    ms
-- ARGV[1]  order, JSON of Settle or Postpone (model/orders.py) and its lease: {"kind":
--          "Settle"|"Postpone", "id", "token", "generation", "listed_at": ms or 0, "plan_id",
--          "card": {"planner_id", "etags", "state": JSON}, "document": {"size": bytes,
--          "wrong_type": bool}, "hash": text, "intents_done": [nonce], "messages": [[channel,
--          text]], "state_moved": JSON, "write": "keep"|"set", "epoch": text, "document_messages":
--          [[channel, text]], "due_ms", "not_created": bool, "unfinished": bool, "refusal": JSON}
-- ARGV[2]  document  "=" and the bytes that were merged ("size": the first bytes of a document of
--          that length), or "" when there was none
-- ARGV[3]  new       the bytes to write
--
-- Settle: both sides hold the same. "state_moved" is stored instead of the state when the document
-- has changed. "epoch" is as in record_answer.lua.
-- Postpone: not now, or not at all; the document stays. "unfinished": the next reconciliation keeps
-- the reason.
--
-- Returns "settled"; "moved" when the document or the mark has changed, or the order was given up
-- (it stays due now); "overtaken" when the lease is lost (the task is enqueued again); "taken" when
-- the card belongs to another task, or is known to be deleted.
local over = check_lease()
if over then return over end
if is_lost() then return give_up() end
if not take_card() then return end_lease('taken') end
local current, same = read_document()
local settles = o.kind == 'Settle'

-- What Graph has returned.
close_intents()
if settles or o.not_created then redis.call('HDEL', creating, id) end
if o.card then redis.call('HSET', task, 'state', not same and o.state_moved or o.card.state) end

-- The document.
if same then
  local text = o.write == 'set' and ARGV[3] or current
  if o.write == 'set' then redis.call('SET', document, text) end
  if text or o.document.wrong_type then
    redis.call('HSET', hashes, id, o.hash)
  else
    redis.call('HDEL', hashes, id)
  end
  if settles and text then redis.call('HSET', task, 'last', text) end
  say_of_document()
end
say(o.messages)
if o.refusal then
  redis.call('HSET', refusals, id, o.refusal)
elseif settles then
  redis.call('HDEL', refusals, id)
end
return let_go(current, not same, o.due_ms or -1)
