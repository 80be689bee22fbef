-- Read all that is known of a plan at one moment. Writes nothing.
--
-- KEYS[1]  cards            hash    planner id -> etags, of the plan
-- KEYS[2]  creating         hash    task id -> time of its open create intent (ms), of the plan
-- KEYS[3]  unmapped_passes  hash    planner id -> passes that have seen the card without a task, of
-- the plan
-- KEYS[4]  orphans          hash    planner id -> the task it was made for, of the plan
-- KEYS[5]  names            string  buckets and labels of the plan
-- KEYS[6]  owners           hash    planner id -> task id
-- KEYS[7]  tombstones       zset    planner id -> time of its delete (ms)
-- KEYS[8]  application      string  the application id that Planner gives our cards
-- ARGV[1…] planner ids
--
-- Returns {cards, creating, unmapped passes, orphans, names, application, every task with a card
-- (only if there are orphans), owners of the cards, owners of the ids, tombstones of the ids};
-- hashes are flat lists, and missing values are empty texts.
local known = redis.call('HGETALL', cards)
local owners_of_cards, owners_of_ids, deleted = {}, {}, {}
for i = 1, #known, 2 do
  owners_of_cards[#owners_of_cards + 1] = redis.call('HGET', owners, known[i]) or ''
end
for i, id in ipairs(ARGV) do
  owners_of_ids[i] = redis.call('HGET', owners, id) or ''
  deleted[i] = redis.call('ZSCORE', tombstones, id) or ''
end
return {
  known,
  redis.call('HGETALL', creating),
  redis.call('HGETALL', unmapped_passes),
  redis.call('HGETALL', orphans),
  redis.call('GET', names) or '',
  redis.call('GET', application) or '',
  redis.call('EXISTS', orphans) == 1 and redis.call('HVALS', owners) or {},
  owners_of_cards,
  owners_of_ids,
  deleted,
}
