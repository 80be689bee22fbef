-- Ask all instances not to call Graph for a while. A longer pause stays.
--
-- KEYS[1]  pause  string  time until which Graph must not be called (ms)
-- ARGV[1]  until  ms on the server's clock
--
-- Returns the time until which Graph must not be called (ms).
local till = tonumber(redis.call('GET', pause) or '0')
if tonumber(ARGV[1]) > till then
  till = tonumber(ARGV[1])
  redis.call('SET', pause, string.format('%.0f', till))
end
return till
