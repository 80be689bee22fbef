-- Save or delete a document for an agent, unless another save came first. Enqueues the task and
-- publishes.
--
-- In brackets: what an agent's user may do with the key (operators/acl.py).
--
-- KEYS[1]  document     string  [get set del]    the document
-- KEYS[2]  pending      zset    [zscore zadd]    task id -> time from which it is due (ms)
-- KEYS[3]  generations  hash    [hget hset]      task id -> mark of its last change;
--          "saved <task id>" -> nonces of its last saves
-- KEYS[4]  task_leases  hash    [hget]           task id -> lease
-- KEYS[5]  announced    hash    [hget hset hdel] task id -> "deleted" or "created"
-- ARGV[1]  id
-- ARGV[2]  nonce     of this call; a repeated call changes nothing more, even if others have saved
--          in between
-- ARGV[3]  expected  "=" and the bytes that were read, or "" when there was no document, or "*" for
--          any
-- ARGV[4]  new       the bytes to write, or "" to delete
-- ARGV[5]  channel
-- ARGV[6]  message
-- ARGV[7]  word      "created", "deleted" or ""
--
-- Returns {1} when done, {0} when there is no document, {0, bytes} when the key holds another one.
local SAVES = 8 -- the most saves by others between a call and its repetition
local id, nonce, expected, new = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local current = redis.call('GET', document)
local saved = {}
for before in string.gmatch(redis.call('HGET', generations, 'saved ' .. id) or '', '[^\n]+') do
  -- A repeated create after which others have saved: if the document is gone now, make it again.
  if before == nonce and (#saved == 0 or expected ~= '' or current) then return {1} end
  if before ~= nonce and #saved < SAVES - 1 then saved[#saved + 1] = before end
end
local found = current and '=' .. current or ''
if found ~= expected and not (expected == '*' and current) then
  return current and {0, current} or {0}
end
if new == '' then redis.call('DEL', document) else redis.call('SET', document, new) end
if ARGV[7] ~= '' then
  redis.call('HSET', announced, id, ARGV[7])
elseif redis.call('HGET', announced, id) == 'deleted' then
  redis.call('HDEL', announced, id)
end
table.insert(saved, 1, nonce)
redis.call('HSET', generations, 'saved ' .. id, table.concat(saved, '\n'))
enqueue(pending, generations, task_leases, id, nonce, clock())
redis.call('PUBLISH', ARGV[5], ARGV[6])
return {1}
