-- Write down a sign of life with the server's time, and forget listeners that have been silent for long.
--
-- KEYS[1]  beats   hash  part -> "time (ms)<space>what there is to say, maybe nothing"
-- ARGV[1]  part    such as "poll" or "listener <instance>"
-- ARGV[2]  text
-- ARGV[3]  silent  ms after which a listener is forgotten
-- ARGV[4…] parts that this one makes untrue
--
-- Returns the time (ms).
local beats = KEYS[1]
local now = clock()
redis.call('HSET', beats, ARGV[1], now .. ' ' .. ARGV[2])
for i = 4, #ARGV do redis.call('HDEL', beats, ARGV[i]) end
local all = redis.call('HGETALL', beats)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 9) == 'listener ' and tonumber(string.match(all[i + 1], '^%d+')) < now - ARGV[3] then
    redis.call('HDEL', beats, all[i])
  end
end
return now
