-- Read all heartbeats, holds, counters, refusals and lags at one moment. Writes nothing.
--
-- KEYS[1]  heartbeats     hash  part -> "time (ms)<space>text"
-- KEYS[2]  holds          hash  plan -> hold
-- KEYS[3]  counters       hash  name -> count
-- KEYS[4]  refusals       hash  task id -> refusal
-- KEYS[5]  pending        zset  task id -> time from which it is due (ms)
-- KEYS[6]  upload_lags    list  ms
-- KEYS[7]  download_lags  list  ms
-- ARGV[1]  most            about how many refusals to read; 0 leaves out refusals and lags
--
-- Returns {now, heartbeats, holds, counters, number of refusals, refusals, number of pending,
-- earliest of them and its time, lags of uploads, lags of downloads}; hashes are flat lists.
local most = tonumber(ARGV[1])
local some, uploads, downloads = {}, {}, {}
if most > 0 then
  some = redis.call('HSCAN', refusals, 0, 'COUNT', most)[2]
  uploads = redis.call('LRANGE', upload_lags, 0, -1)
  downloads = redis.call('LRANGE', download_lags, 0, -1)
end
return {
  clock(),
  redis.call('HGETALL', heartbeats),
  redis.call('HGETALL', holds),
  redis.call('HGETALL', counters),
  redis.call('HLEN', refusals),
  some,
  redis.call('ZCARD', pending),
  redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES'),
  uploads,
  downloads,
}
