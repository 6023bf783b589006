-- An actor with more to do than it gets done is given a room only where no other is left.

CREATE FUNCTION crowded(measured json) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce((measured -> '?' ->> 'commit')::bigint, 0) >= 200
$$;
COMMENT ON FUNCTION crowded IS 'Of room_actors.measured: so many decisions waited for a commit at its last beat.';
