-- What the server that holds our keys says of itself; changes nothing.
--
-- KEYS[1]  any key of the namespace, so that a cluster asks the right server
--
-- Returns {time (ms), run id}.
return {clock(), run_id()}
