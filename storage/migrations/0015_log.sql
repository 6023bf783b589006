-- The log by days: each update in one packed column (storage.packing), partitioned by the UTC day in which it was
-- committed; and apart from it, what answers a repeated command. This expands: code that knows only `actions` finds a
-- view of that name, and reads and writes through it what is in the new tables. Rows of before stay where they are, in
-- `actions_before`; whoever reads the log reads `history`, which has both.

CREATE TABLE log (
    seq        bigint NOT NULL,
    epoch      bigint NOT NULL,
    at         bigint NOT NULL,
    versions   smallint NOT NULL DEFAULT 257,        -- that decided it: actors.versions.upcast.Versions
    room_id    text NOT NULL,
    user_id    text NOT NULL,                        -- '' is the runtime itself
    command_id text NOT NULL,
    entropy    bytea NOT NULL,                       -- secret input; '' when none was used
    body       bytea NOT NULL                        -- storage.packing: JSON [user_name, game, hand, command, answer,
                                                     -- events, patch, outside, private, …]
) PARTITION BY RANGE (at);
-- Sixty-four updates of a room are one entry with as many places: a fifth of what a unique index takes. That no seq
-- comes twice is held by the fence in game_states; a unique index could not reach across days.
CREATE INDEX log_place ON log (room_id, (seq >> 6));
-- No commit fails for want of a day. Days are made ahead, so nothing should be here.
CREATE TABLE log_other PARTITION OF log DEFAULT;

-- Which commands were here, for some days longer than a client may send one again. Narrow, and not by days: one unique
-- index has to hold all of it.
CREATE TABLE commands (
    key    uuid CONSTRAINT commands_once PRIMARY KEY, -- storage.packing.command_key
    seq    bigint NOT NULL,
    mark   integer,                                  -- checksum of the command; null: compare with the log's row
    day    integer NOT NULL,                         -- UTC, since 1970
    answer text                                      -- JSON: what the sender was given; null is nothing
);

-- A checkpoint that a round made is packed in the same way, and its `state` is empty: `kept_states`
-- shows all of them as texts.
ALTER TABLE checkpoints ADD COLUMN body bytea;

CREATE FUNCTION make_log_days(first date, last date) RETURNS integer LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
-- Makes the partitions from the first to the last of these days that are not there; gives how many. A day of which
-- rows are in log_other already stays there. Nobody waits for this but who reads or writes log_other.
DECLARE
    made  integer := 0;
    day   date := first;
    name  text;
    since bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('make_log_days', 0));
    WHILE day <= last LOOP
        name := 'log_' || to_char(day, 'YYYYMMDD');
        since := (day - date '1970-01-01') * 86400000::bigint;
        IF to_regclass(name) IS NULL
           AND NOT EXISTS (SELECT FROM log_other WHERE at >= since AND at < since + 86400000) THEN
            EXECUTE format('CREATE TABLE %I (LIKE log INCLUDING DEFAULTS INCLUDING STORAGE)', name);
            EXECUTE format('ALTER TABLE log ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                           name, since, since + 86400000);
            made := made + 1;
        END IF;
        day := day + 1;
    END LOOP;
    RETURN made;
END $$;

SELECT make_log_days((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + 7);

-- Packing and unpacking in SQL, for the view and for people. Ours does it in Python.

CREATE FUNCTION log_words() RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT convert_to(replace($words${"type":"chat","id":","text":"},{},[{"kind":"chat","user_id":"u_","display_name":"","text":"{"type":"leave"},
[{"kind":"player_left","reason":"{"type":"spectate","display_name":null},{"grant":"},[{"kind":"spectator_joined",
"user_id":"u_","display_name":""}],{"spectators":1}{"type":"request_join","display_name":"},{"status":"approved",
"grant":"},[{"kind":"member_approved","user_id":"u_{"type":"wake","id":"wake.","room":"r_"},{},
[{"kind":"player_action","seat_index":1,"move":"fold","automatic":true}
{"type":"connected"{"type":"disconnected"{"type":"recover",
"id":"recover.{"kind":"player_disconnected"{"kind":"player_reconnected"{"kind":"player_sat_out"{"kind":"player_sat_in"{"kind":"chips_added"{"kind":"seat_freed",
"seat_index":,"user_id":"u_","chips":"status":"disconnected"["",1,4,{"type":"act","id":","room":"r_","move":"call",
"turn":39,"arguments":{}},{},[{"kind":"player_action","seat_index":3,"move":"call","amount":10,"chips":1291,
"pot":35},{"kind":"turn_started","number":40,"seat_index":4,"deadline_ms":,"timebank_ms":30000}],
{"seats":{"seat_index":0,"user_id":"u_","display_name":""}],{"room":{"players":1},"game":{"id":"r_.0","number":0,
"board":[null,null,null,null,null,null,null],"line":[]},"seats":{"0":{"seat_index":0,"user_id":"u_",
"display_name":"","status":"active","mark":"X"}},"spectators":0,"me":{"role":"player","seat_index":0},
"host_controls":{"can_adjust_chips":true}},"inside","outside","",false]}]["",1,31,{"type":"act","id":","room":"r_",
"move":"check","turn":484,"arguments":{}},{},[{"kind":"player_action","seat_index":4,"move":"check","amount":0,
"chips":990,"pot":30},{"kind":"street_advanced","phase":"flop","board":["7c","2h","5h"]},{"kind":"turn_started",
"number":485,"seat_index":1,"deadline_ms":,"timebank_ms":30000}],{"game":{"hand":{"phase":"flop","board"["",10,10,
{"type":"act","id":","room":"r_","move":"mark","turn":75,"arguments":{"cell":5}},{},[{"kind":"player_action",
"seat_index":0,"move":"mark","cell":5},{"kind":"turn_started","number":76,"seat_index":1,"deadline_ms":,
"timebank_ms":0}],{"game":{"board":[null,null,null,1,0,0,1,1,0]},"turn":{"number":76,"seat_index":1,"deadline_ms":}}
,null,{"u_":[null,{"me":{"legal":[]}}],"u_":[null,{"me":{"legal":[{"move":"mark","cell":{"choices":[0,1,2]}}]}}]}]
["",0,0,{"type":"request_join","id":"","room":"r_","display_name":""},{"status":"approved","grant":"},[],null,null,
{"u_":[[{"kind":"player_approved","user_id":"u_:["7s","4c","Jd"],"pots":[{"amount":30,"seats":[4,5,0]}],
"current_bet":0}},"seats":{"0":{"bet":0},"4":{"bet":0},"5":{"bet":0,"last_action":"check"}},"turn":{"number":316,
"seat_index":4,"deadline_ms":}},null,{"u_":[null,{"me":{"legal":[{"move":"fold"},{"move":"check"},{"move":"bet",
"amount":{"min":10,"max":3896}},{"move":"all_in"}]}}],"u_":[null,{"me":{"legal":[]}}]}]["",30,30,{"type":"act",
"id":","room":"r_","move":"mark","turn":214,"arguments":{"cell":6}},{},[{"kind":"player_action","seat_index":1,
"move":"mark","cell":6},{"kind":"game_complete","winner":1,"line":[2,4,6]},{"kind":"game_started","number":30,
"first":1},{"kind":"turn_started","number":215,"seat_index":1,"deadline_ms":,"timebank_ms":0}],
{"game":{"id":"r_.30","number":30,"board":[null,null,null,null,null,null,null,null,null]},"turn":{"number":215,
"deadline_ms":}},null,{"u_":[null,{"me":{"legal":[{"move":"mark","cell":{"choices":[0,1,2,3,4,5,6,7,8]}}]}}]}]:[4,2,
3]}]}},"seats":{"0":{"in_hand":false,"last_action":"fold","hole_cards":null}},"turn":{"number":37,"seat_index":2,
"deadline_ms":}},null,{"u_":[null,{"me":{"legal":[]}}],"u_":[null,{"me":{"legal":[{"move":"fold"},{"move":"call"},
{"move":"raise","amount":{"min":30,"max":990}},{"move":"all_in"}]}}]}]0}],{"game":{"board":[null,null,null,null,1,
null,null,0,null]},"turn":{"number":44,"seat_index":0,"deadline_ms":}},null,{"u_":[null,
{"me":{"legal":[{"move":"mark","cell":{"choices":[0,1,2,3,5,6,8]}}]}}],"u_":[null,{"me":{"legal":[]}}]}]["",1,6,
{"type":"act","id":","room":"r_","move":"raise","turn":102,"arguments":{"amount":30}},{},[{"kind":"player_action",
"seat_index":1,"move":"raise","amount":30,"chips":579,"pot":1975},{"kind":"turn_started","number":103,
"seat_index":2,"deadline_ms":,"timebank_ms":30000}],{"game":{"hand":{"c$words$, E'\n', ''), 'UTF8')
$$;

CREATE FUNCTION log_lz4(packed bytea, words bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- The text of a block of LZ4 with a dictionary.
DECLARE
    output bytea := words;
    place  integer := 0;
    size   integer := length(packed);
    token  integer;
    many   integer;
    more   integer;
    back   integer;
    start  integer;
BEGIN
    WHILE place < size LOOP
        token := get_byte(packed, place);
        place := place + 1;
        many := token >> 4;
        IF many = 15 THEN
            LOOP
                more := get_byte(packed, place);
                place := place + 1;
                many := many + more;
                EXIT WHEN more < 255;
            END LOOP;
        END IF;
        output := output || substring(packed FROM place + 1 FOR many);
        place := place + many;
        EXIT WHEN place >= size;
        back := get_byte(packed, place) + 256 * get_byte(packed, place + 1);
        place := place + 2;
        many := token & 15;
        IF many = 15 THEN
            LOOP
                more := get_byte(packed, place);
                place := place + 1;
                many := many + more;
                EXIT WHEN more < 255;
            END LOOP;
        END IF;
        many := many + 4;
        start := length(output) - back + 1;
        WHILE many > back LOOP  -- it repeats itself
            output := output || substring(output FROM start FOR back);
            many := many - back;
        END LOOP;
        output := output || substring(output FROM start FOR many);
    END LOOP;
    RETURN substring(output FROM length(words) + 1);
END $$;

CREATE FUNCTION state_words() RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT convert_to(replace($words${"info":{"approval":"auto","visibility":"private","max_spectators":100,"name":"","options":{"turn_seconds":20,
"rematch_seconds":0,"auto_start":true},"id":"r_","code":","game":"tictactoe","host":"u_","status":"playing"},
"members":{"u_":["","approved",,false,false],"u_":["","approved",,true,false]},"table":{"v":1,"at":,
"game":{"seated":[0,1],"number":1,"turn":0},"seats":{"0":["u_",,0,null],"1":["u_",,0,null]},"turn":[1,0,,0],
"turns":1,"games":1,"running":true,"hand":1}}{"info":{"approval":"auto","visibility":"private","max_spectators":100,
"name":"","options":{"seats":6,"small_blind":5,"big_blind":10,"ante":0,"min_buy_in":400,"max_buy_in":2000,
"default_buy_in":null,"turn_seconds":20,"timebank_seconds":30,"timebank_refill_seconds":5,"next_hand_seconds":0,
"auto_start":true},"id":"r_","code":","game":"holdem","host":"u_","status":"playing"},"members":{"u_":["",
"approved",,false,false],"u_":["","approved",,false,false]},"table":{"v":1,"at":,"game":[[[0,1000,true,false,false,
0],[1,1000,true,false,false,0]],1,[0,0,1,[5,10,0],[1,0],[1000,1000],"Qc6cKcTh3c9s8s5h9d",","",null,[]]],
"seats":{"0":["u_",,30000,null],"1":["u_",,30000,null]},"turn":[1,0,,30000],"turns":1,"games":1,"running":true,
"hand":1}}$words$, E'\n', ''), 'UTF8')
$$;

CREATE FUNCTION state_text(body bytea, room_id text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- Of a body that is damaged, nothing: whoever reads it finds out.
BEGIN
    RETURN convert_from(CASE get_byte(body, 0)
        WHEN 0 THEN substring(body FROM 2)
        WHEN 1 THEN log_lz4(substring(body FROM 2), state_words() || convert_to(room_id, 'UTF8'))
    END, 'UTF8');
EXCEPTION WHEN data_exception THEN
    RETURN '';
END $$;

CREATE FUNCTION log_text(body bytea, room_id text, user_id text, command_id text, at bigint) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT convert_from(CASE get_byte(body, 0)
    WHEN 0 THEN substring(body FROM 2)
    WHEN 1 THEN log_lz4(substring(body FROM 2), log_words() || convert_to(
        '"' || user_id || '":[null,{"me":{"legal":[]}}]"deadline_ms":' || at || ',{"type":"act","id":"' || command_id
        || '","room":"' || room_id || '","move":"', 'UTF8'))
END, 'UTF8')::json
$$;

CREATE FUNCTION log_body(user_name text, game integer, hand integer, command text, answer text, events text,
                         patch text, outside text, private text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT '\x00'::bytea || convert_to(
    '[' || to_json(user_name) || ',' || game || ',' || hand || ',' || command || ',' || answer || ',' || events || ','
    || coalesce(nullif(patch, ''), 'null') || ',' || coalesce(nullif(outside, ''), 'null') || ','
    || coalesce(nullif(private, ''), 'null') || ']', 'UTF8')
$$;

CREATE FUNCTION room_key(room_id text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
-- The first half of the keys of a room's commands, as digits.
SELECT CASE WHEN room_id ~ '^r_[0-9a-f]{16}$' THEN substr(room_id, 3)
            ELSE left(encode(sha256(convert_to(room_id, 'UTF8')), 'hex'), 16) END
$$;

CREATE FUNCTION command_key(room_id text, user_id text, command_id text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT (room_key(room_id)
        || left(encode(sha256(convert_to(user_id || E'\n' || command_id, 'UTF8')), 'hex'), 16))::uuid
$$;

-- From here on, and for as long as the rest takes (it is not long), whoever reads or writes the log waits.
ALTER TABLE actions RENAME TO actions_before;

CREATE VIEW kept_states AS
SELECT room_id, seq, at, CASE WHEN body IS NULL THEN state ELSE state_text(body, room_id) END AS state FROM checkpoints;

-- The log, whenever its rows were written. Ask by room and `page` (seq >> 6) as well as by seq: that is the index.
CREATE VIEW history AS
SELECT room_id, seq, seq >> 6 AS page, epoch, at, versions, user_id, command_id, entropy, body FROM log
UNION ALL
SELECT room_id, seq, seq >> 6, epoch, at, versions, user_id, command_id, entropy,
       log_body(user_name, game, hand, command, answer, events, patch, outside, private)
FROM actions_before;

CREATE VIEW actions AS
SELECT room_id, seq, epoch, (texts ->> 1)::integer AS game, (texts ->> 2)::integer AS hand, user_id,
       texts ->> 0 AS user_name, command_id, (texts -> 3)::text AS command, (texts -> 4)::text AS answer,
       (texts -> 5)::text AS events, coalesce(texts ->> 6, '') AS patch, coalesce(texts ->> 7, '') AS outside,
       coalesce(texts ->> 8, '') AS private, entropy, at, versions
FROM (
    SELECT room_id, seq, epoch, user_id, command_id, entropy, at, versions,
           log_text(body, room_id, user_id, command_id, at) AS texts FROM log
    UNION ALL
    SELECT room_id, seq, epoch, user_id, command_id, entropy, at, versions,
           log_text(log_body(user_name, game, hand, command, answer, events, patch, outside, private),
                    room_id, user_id, command_id, at)
    FROM actions_before
) both_shapes;

CREATE FUNCTION write_actions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM log WHERE room_id = OLD.room_id AND seq >> 6 = OLD.seq >> 6 AND seq = OLD.seq;
        DELETE FROM actions_before WHERE room_id = OLD.room_id AND seq = OLD.seq;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    INSERT INTO log (seq, epoch, at, versions, room_id, user_id, command_id, entropy, body)
    VALUES (NEW.seq, NEW.epoch, NEW.at, coalesce(NEW.versions, 257), NEW.room_id, NEW.user_id, NEW.command_id, NEW.entropy,
            log_body(NEW.user_name, NEW.game, NEW.hand, NEW.command, NEW.answer, NEW.events, NEW.patch, NEW.outside,
                     NEW.private));
    IF TG_OP = 'INSERT' AND NEW.user_id <> '' THEN
        INSERT INTO commands (key, seq, day, answer)
        VALUES (command_key(NEW.room_id, NEW.user_id, NEW.command_id), NEW.seq, NEW.at / 86400000,
                nullif(NEW.answer, '{}'));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER write_actions INSTEAD OF INSERT OR UPDATE OR DELETE ON actions
    FOR EACH ROW EXECUTE FUNCTION write_actions();

-- Commands of before are in no row of `commands`: while they may come again, new ones are compared with the old log.
CREATE FUNCTION refuse_commands_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM actions_before
               WHERE room_id = NEW.room_id AND user_id = NEW.user_id AND command_id = NEW.command_id
                 AND user_id <> '' AND seq <> NEW.seq) THEN
        RAISE unique_violation USING CONSTRAINT = 'commands_once', MESSAGE = 'this command was here before';
    END IF;
    RETURN NEW;
END $$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM actions_before) THEN
        CREATE TRIGGER refuse_commands_before BEFORE INSERT ON log
            FOR EACH ROW WHEN (NEW.user_id <> '') EXECUTE FUNCTION refuse_commands_before();
    END IF;
END $$;

CREATE FUNCTION settle_log() RETURNS boolean LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
-- Ends that, once no command of before may come again; says whether it is over.
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'log'::regclass AND tgname = 'refuse_commands_before') THEN
        RETURN true;
    END IF;
    IF EXISTS (SELECT FROM migrations WHERE name = '0015_log.sql' AND applied_at > now() - interval '8 days') THEN
        RETURN false;
    END IF;
    DROP TRIGGER refuse_commands_before ON log;
    RETURN true;
END $$;

-- As migration 0008 has it, and the commands too.
CREATE OR REPLACE FUNCTION remove_some_of(room text, most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    place regclass;
    gone  integer;
    took  integer;
BEGIN
    DELETE FROM commands WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM commands
        WHERE key BETWEEN (room_key(room) || repeat('0', 16))::uuid AND (room_key(room) || repeat('f', 16))::uuid
        LIMIT most));
    GET DIAGNOSTICS took = ROW_COUNT;
    FOR place IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE a.attname = 'room_id' AND NOT a.attisdropped AND c.relkind = 'r'
          AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'removals'
        ORDER BY c.relname
    LOOP
        EXIT WHEN took >= most;
        EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %s WHERE room_id = $1 LIMIT $2))',
                       place, place)
        USING room, most - took;
        GET DIAGNOSTICS gone = ROW_COUNT;
        took := took + gone;
    END LOOP;
    RETURN took;
END $$;
