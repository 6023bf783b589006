-- Measured by room actors, by game: how often and how long they committed and loaded, what they logged and repaired.

ALTER TABLE room_actors ADD COLUMN measured json;    -- {game: {name: sum}} since it started, as of its last beat

CREATE TABLE measured_totals (                       -- the same of actors that are gone, all together
    game  text NOT NULL,
    name  text NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (game, name)
);

CREATE FUNCTION keep_measured() RETURNS trigger LANGUAGE plpgsql AS $$
-- An actor's sums become part of the totals in the transaction in which its row goes, whoever takes it away.
BEGIN
    INSERT INTO public.measured_totals AS t (game, name, value)
    SELECT g.key, m.key, m.value::bigint FROM json_each(OLD.measured) g, json_each_text(g.value) m
    ORDER BY g.key, m.key
    ON CONFLICT (game, name) DO UPDATE SET value = t.value + excluded.value;
    RETURN NULL;
END $$;
CREATE TRIGGER measured_is_kept AFTER DELETE ON room_actors
    FOR EACH ROW WHEN (OLD.measured IS NOT NULL) EXECUTE FUNCTION keep_measured();
