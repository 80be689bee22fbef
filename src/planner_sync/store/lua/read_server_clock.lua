-- What the server that holds our keys says of itself; changes nothing.
--
-- KEYS[1]  epochs  hash  any key of the namespace would do, so that a cluster asks the right server
--
-- Returns {time (ms), run id}.
return {clock(), run_id()}
