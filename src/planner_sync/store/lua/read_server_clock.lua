-- Read the clock and the run id of the server that holds our keys. Writes nothing.
--
-- KEYS[1]  epochs  hash  any key of the namespace, so that a cluster asks the right server
--
-- Returns {time (ms), run id}.
return {clock(), run_id()}
