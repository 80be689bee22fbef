-- Take or renew a lease, or give it back. A returned lease still tells who had it, and since when.
--
-- KEYS[1]  leases  hash  name -> "owner until (ms) begun (ms)"
-- ARGV[1]  name
-- ARGV[2]  owner
-- ARGV[3]  ms      0 gives it back
-- ARGV[4]  rest    ms after another owner began, in which the lease is refused
--
-- Returns {1, time (ms), run id} when the lease is the owner's (or was given back); {0, …} when
-- another owner holds it, or began just now.
local name, owner, ms, rest = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock()
local begun = now
local who, till, since = string.match(redis.call('HGET', leases, name) or '', '^(%S+) (%d+) (%d+)$')
if who then
  till, since = tonumber(till), tonumber(since)
  if who ~= owner then
    -- A lease that begins in the future, or ends later than it could, dates from before the clock
    -- was set back: ignore it.
    local held, rests = till > now and till <= now + ms, since <= now and since + rest > now
    if ms == 0 or held or rests then return {0, now, run_id()} end
  elseif till > now then
    begun = math.min(since, now)
  end
end
if ms > 0 then
  redis.call('HSET', leases, name, string.format('%s %.0f %.0f', owner, now + ms, begun))
elseif who then
  redis.call('HSET', leases, name, string.format('%s 0 %.0f', owner, begun))
end
return {1, now, run_id()}
