-- Record a heartbeat with the server's time, and forget listeners that have long been silent.
--
-- KEYS[1]  heartbeats  hash  part -> "time (ms)<space>text, may be empty"
-- ARGV[1]  part    such as "poll" or "listener <instance>"
-- ARGV[2]  text
-- ARGV[3]  silent  ms after which a listener is forgotten
-- ARGV[4…] parts that this heartbeat replaces: they are removed
--
-- Returns the time (ms).
local now = clock()
redis.call('HSET', heartbeats, ARGV[1], now .. ' ' .. ARGV[2])
for i = 4, #ARGV do redis.call('HDEL', heartbeats, ARGV[i]) end
local all = redis.call('HGETALL', heartbeats)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 9) == 'listener ' and tonumber(string.match(all[i + 1], '^%d+')) < now - ARGV[3] then
    redis.call('HDEL', heartbeats, all[i])
  end
end
return now
