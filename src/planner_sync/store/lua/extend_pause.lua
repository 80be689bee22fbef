-- Ask everybody not to call Graph for a while; a longer pause stands.
--
-- KEYS[1]  pause  string  time until which nobody calls Graph (ms)
-- ARGV[1]  until  ms on the server's clock
--
-- Returns the time until which nobody calls Graph (ms).
local till = tonumber(redis.call('GET', pause) or '0')
if tonumber(ARGV[1]) > till then
  till = tonumber(ARGV[1])
  redis.call('SET', pause, string.format('%.0f', till))
end
return till
