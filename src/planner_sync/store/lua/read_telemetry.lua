-- Read every sign of life at one moment. Writes nothing.
--
-- KEYS[1]  heartbeats           hash  part -> "time (ms)<space>text"
-- KEYS[2]  holds           hash  plan -> hold
-- KEYS[3]  counters        hash  name -> count
-- KEYS[4]  refusals        hash  task id -> refusal
-- KEYS[5]  pending         zset  task id -> time from which it is due (ms)
-- KEYS[6]  lags, upload    list  ms
-- KEYS[7]  lags, download  list  ms
-- ARGV[1]  most            about how many refusals to read; 0 leaves out refusals and lags
--
-- Returns {now, heartbeats, holds, counters, number of refusals, refusals, number of pending, earliest of them and its
-- time, lags of uploads, lags of downloads}; hashes are flat lists.
local most = tonumber(ARGV[1])
local refusals, uploads, downloads = {}, {}, {}
if most > 0 then
  refusals = redis.call('HSCAN', KEYS[4], 0, 'COUNT', most)[2]
  uploads = redis.call('LRANGE', KEYS[6], 0, -1)
  downloads = redis.call('LRANGE', KEYS[7], 0, -1)
end
return {
  clock(),
  redis.call('HGETALL', KEYS[1]),
  redis.call('HGETALL', KEYS[2]),
  redis.call('HGETALL', KEYS[3]),
  redis.call('HLEN', KEYS[4]),
  refusals,
  redis.call('ZCARD', KEYS[5]),
  redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES'),
  uploads,
  downloads,
}
