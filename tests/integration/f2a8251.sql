-- A database as commit f2a8251 left it (pg_dump of its own migrations and of what its host wrote): a room of hold'em
-- on the flop of its second hand, and a private one of tic-tac-toe. tests/integration/test_old_database.py goes on
-- from here.
CREATE TABLE actions (
    room_id text NOT NULL,
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    game integer NOT NULL,
    hand integer NOT NULL,
    user_id text NOT NULL,
    user_name text NOT NULL,
    command_id text NOT NULL,
    command text NOT NULL,
    answer text NOT NULL,
    events text NOT NULL,
    patch text NOT NULL,
    outside text NOT NULL,
    private text NOT NULL,
    entropy bytea NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE game_states (
    room_id text NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    seq bigint DEFAULT 0 NOT NULL,
    state text NOT NULL,
    updated_at bigint NOT NULL
)
WITH (fillfactor='40');
CREATE TABLE room_players (
    room_id text NOT NULL,
    user_id text NOT NULL,
    display_name text NOT NULL,
    status text NOT NULL,
    changed_at bigint NOT NULL,
    banned boolean DEFAULT false NOT NULL,
    CONSTRAINT room_players_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text, 'kicked'::text])))
);
CREATE TABLE room_seats (
    room_id text NOT NULL,
    seat_index integer NOT NULL,
    user_id text NOT NULL,
    display_name text NOT NULL,
    chips bigint DEFAULT 0 NOT NULL,
    seated_at bigint NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    away_since bigint,
    seat_token text DEFAULT ''::text NOT NULL,
    last_seen_at bigint,
    last_heartbeat_at bigint,
    CONSTRAINT room_seats_status_check CHECK ((status = ANY (ARRAY['active'::text, 'away'::text, 'disconnected'::text, 'sitting_out'::text])))
)
WITH (fillfactor='70');
CREATE TABLE room_spectators (
    room_id text NOT NULL,
    user_id text NOT NULL,
    display_name text NOT NULL,
    joined_at bigint NOT NULL,
    last_seen_at bigint
);
CREATE TABLE rooms (
    id text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    game text NOT NULL,
    options json NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    visibility text DEFAULT 'public'::text NOT NULL,
    approval text DEFAULT 'host'::text NOT NULL,
    host_id text NOT NULL,
    max_spectators integer DEFAULT 100 NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    actor text,
    alarm_at bigint,
    current_game_id text,
    players integer DEFAULT 0 NOT NULL,
    max_players integer NOT NULL,
    spectators integer DEFAULT 0 NOT NULL,
    created_at bigint NOT NULL,
    creation_id text,
    closed_at bigint,
    CONSTRAINT rooms_approval_check CHECK ((approval = ANY (ARRAY['host'::text, 'auto'::text]))),
    CONSTRAINT rooms_status_check CHECK ((status = ANY (ARRAY['open'::text, 'playing'::text, 'paused'::text, 'closed'::text]))),
    CONSTRAINT rooms_visibility_check CHECK ((visibility = ANY (ARRAY['public'::text, 'private'::text])))
)
WITH (fillfactor='70');
CREATE VIEW admitted AS
 SELECT p.room_id,
    p.user_id,
    p.display_name,
    s.seat_index,
    s.seat_token,
    (r.host_id = p.user_id) AS is_host,
    g.seq,
        CASE
            WHEN (s.user_id IS NOT NULL) THEN 'player'::text
            WHEN (w.user_id IS NOT NULL) THEN 'spectator'::text
            ELSE 'approved'::text
        END AS role
   FROM ((((room_players p
     JOIN rooms r ON ((r.id = p.room_id)))
     JOIN game_states g ON ((g.room_id = p.room_id)))
     LEFT JOIN room_seats s ON (((s.room_id = p.room_id) AND (s.user_id = p.user_id))))
     LEFT JOIN room_spectators w ON (((w.room_id = p.room_id) AND (w.user_id = p.user_id))))
  WHERE (p.status = 'approved'::text);
CREATE TABLE app_sessions (
    sid bytea NOT NULL,
    user_id text NOT NULL,
    sess json NOT NULL,
    expire bigint NOT NULL
);
CREATE TABLE checkpoints (
    room_id text NOT NULL,
    seq bigint NOT NULL,
    state text NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE connection_tokens (
    hash bytea NOT NULL,
    room_id text NOT NULL,
    user_id text NOT NULL,
    seat_index integer NOT NULL,
    expires_at bigint NOT NULL
);
CREATE TABLE games (
    id text NOT NULL,
    room_id text NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint,
    result json,
    CONSTRAINT games_status_check CHECK ((status = ANY (ARRAY['running'::text, 'over'::text])))
);
CREATE TABLE hands (
    room_id text NOT NULL,
    game integer NOT NULL,
    number integer NOT NULL,
    started_at bigint,
    ended_at bigint,
    board json,
    pots json,
    winners json,
    commitment text,
    record json NOT NULL
);
CREATE TABLE matches (
    room_id text NOT NULL,
    user_id text NOT NULL,
    expires_at bigint NOT NULL,
    key text
);
CREATE TABLE migrations (
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now()
);
CREATE TABLE rejoin_tokens (
    hash bytea NOT NULL,
    room_id text NOT NULL,
    user_id text NOT NULL,
    role text NOT NULL,
    seat_index integer,
    issued_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    replaced_at bigint,
    CONSTRAINT rejoin_tokens_role_check CHECK ((role = ANY (ARRAY['host'::text, 'player'::text, 'spectator'::text, 'approved'::text])))
)
WITH (fillfactor='70');
CREATE TABLE room_actors (
    name text NOT NULL,
    node text NOT NULL,
    pid integer NOT NULL,
    address text NOT NULL,
    capacity integer NOT NULL,
    rooms integer DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    alive_at timestamp with time zone DEFAULT now() NOT NULL,
    suspect_at timestamp with time zone
)
WITH (fillfactor='50');
CREATE TABLE sign_outs (
    user_id text NOT NULL,
    at bigint NOT NULL
);
INSERT INTO actions VALUES ('r_0000000000000001', 1, 1, 0, 0, 'ann', 'Name-ann', 'c1', '{"type":"request_join","id":"c1","room":"r_0000000000000001","display_name":"Name-ann"}', '{"status":"pending"}', '[]', '', '', '{"host":[[{"kind":"player_join_requested","user_id":"ann","display_name":"Name-ann"}],{"pending_requests":[{"user_id":"ann","display_name":"Name-ann","requested_at":1760000000100}],"host_controls":{"can_kick":true,"can_transfer":true}},null,null],"ann":[[{"kind":"player_join_requested","user_id":"ann","display_name":"Name-ann"}],{"me":{"display_name":"Name-ann","request":"pending"}},null,null]}', '\xd20f667d74770ce263f1bc2d6adebaa558c8251901b60c35ff1f6ed2b84c16f3', 1760000000100);
INSERT INTO actions VALUES ('r_0000000000000001', 2, 1, 0, 0, 'bob', 'Name-bob', 'c2', '{"type":"request_join","id":"c2","room":"r_0000000000000001","display_name":"Name-bob"}', '{"status":"pending"}', '[]', '', '', '{"host":[[{"kind":"player_join_requested","user_id":"bob","display_name":"Name-bob"}],{"pending_requests":[{"user_id":"ann","display_name":"Name-ann","requested_at":1760000000100},{"user_id":"bob","display_name":"Name-bob","requested_at":1760000000200}]},null,null],"bob":[[{"kind":"player_join_requested","user_id":"bob","display_name":"Name-bob"}],{"me":{"display_name":"Name-bob","request":"pending"}},null,null]}', '\x4cee9746c47ab2c6873f5376e348c239510fe448055b6cb02618e7cb804e28aa', 1760000000200);
INSERT INTO actions VALUES ('r_0000000000000001', 3, 1, 0, 0, 'carl', 'Name-carl', 'c3', '{"type":"request_join","id":"c3","room":"r_0000000000000001","display_name":"Name-carl"}', '{"status":"pending"}', '[]', '', '', '{"host":[[{"kind":"player_join_requested","user_id":"carl","display_name":"Name-carl"}],{"pending_requests":[{"user_id":"ann","display_name":"Name-ann","requested_at":1760000000100},{"user_id":"bob","display_name":"Name-bob","requested_at":1760000000200},{"user_id":"carl","display_name":"Name-carl","requested_at":1760000000300}]},null,null],"carl":[[{"kind":"player_join_requested","user_id":"carl","display_name":"Name-carl"}],{"me":{"display_name":"Name-carl","request":"pending"}},null,null]}', '\x84d9cbdb91488cc583925c6011cb306c4de90cad0af72efc6e22dc8978e02deb', 1760000000300);
INSERT INTO actions VALUES ('r_0000000000000001', 4, 1, 0, 0, 'dora', 'Name-dora', 'c4', '{"type":"request_join","id":"c4","room":"r_0000000000000001","display_name":"Name-dora"}', '{"status":"pending"}', '[]', '', '', '{"host":[[{"kind":"player_join_requested","user_id":"dora","display_name":"Name-dora"}],{"pending_requests":[{"user_id":"ann","display_name":"Name-ann","requested_at":1760000000100},{"user_id":"bob","display_name":"Name-bob","requested_at":1760000000200},{"user_id":"carl","display_name":"Name-carl","requested_at":1760000000300},{"user_id":"dora","display_name":"Name-dora","requested_at":1760000000400}]},null,null],"dora":[[{"kind":"player_join_requested","user_id":"dora","display_name":"Name-dora"}],{"me":{"display_name":"Name-dora","request":"pending"}},null,null]}', '\xc0feef0a700a59c29ed05c5faa3996ae66f9398408d6291568e20f6f9d75417a', 1760000000400);
INSERT INTO actions VALUES ('r_0000000000000001', 5, 1, 0, 0, 'host', 'Name-host', 'c5', '{"type":"approve","id":"c5","room":"r_0000000000000001","user_id":"ann"}', '{}', '[]', '', '', '{"host":[[{"kind":"player_approved","user_id":"ann","display_name":"Name-ann"}],{"pending_requests":[{"user_id":"bob","display_name":"Name-bob","requested_at":1760000000200},{"user_id":"carl","display_name":"Name-carl","requested_at":1760000000300},{"user_id":"dora","display_name":"Name-dora","requested_at":1760000000400}]},null,null],"ann":[[{"kind":"player_approved","user_id":"ann","display_name":"Name-ann"}],{"me":{"role":"approved","request":null}},null,null,"92024406f44e7a9f66a0db82",false]}', '\xa1d6a1648a8f1ed9cdebf1df74e498629a9cbeb20a7623ff00cad227b65799d7', 1760000000500);
INSERT INTO actions VALUES ('r_0000000000000001', 6, 1, 0, 0, 'host', 'Name-host', 'c6', '{"type":"approve","id":"c6","room":"r_0000000000000001","user_id":"bob"}', '{}', '[]', '', '', '{"host":[[{"kind":"player_approved","user_id":"bob","display_name":"Name-bob"}],{"pending_requests":[{"user_id":"carl","display_name":"Name-carl","requested_at":1760000000300},{"user_id":"dora","display_name":"Name-dora","requested_at":1760000000400}]},null,null],"bob":[[{"kind":"player_approved","user_id":"bob","display_name":"Name-bob"}],{"me":{"role":"approved","request":null}},null,null,"84faeea6e03dddf6214b1852",false]}', '\x629f96e18115157c924eb51b9eab3ae0ecbbcf36b2f1d49cf82ce676f9960887', 1760000000600);
INSERT INTO actions VALUES ('r_0000000000000001', 7, 1, 0, 0, 'host', 'Name-host', 'c7', '{"type":"approve","id":"c7","room":"r_0000000000000001","user_id":"carl"}', '{}', '[]', '', '', '{"host":[[{"kind":"player_approved","user_id":"carl","display_name":"Name-carl"}],{"pending_requests":[{"user_id":"dora","display_name":"Name-dora","requested_at":1760000000400}]},null,null],"carl":[[{"kind":"player_approved","user_id":"carl","display_name":"Name-carl"}],{"me":{"role":"approved","request":null}},null,null,"0280f3698b42e73dbcb63c6d",false]}', '\x9f753fffc3a76a177b93c5b94936df57afa4ce33e96597d9a9942d0f3fa43d17', 1760000000700);
INSERT INTO actions VALUES ('r_0000000000000001', 8, 1, 0, 0, 'carl', 'Name-carl', 'c8', '{"type":"spectate","id":"c8","room":"r_0000000000000001","display_name":null}', '{"grant":"2ca82133fe5d24e21b21cbd5"}', '[{"kind":"spectator_joined","user_id":"carl","display_name":"Name-carl"}]', '{"spectators":1}', '', '{"carl":[[{"kind":"spectator_joined","user_id":"carl","display_name":"Name-carl"}],{"game":{"id":"r_0000000000000001.0","number":0,"hand":{"number":0,"phase":"waiting","board":[],"pots":[],"current_bet":0}},"seats":{},"spectators":1,"me":{"role":"spectator"}},"inside","outside","2ca82133fe5d24e21b21cbd5",false]}', '\x0c8bb8ffc10fb32dfda4591fbf736911574b04a029073b746775dceee9ebd15d', 1760000000800);
INSERT INTO actions VALUES ('r_0000000000000001', 9, 1, 0, 0, 'host', 'Name-host', 'c9', '{"type":"take_seat","id":"c9","room":"r_0000000000000001","seat_index":0,"display_name":null,"buy_in":null}', '{"seat_index":0,"grant":"a121923e557e7d0e1dd1b156"}', '[{"kind":"player_seated","seat_index":0,"user_id":"host","display_name":"Name-host"}]', '{"room":{"players":1},"seats":{"0":{"seat_index":0,"user_id":"host","display_name":"Name-host","status":"active","chips":1000,"bet":0,"in_hand":false,"all_in":false,"sitting_out":false}}}', '[null,{"room":{"players":1}},null,null]', '{"host":[[{"kind":"player_seated","seat_index":0,"user_id":"host","display_name":"Name-host"}],{"room":{"players":1},"game":{"id":"r_0000000000000001.0","number":0,"hand":{"number":0,"phase":"waiting","board":[],"pots":[],"current_bet":0}},"seats":{"0":{"seat_index":0,"user_id":"host","display_name":"Name-host","status":"active","chips":1000,"bet":0,"in_hand":false,"all_in":false,"sitting_out":false}},"spectators":1,"me":{"role":"player","seat_index":0},"host_controls":{"can_adjust_chips":true}},"inside","outside","a121923e557e7d0e1dd1b156",false]}', '\x67ccd240077e6e56fb22af153e7fb6fda9b9d30aa67ad3dddb47bba8ee87cd8a', 1760000000900);
INSERT INTO actions VALUES ('r_0000000000000001', 10, 1, 0, 0, 'ann', 'Name-ann', 'c10', '{"type":"take_seat","id":"c10","room":"r_0000000000000001","seat_index":2,"display_name":null,"buy_in":null}', '{"seat_index":2,"grant":"0775e33462887c3c4f306172"}', '[{"kind":"player_seated","seat_index":2,"user_id":"ann","display_name":"Name-ann"}]', '{"room":{"status":"playing","players":2},"seats":{"2":{"seat_index":2,"user_id":"ann","display_name":"Name-ann","status":"active","chips":1000,"bet":0,"in_hand":false,"all_in":false,"sitting_out":false}}}', '[null,{"room":{"status":"playing","players":2}},null,null]', '{"host":[null,{"host_controls":{"can_start":true}},null,null],"ann":[[{"kind":"player_seated","seat_index":2,"user_id":"ann","display_name":"Name-ann"}],{"room":{"status":"playing","players":2},"game":{"id":"r_0000000000000001.0","number":0,"hand":{"number":0,"phase":"waiting","board":[],"pots":[],"current_bet":0}},"seats":{"0":{"seat_index":0,"user_id":"host","display_name":"Name-host","status":"active","chips":1000,"bet":0,"in_hand":false,"all_in":false,"sitting_out":false},"2":{"seat_index":2,"user_id":"ann","display_name":"Name-ann","status":"active","chips":1000,"bet":0,"in_hand":false,"all_in":false,"sitting_out":false}},"spectators":1,"me":{"role":"player","seat_index":2}},"inside","outside","0775e33462887c3c4f306172",false]}', '\x0de8864d5bab49c1121525883a43fe46b6e1e36ba048ec68cdf4026134720931', 1760000001000);
INSERT INTO actions VALUES ('r_0000000000000001', 11, 1, 0, 0, 'bob', 'Name-bob', 'c11', '{"type":"take_seat","id":"c11","room":"r_0000000000000001","seat_index":4,"display_name":null,"buy_in":null}', '{"seat_index":4,"grant":"a76b605868db9423a831af3e"}', '[{"kind":"player_seated","seat_index":4,"user_id":"bob","display_name":"Name-bob"}]', '{"room":{"players":3},"seats":{"4":{"seat_index":4,"user_id":"bob","display_name":"Name-bob","status":"active","chips":1000,"bet":0,"in_hand":false,"all_in":false,"sitting_out":false}}}', '[null,{"room":{"players":3}},null,null]', '{"bob":[[{"kind":"player_seated","seat_index":4,"user_id":"bob","display_name":"Name-bob"}],{"room":{"players":3},"game":{"id":"r_0000000000000001.0","number":0,"hand":{"number":0,"phase":"waiting","board":[],"pots":[],"current_bet":0}},"seats":{"0":{"seat_index":0,"user_id":"host","display_name":"Name-host","status":"active","chips":1000,"bet":0,"in_hand":false,"all_in":false,"sitting_out":false},"2":{"seat_index":2,"user_id":"ann","display_name":"Name-ann","status":"active","chips":1000,"bet":0,"in_hand":false,"all_in":false,"sitting_out":false},"4":{"seat_index":4,"user_id":"bob","display_name":"Name-bob","status":"active","chips":1000,"bet":0,"in_hand":false,"all_in":false,"sitting_out":false}},"spectators":1,"me":{"role":"player","seat_index":4}},"inside","outside","a76b605868db9423a831af3e",false]}', '\x2250d0f2c18ef1a84fbc49547706eea2f7687d8e64f3916e7aaddaf75802f283', 1760000001100);
INSERT INTO actions VALUES ('r_0000000000000001', 12, 1, 0, 0, 'host', 'Name-host', 'c12', '{"type":"update_settings","id":"c12","room":"r_0000000000000001","settings":{"name":"The old table","max_spectators":7,"options":{"next_hand_seconds":3}}}', '{}', '[{"kind":"settings_changed","settings":{"name":"The old table","max_spectators":7,"options":{"next_hand_seconds":3}}}]', '{"room":{"name":"The old table","max_spectators":7}}', '[null,{"room":{"name":"The old table","max_spectators":7}},null,null]', '', '\xba0af4be175e6782849c5d588c3f0e6f615338ea08ced26e3229aa299c32b575', 1760000001200);
INSERT INTO actions VALUES ('r_0000000000000001', 13, 1, 0, 0, 'host', 'Name-host', 'c13', '{"type":"chat","id":"c13","room":"r_0000000000000001","text":"hello"}', '{}', '[{"kind":"chat","user_id":"host","display_name":"Name-host","text":"hello"}]', '', '', '', '\x0c6744d7836a326aa52f70fc2f19079bdf76a66625a6b4536208e2f44444d2b4', 1760000001300);
INSERT INTO actions VALUES ('r_0000000000000001', 14, 1, 1, 1, 'host', 'Name-host', 'c14', '{"type":"start","id":"c14","room":"r_0000000000000001"}', '{}', '[{"kind":"hand_started","number":1,"button":0,"small_blind":2,"big_blind":4,"seats":[{"seat_index":2,"chips":1000},{"seat_index":4,"chips":1000},{"seat_index":0,"chips":1000}],"commitment":"68078f84f3b4bbdf6d11cbb0c8804931703477db052b80d313432948aaa55f01"},{"kind":"blinds_posted","posts":[{"seat_index":2,"kind":"small_blind","amount":5},{"seat_index":4,"kind":"big_blind","amount":10}]},{"kind":"hole_cards_dealt","seats":[2,4,0]},{"kind":"turn_started","number":1,"seat_index":0,"deadline_ms":1760000041400,"timebank_ms":30000}]', '{"game":{"id":"r_0000000000000001.1","number":1,"hand":{"number":1,"phase":"preflop","button":0,"small_blind":2,"big_blind":4,"current_bet":10,"commitment":"68078f84f3b4bbdf6d11cbb0c8804931703477db052b80d313432948aaa55f01"}},"seats":{"0":{"in_hand":true,"hole_cards":["??","??"]},"2":{"chips":995,"bet":5,"in_hand":true,"hole_cards":["??","??"]},"4":{"chips":990,"bet":10,"in_hand":true,"hole_cards":["??","??"]}},"turn":{"number":1,"seat_index":0,"deadline_ms":1760000041400,"timebank_ms":30000}}', '', '{"bob":[[{"kind":"hand_started","number":1,"button":0,"small_blind":2,"big_blind":4,"seats":[{"seat_index":2,"chips":1000},{"seat_index":4,"chips":1000},{"seat_index":0,"chips":1000}],"commitment":"68078f84f3b4bbdf6d11cbb0c8804931703477db052b80d313432948aaa55f01"},{"kind":"blinds_posted","posts":[{"seat_index":2,"kind":"small_blind","amount":5},{"seat_index":4,"kind":"big_blind","amount":10}]},{"kind":"hole_cards_dealt","seats":[2,4,0],"hole_cards":["8h","4h"]},{"kind":"turn_started","number":1,"seat_index":0,"deadline_ms":1760000041400,"timebank_ms":30000}],{"me":{"hole_cards":["8h","4h"]}},null,null],"host":[[{"kind":"hand_started","number":1,"button":0,"small_blind":2,"big_blind":4,"seats":[{"seat_index":2,"chips":1000},{"seat_index":4,"chips":1000},{"seat_index":0,"chips":1000}],"commitment":"68078f84f3b4bbdf6d11cbb0c8804931703477db052b80d313432948aaa55f01"},{"kind":"blinds_posted","posts":[{"seat_index":2,"kind":"small_blind","amount":5},{"seat_index":4,"kind":"big_blind","amount":10}]},{"kind":"hole_cards_dealt","seats":[2,4,0],"hole_cards":["9d","Qs"]},{"kind":"turn_started","number":1,"seat_index":0,"deadline_ms":1760000041400,"timebank_ms":30000}],{"me":{"legal":[{"move":"fold"},{"move":"call"},{"move":"raise","amount":{"min":20,"max":1000}},{"move":"all_in"}],"hole_cards":["9d","Qs"]},"host_controls":{"can_start":false,"can_adjust_chips":false,"can_update_settings":false,"can_close":false}},null,null],"ann":[[{"kind":"hand_started","number":1,"button":0,"small_blind":2,"big_blind":4,"seats":[{"seat_index":2,"chips":1000},{"seat_index":4,"chips":1000},{"seat_index":0,"chips":1000}],"commitment":"68078f84f3b4bbdf6d11cbb0c8804931703477db052b80d313432948aaa55f01"},{"kind":"blinds_posted","posts":[{"seat_index":2,"kind":"small_blind","amount":5},{"seat_index":4,"kind":"big_blind","amount":10}]},{"kind":"hole_cards_dealt","seats":[2,4,0],"hole_cards":["Jd","5s"]},{"kind":"turn_started","number":1,"seat_index":0,"deadline_ms":1760000041400,"timebank_ms":30000}],{"me":{"hole_cards":["Jd","5s"]}},null,null]}', '\x3d2f6caab1d8a679508066de4e4dcdf71acfdbc45e92de67c7fea138fe24887a', 1760000001400);
INSERT INTO actions VALUES ('r_0000000000000001', 15, 1, 1, 1, 'host', 'Name-host', 'c15', '{"type":"act","id":"c15","room":"r_0000000000000001","move":"fold","turn":1,"arguments":{}}', '{}', '[{"kind":"player_action","seat_index":0,"move":"fold","amount":0,"chips":1000,"pot":15},{"kind":"turn_started","number":2,"seat_index":2,"deadline_ms":1760000041500,"timebank_ms":30000}]', '{"seats":{"0":{"in_hand":false,"last_action":"fold","hole_cards":null}},"turn":{"number":2,"seat_index":2,"deadline_ms":1760000041500}}', '', '{"host":[null,{"me":{"legal":[]}},null,null],"ann":[null,{"me":{"legal":[{"move":"fold"},{"move":"call"},{"move":"raise","amount":{"min":20,"max":1000}},{"move":"all_in"}]}},null,null]}', '\x7416e35cf254488a9b9f35312b74c774a1847457bec6ab5cbe887c79c6cfa931', 1760000001500);
INSERT INTO actions VALUES ('r_0000000000000001', 16, 1, 1, 1, 'ann', 'Name-ann', 'c16', '{"type":"act","id":"c16","room":"r_0000000000000001","move":"fold","turn":2,"arguments":{}}', '{}', '[{"kind":"player_action","seat_index":2,"move":"fold","amount":0,"chips":995,"pot":15},{"kind":"pot_distributed","pots":[{"amount":10,"winners":[{"seat_index":4,"amount":10,"hand":null}]}],"returned":[{"seat_index":4,"amount":5}]},{"kind":"hand_complete","number":1,"board":[],"winners":[{"seat_index":4,"amount":10}]}]', '{"game":{"hand":{"phase":"showdown","current_bet":0}},"seats":{"2":{"bet":0,"in_hand":false,"last_action":"fold","hole_cards":null},"4":{"chips":1005,"bet":0}},"turn":null}', '', '{"host":[null,{"host_controls":{"can_adjust_chips":true,"can_update_settings":true,"can_close":true}},null,null],"ann":[null,{"me":{"legal":[]}},null,null],"bob":[null,{"me":{"legal":[{"move":"show"},{"move":"muck"}]}},null,null]}', '\xec5e19e067c8c436f856b757ccc0bb031b300f5a1b58a15a5dce261eb6272c5f', 1760000001600);
INSERT INTO actions VALUES ('r_0000000000000001', 17, 1, 1, 1, 'host', 'Name-host', 'c17', '{"type":"chat","id":"c17","room":"r_0000000000000001","text":"next"}', '{}', '[{"kind":"chat","user_id":"host","display_name":"Name-host","text":"next"}]', '', '', '', '\x84b5ca31f8169facfe6f726d51482c3b768df7a8b49220d87b5383250445e6bb', 1760000002700);
INSERT INTO actions VALUES ('r_0000000000000001', 18, 1, 1, 1, 'host', 'Name-host', 'c18', '{"type":"chat","id":"c18","room":"r_0000000000000001","text":"next"}', '{}', '[{"kind":"chat","user_id":"host","display_name":"Name-host","text":"next"}]', '', '', '', '\x3f0ed2bf11339998cfc2e1ed521cc58f510726741de919cc27f75f758b7b77d3', 1760000003800);
INSERT INTO actions VALUES ('r_0000000000000001', 19, 1, 1, 1, 'host', 'Name-host', 'c19', '{"type":"chat","id":"c19","room":"r_0000000000000001","text":"next"}', '{}', '[{"kind":"chat","user_id":"host","display_name":"Name-host","text":"next"}]', '', '', '', '\x62733ef78a6ad9afba5e30fc38cad9a4254c0a2dfe5771c0cd381917eb7598e5', 1760000004900);
INSERT INTO actions VALUES ('r_0000000000000001', 20, 1, 1, 2, '', '', 'wake.20', '{"type":"wake","id":"wake.20","room":"r_0000000000000001"}', '{}', '[{"kind":"hand_started","number":2,"button":2,"small_blind":4,"big_blind":0,"seats":[{"seat_index":4,"chips":1005},{"seat_index":0,"chips":1000},{"seat_index":2,"chips":995}],"commitment":"1aa9002ea2849efb5e0d5c330dcf8d5062666cb1b877864e2d497c500a9082d5"},{"kind":"blinds_posted","posts":[{"seat_index":4,"kind":"small_blind","amount":5},{"seat_index":0,"kind":"big_blind","amount":10}]},{"kind":"hole_cards_dealt","seats":[4,0,2]},{"kind":"turn_started","number":3,"seat_index":2,"deadline_ms":1760000044900,"timebank_ms":30000}]', '{"game":{"hand":{"number":2,"phase":"preflop","button":2,"small_blind":4,"big_blind":0,"current_bet":10,"commitment":"1aa9002ea2849efb5e0d5c330dcf8d5062666cb1b877864e2d497c500a9082d5"}},"seats":{"0":{"chips":990,"bet":10,"in_hand":true,"hole_cards":["??","??"],"last_action":null},"2":{"in_hand":true,"hole_cards":["??","??"],"last_action":null},"4":{"chips":1000,"bet":5}},"turn":{"number":3,"seat_index":2,"deadline_ms":1760000044900,"timebank_ms":30000}}', '', '{"bob":[[{"kind":"hand_started","number":2,"button":2,"small_blind":4,"big_blind":0,"seats":[{"seat_index":4,"chips":1005},{"seat_index":0,"chips":1000},{"seat_index":2,"chips":995}],"commitment":"1aa9002ea2849efb5e0d5c330dcf8d5062666cb1b877864e2d497c500a9082d5"},{"kind":"blinds_posted","posts":[{"seat_index":4,"kind":"small_blind","amount":5},{"seat_index":0,"kind":"big_blind","amount":10}]},{"kind":"hole_cards_dealt","seats":[4,0,2],"hole_cards":["9h","6s"]},{"kind":"turn_started","number":3,"seat_index":2,"deadline_ms":1760000044900,"timebank_ms":30000}],{"me":{"legal":[],"hole_cards":["9h","6s"]}},null,null],"host":[[{"kind":"hand_started","number":2,"button":2,"small_blind":4,"big_blind":0,"seats":[{"seat_index":4,"chips":1005},{"seat_index":0,"chips":1000},{"seat_index":2,"chips":995}],"commitment":"1aa9002ea2849efb5e0d5c330dcf8d5062666cb1b877864e2d497c500a9082d5"},{"kind":"blinds_posted","posts":[{"seat_index":4,"kind":"small_blind","amount":5},{"seat_index":0,"kind":"big_blind","amount":10}]},{"kind":"hole_cards_dealt","seats":[4,0,2],"hole_cards":["Ks","Ah"]},{"kind":"turn_started","number":3,"seat_index":2,"deadline_ms":1760000044900,"timebank_ms":30000}],{"me":{"hole_cards":["Ks","Ah"]},"host_controls":{"can_adjust_chips":false,"can_update_settings":false,"can_close":false}},null,null],"ann":[[{"kind":"hand_started","number":2,"button":2,"small_blind":4,"big_blind":0,"seats":[{"seat_index":4,"chips":1005},{"seat_index":0,"chips":1000},{"seat_index":2,"chips":995}],"commitment":"1aa9002ea2849efb5e0d5c330dcf8d5062666cb1b877864e2d497c500a9082d5"},{"kind":"blinds_posted","posts":[{"seat_index":4,"kind":"small_blind","amount":5},{"seat_index":0,"kind":"big_blind","amount":10}]},{"kind":"hole_cards_dealt","seats":[4,0,2],"hole_cards":["4s","9d"]},{"kind":"turn_started","number":3,"seat_index":2,"deadline_ms":1760000044900,"timebank_ms":30000}],{"me":{"legal":[{"move":"fold"},{"move":"call"},{"move":"raise","amount":{"min":20,"max":995}},{"move":"all_in"}],"hole_cards":["4s","9d"]}},null,null]}', '\x509892a0ffde35e0b628b33f9b9f49667382d0802549e9019c8e3582c7fb3d3c', 1760000004900);
INSERT INTO actions VALUES ('r_0000000000000001', 21, 1, 1, 2, 'host', 'Name-host', 'c20', '{"type":"chat","id":"c20","room":"r_0000000000000001","text":"next"}', '{}', '[{"kind":"chat","user_id":"host","display_name":"Name-host","text":"next"}]', '', '', '', '\x7f5369d14951b08b1e09c6254e7b976c7c6699c7be105c356f9db9119ab8ac9f', 1760000006000);
INSERT INTO actions VALUES ('r_0000000000000001', 22, 1, 1, 2, 'ann', 'Name-ann', 'c21', '{"type":"act","id":"c21","room":"r_0000000000000001","move":"call","turn":3,"arguments":{}}', '{}', '[{"kind":"player_action","seat_index":2,"move":"call","amount":10,"chips":985,"pot":25},{"kind":"turn_started","number":4,"seat_index":4,"deadline_ms":1760000046100,"timebank_ms":30000}]', '{"seats":{"2":{"chips":985,"bet":10,"last_action":"call"}},"turn":{"number":4,"seat_index":4,"deadline_ms":1760000046100}}', '', '{"ann":[null,{"me":{"legal":[]}},null,null],"bob":[null,{"me":{"legal":[{"move":"fold"},{"move":"call"},{"move":"raise","amount":{"min":20,"max":1005}},{"move":"all_in"}]}},null,null]}', '\x0241c9927dfbda3d61c3111bd29f10cfab96bb71352fcb6a7f9c47c847ce58e5', 1760000006100);
INSERT INTO actions VALUES ('r_0000000000000001', 23, 1, 1, 2, 'bob', 'Name-bob', 'c22', '{"type":"act","id":"c22","room":"r_0000000000000001","move":"call","turn":4,"arguments":{}}', '{}', '[{"kind":"player_action","seat_index":4,"move":"call","amount":5,"chips":995,"pot":30},{"kind":"turn_started","number":5,"seat_index":0,"deadline_ms":1760000046200,"timebank_ms":30000}]', '{"seats":{"4":{"chips":995,"bet":10,"last_action":"call"}},"turn":{"number":5,"seat_index":0,"deadline_ms":1760000046200}}', '', '{"host":[null,{"me":{"legal":[{"move":"fold"},{"move":"check"},{"move":"raise","amount":{"min":20,"max":1000}},{"move":"all_in"}]}},null,null],"bob":[null,{"me":{"legal":[]}},null,null]}', '\x8a6b213cd6aa8b02b58ad6b250560b364fbd1f36d212615d8175a88803dcf2b5', 1760000006200);
INSERT INTO actions VALUES ('r_0000000000000001', 24, 1, 1, 2, 'host', 'Name-host', 'c23', '{"type":"act","id":"c23","room":"r_0000000000000001","move":"check","turn":5,"arguments":{}}', '{}', '[{"kind":"player_action","seat_index":0,"move":"check","amount":0,"chips":990,"pot":30},{"kind":"street_advanced","phase":"flop","board":["Ts","9c","7d"]},{"kind":"turn_started","number":6,"seat_index":4,"deadline_ms":1760000046300,"timebank_ms":30000}]', '{"game":{"hand":{"phase":"flop","board":["Ts","9c","7d"],"pots":[{"amount":30,"seats":[4,0,2]}],"current_bet":0}},"seats":{"0":{"bet":0,"last_action":"check"},"2":{"bet":0},"4":{"bet":0}},"turn":{"number":6,"seat_index":4,"deadline_ms":1760000046300}}', '', '{"host":[null,{"me":{"legal":[]}},null,null],"bob":[null,{"me":{"legal":[{"move":"fold"},{"move":"check"},{"move":"bet","amount":{"min":10,"max":995}},{"move":"all_in"}]}},null,null]}', '\xf5597fcefb1c892a2b7799eb85fb29fbb4bda6b91be5003e1864260156de740d', 1760000006300);
INSERT INTO actions VALUES ('r_0000000000000001', 25, 1, 1, 2, 'bob', 'Name-bob', 'c24', '{"type":"act","id":"c24","room":"r_0000000000000001","move":"check","turn":6,"arguments":{}}', '{}', '[{"kind":"player_action","seat_index":4,"move":"check","amount":0,"chips":995,"pot":30},{"kind":"turn_started","number":7,"seat_index":0,"deadline_ms":1760000046400,"timebank_ms":30000}]', '{"seats":{"4":{"last_action":"check"}},"turn":{"number":7,"seat_index":0,"deadline_ms":1760000046400}}', '', '{"host":[null,{"me":{"legal":[{"move":"fold"},{"move":"check"},{"move":"bet","amount":{"min":10,"max":990}},{"move":"all_in"}]}},null,null],"bob":[null,{"me":{"legal":[]}},null,null]}', '\x6c5ea6054cae654fb6dab71ce9a671d2633f75e7f26a3fc81c30a45b1798e21f', 1760000006400);
INSERT INTO actions VALUES ('r_0000000000000002', 1, 1, 0, 0, 'host', 'Name-host', 'p1', '{"type":"update_settings","id":"p1","room":"r_0000000000000002","settings":{"visibility":"private","approval":"host","name":"Just us"}}', '{}', '[{"kind":"settings_changed","settings":{"name":"Just us","approval":"host","visibility":"private"}}]', '{"room":{"name":"Just us","approval":"host","visibility":"private"}}', '[null,{"room":{"name":"Just us","approval":"host","visibility":"private"}},null,null]', '', '\x8d60826386a9f2cc6eb017229c1fa393cbfc3318906014835b2a237fc00f92ee', 1760000006400);
INSERT INTO checkpoints VALUES ('r_0000000000000001', 0, '{"info":{"id":"r_0000000000000001","code":"C00001","name":"A table","game":"holdem","options":{"seats":6,"small_blind":5,"big_blind":10,"ante":0,"min_buy_in":400,"max_buy_in":2000,"default_buy_in":null,"turn_seconds":40,"timebank_seconds":30,"timebank_refill_seconds":5,"next_hand_seconds":3,"auto_start":true},"host":"host","approval":"host","visibility":"public","max_spectators":100,"status":"open"},"members":{"host":["Name-host","approved",1760000000000,false,false]},"table":{"v":1,"at":1760000000000,"game":[[],0,null]}}', 1760000000000);
INSERT INTO checkpoints VALUES ('r_0000000000000001', 14, '{"info":{"id":"r_0000000000000001","code":"C00001","name":"The old table","game":"holdem","options":{"seats":6,"small_blind":5,"big_blind":10,"ante":0,"min_buy_in":400,"max_buy_in":2000,"default_buy_in":null,"turn_seconds":40,"timebank_seconds":30,"timebank_refill_seconds":5,"next_hand_seconds":3,"auto_start":true},"host":"host","approval":"host","visibility":"public","max_spectators":7,"status":"playing"},"members":{"host":["Name-host","approved",1760000000900,false,false],"ann":["Name-ann","approved",1760000001000,false,false],"bob":["Name-bob","approved",1760000001100,false,false],"carl":["Name-carl","approved",1760000000800,true,false],"dora":["Name-dora","pending",1760000000400,false,false]},"table":{"v":1,"at":1760000001400,"game":[[[0,1000,true,false,false,0],[2,1000,true,false,false,0],[4,1000,true,false,false,0]],1,[0,2,4,[5,10,0],[2,4,0],[1000,1000,1000],"Jd5s8h4h9dQsAhJh2d2c4s","aAePhPO0u99tEcuwyIBJMXA0d9sFK4DTE0MpSKqlXwE=","",null,[]]],"seats":{"0":["host",1760000000900,30000,null],"2":["ann",1760000001000,30000,null],"4":["bob",1760000001100,30000,null]},"turn":[1,0,1760000041400,30000],"turns":1,"games":1,"running":true,"hand":1}}', 1760000001400);
INSERT INTO checkpoints VALUES ('r_0000000000000001', 20, '{"info":{"id":"r_0000000000000001","code":"C00001","name":"The old table","game":"holdem","options":{"seats":6,"small_blind":5,"big_blind":10,"ante":0,"min_buy_in":400,"max_buy_in":2000,"default_buy_in":null,"turn_seconds":40,"timebank_seconds":30,"timebank_refill_seconds":5,"next_hand_seconds":3,"auto_start":true},"host":"host","approval":"host","visibility":"public","max_spectators":7,"status":"playing"},"members":{"host":["Name-host","approved",1760000000900,false,false],"ann":["Name-ann","approved",1760000001000,false,false],"bob":["Name-bob","approved",1760000001100,false,false],"carl":["Name-carl","approved",1760000000800,true,false],"dora":["Name-dora","pending",1760000000400,false,false]},"table":{"v":1,"at":1760000004900,"game":[[[0,1000,true,false,false,0],[2,995,true,false,false,0],[4,1005,true,false,false,0]],2,[2,4,0,[5,10,0],[4,0,2],[1005,1000,995],"9h6sKsAh4s9dTs9c7dQh3h","GqkALqKEnvteDVwzDc+NUGJmbLG4d4ZOLUl8UAqQgtU=","",null,[]]],"seats":{"0":["host",1760000000900,30000,null],"2":["ann",1760000001000,30000,null],"4":["bob",1760000001100,30000,null]},"turn":[3,2,1760000044900,30000],"turns":3,"games":1,"running":true,"hand":2}}', 1760000004900);
INSERT INTO checkpoints VALUES ('r_0000000000000002', 0, '{"info":{"id":"r_0000000000000002","code":"C00002","name":"A table","game":"tictactoe","options":{"turn_seconds":20,"rematch_seconds":3,"auto_start":true},"host":"host","approval":"auto","visibility":"public","max_spectators":100,"status":"open"},"members":{"host":["Name-host","approved",1760000000000,false,false]},"table":{"v":1,"at":1760000000000,"game":{}}}', 1760000000000);
INSERT INTO game_states VALUES ('r_0000000000000001', 1, 25, '{"v":1,"at":1760000006400,"game":[[[0,1000,true,false,false,0],[2,995,true,false,false,0],[4,1005,true,false,false,0]],2,[2,4,0,[5,10,0],[4,0,2],[1005,1000,995],"9h6sKsAh4s9dTs9c7dQh3h","GqkALqKEnvteDVwzDc+NUGJmbLG4d4ZOLUl8UAqQgtU=","cccc",null,[]]],"seats":{"0":["host",1760000000900,30000,null],"2":["ann",1760000001000,30000,null],"4":["bob",1760000001100,30000,null]},"turn":[7,0,1760000046400,30000],"turns":7,"games":1,"running":true,"hand":2}', 1760000006400);
INSERT INTO game_states VALUES ('r_0000000000000002', 1, 1, '{"v":1,"at":1760000006400,"game":{}}', 1760000006400);
INSERT INTO games VALUES ('r_0000000000000001.1', 'r_0000000000000001', 1, 'holdem', 'running', 1760000001400, NULL, NULL);
INSERT INTO hands VALUES ('r_0000000000000001', 1, 1, 1760000001400, 1760000001600, '[]', '[{"amount":10,"winners":[{"seat_index":4,"amount":10,"hand":null}]}]', '[{"seat_index":4,"amount":10}]', '68078f84f3b4bbdf6d11cbb0c8804931703477db052b80d313432948aaa55f01', '{"number":1,"board":[],"winners":[{"seat_index":4,"amount":10}],"pots":[{"amount":10,"winners":[{"seat_index":4,"amount":10,"hand":null}]}],"button":0,"commitment":"68078f84f3b4bbdf6d11cbb0c8804931703477db052b80d313432948aaa55f01"}');
INSERT INTO hands VALUES ('r_0000000000000001', 1, 2, 1760000004900, NULL, NULL, NULL, NULL, '1aa9002ea2849efb5e0d5c330dcf8d5062666cb1b877864e2d497c500a9082d5', '{"number":2,"button":2,"small_blind":4,"big_blind":0,"seats":[{"seat_index":4,"chips":1005},{"seat_index":0,"chips":1000},{"seat_index":2,"chips":995}],"commitment":"1aa9002ea2849efb5e0d5c330dcf8d5062666cb1b877864e2d497c500a9082d5"}');
INSERT INTO migrations VALUES ('0001_rooms.sql', '2025-10-09 08:53:20+00');
INSERT INTO migrations VALUES ('0002_people.sql', '2025-10-09 08:53:20+00');
INSERT INTO migrations VALUES ('0003_matchmaking.sql', '2025-10-09 08:53:20+00');
INSERT INTO rejoin_tokens VALUES ('\xc1881ecd8a990a56ea5caab5cada06bbe1310706820262928dddc37c09fbb2ff', 'r_0000000000000001', 'ann', 'approved', NULL, 1760000000500, 1760000300500, NULL);
INSERT INTO rejoin_tokens VALUES ('\xdda8c9f89466e1623e81536de495f527414db77759dcd0395aa9415e0feb7dcf', 'r_0000000000000001', 'bob', 'approved', NULL, 1760000000600, 1760000300600, NULL);
INSERT INTO rejoin_tokens VALUES ('\x8555d1f0e2e9c78036bbd19dcdafd20f42362db3a39e33cca5f6977a38f34036', 'r_0000000000000001', 'carl', 'approved', NULL, 1760000000700, 1760000300700, NULL);
INSERT INTO rejoin_tokens VALUES ('\x5a07db96252c16884f81dcefb8cd78809130487feb4f04310f09d14bbc181c5a', 'r_0000000000000001', 'carl', 'spectator', NULL, 1760000000800, 1760000300800, NULL);
INSERT INTO rejoin_tokens VALUES ('\x81e36889cb59d784b1fb6fa837ddef1a57c406c0cb6ed5428ca44020dce6c222', 'r_0000000000000001', 'host', 'player', 0, 1760000000900, 1760000300900, NULL);
INSERT INTO rejoin_tokens VALUES ('\xf379ba1fddf3c70b2d480a4c77b1ad17802867922f63dc2df50f4a3d9cb29a65', 'r_0000000000000001', 'ann', 'player', 2, 1760000001000, 1760000301000, NULL);
INSERT INTO rejoin_tokens VALUES ('\xbbdabbc8468f47bb23c9ab67923b1c7e593ac45b94d20c35e821c861219fe4e6', 'r_0000000000000001', 'bob', 'player', 4, 1760000001100, 1760000301100, NULL);
INSERT INTO room_actors VALUES ('a', 'node', 1, '127.0.0.1:1', 100, 2, '2025-10-09 08:53:20+00', '2025-10-09 08:53:20+00', NULL);
INSERT INTO room_players VALUES ('r_0000000000000001', 'dora', 'Name-dora', 'pending', 1760000000400, false);
INSERT INTO room_players VALUES ('r_0000000000000001', 'carl', 'Name-carl', 'approved', 1760000000800, false);
INSERT INTO room_players VALUES ('r_0000000000000001', 'host', 'Name-host', 'approved', 1760000000900, false);
INSERT INTO room_players VALUES ('r_0000000000000001', 'ann', 'Name-ann', 'approved', 1760000001000, false);
INSERT INTO room_players VALUES ('r_0000000000000001', 'bob', 'Name-bob', 'approved', 1760000001100, false);
INSERT INTO room_players VALUES ('r_0000000000000002', 'host', 'Name-host', 'approved', 1760000000000, false);
INSERT INTO room_seats VALUES ('r_0000000000000001', 0, 'host', 'Name-host', 1000, 1760000000900, 'active', NULL, 'a121923e557e7d0e1dd1b156', 1760000000900, 1760000000900);
INSERT INTO room_seats VALUES ('r_0000000000000001', 2, 'ann', 'Name-ann', 995, 1760000001000, 'active', NULL, '0775e33462887c3c4f306172', 1760000001000, 1760000001000);
INSERT INTO room_seats VALUES ('r_0000000000000001', 4, 'bob', 'Name-bob', 1005, 1760000001100, 'active', NULL, 'a76b605868db9423a831af3e', 1760000001100, 1760000001100);
INSERT INTO room_spectators VALUES ('r_0000000000000001', 'carl', 'Name-carl', 1760000000800, 1760000000800);
INSERT INTO rooms VALUES ('r_0000000000000001', 'C00001', 'The old table', 'holdem', '{"seats":6,"small_blind":5,"big_blind":10,"ante":0,"min_buy_in":400,"max_buy_in":2000,"default_buy_in":null,"turn_seconds":40,"timebank_seconds":30,"timebank_refill_seconds":5,"next_hand_seconds":3,"auto_start":true}', 'playing', 'public', 'host', 'host', 7, 1, 'a', 1760000004600, 'r_0000000000000001.1', 3, 6, 1, 1760000000000, NULL, NULL);
INSERT INTO rooms VALUES ('r_0000000000000002', 'C00002', 'Just us', 'tictactoe', '{"turn_seconds":20,"rematch_seconds":3,"auto_start":true}', 'open', 'private', 'host', 'host', 100, 1, 'a', NULL, NULL, 0, 2, 0, 1760000000000, NULL, NULL);
ALTER TABLE ONLY actions
    ADD CONSTRAINT actions_pkey PRIMARY KEY (room_id, seq);
ALTER TABLE ONLY app_sessions
    ADD CONSTRAINT app_sessions_pkey PRIMARY KEY (sid);
ALTER TABLE ONLY checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (room_id, seq);
ALTER TABLE ONLY connection_tokens
    ADD CONSTRAINT connection_tokens_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY game_states
    ADD CONSTRAINT game_states_pkey PRIMARY KEY (room_id);
ALTER TABLE ONLY games
    ADD CONSTRAINT games_pkey PRIMARY KEY (id);
ALTER TABLE ONLY games
    ADD CONSTRAINT games_room_id_number_key UNIQUE (room_id, number);
ALTER TABLE ONLY hands
    ADD CONSTRAINT hands_pkey PRIMARY KEY (room_id, game, number);
ALTER TABLE ONLY matches
    ADD CONSTRAINT matches_pkey PRIMARY KEY (room_id, user_id);
ALTER TABLE ONLY migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);
ALTER TABLE ONLY rejoin_tokens
    ADD CONSTRAINT rejoin_tokens_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY room_actors
    ADD CONSTRAINT room_actors_pkey PRIMARY KEY (name);
ALTER TABLE ONLY room_players
    ADD CONSTRAINT room_players_pkey PRIMARY KEY (room_id, user_id);
ALTER TABLE ONLY room_seats
    ADD CONSTRAINT room_seats_one_seat_a_user UNIQUE (room_id, user_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY room_seats
    ADD CONSTRAINT room_seats_pkey PRIMARY KEY (room_id, seat_index);
ALTER TABLE ONLY room_spectators
    ADD CONSTRAINT room_spectators_pkey PRIMARY KEY (room_id, user_id);
ALTER TABLE ONLY rooms
    ADD CONSTRAINT rooms_code_unique UNIQUE (code);
ALTER TABLE ONLY rooms
    ADD CONSTRAINT rooms_created_once UNIQUE (host_id, creation_id);
ALTER TABLE ONLY rooms
    ADD CONSTRAINT rooms_pkey PRIMARY KEY (id);
ALTER TABLE ONLY sign_outs
    ADD CONSTRAINT sign_outs_pkey PRIMARY KEY (user_id);
CREATE UNIQUE INDEX actions_command_once ON actions USING btree (room_id, user_id, command_id) WHERE (user_id <> ''::text);
CREATE INDEX app_sessions_expiry ON app_sessions USING btree (expire);
CREATE INDEX app_sessions_user ON app_sessions USING btree (user_id);
CREATE INDEX connection_tokens_expiry ON connection_tokens USING btree (expires_at);
CREATE INDEX matches_expiry ON matches USING btree (expires_at);
CREATE UNIQUE INDEX matches_once ON matches USING btree (user_id, key);
CREATE INDEX rejoin_tokens_holder ON rejoin_tokens USING btree (room_id, user_id);
CREATE INDEX room_players_user ON room_players USING btree (user_id);
CREATE INDEX room_seats_user ON room_seats USING btree (user_id);
CREATE INDEX rooms_actor ON rooms USING btree (actor) WHERE (actor IS NOT NULL);
CREATE INDEX rooms_alarm ON rooms USING btree (alarm_at) WHERE (alarm_at IS NOT NULL);
CREATE INDEX rooms_lobby ON rooms USING btree (created_at DESC, id) WHERE ((visibility = 'public'::text) AND (status <> 'closed'::text));
CREATE INDEX rooms_open_seats ON rooms USING btree (game, ((options)::jsonb)) WHERE ((visibility = 'public'::text) AND (approval = 'auto'::text) AND (status = ANY (ARRAY['open'::text, 'playing'::text])) AND (players < max_players));
CREATE INDEX sign_outs_at ON sign_outs USING btree (at);
ALTER TABLE ONLY connection_tokens
    ADD CONSTRAINT connection_tokens_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;
ALTER TABLE ONLY game_states
    ADD CONSTRAINT game_states_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;
ALTER TABLE ONLY games
    ADD CONSTRAINT games_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;
ALTER TABLE ONLY hands
    ADD CONSTRAINT hands_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;
ALTER TABLE ONLY matches
    ADD CONSTRAINT matches_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;
ALTER TABLE ONLY rejoin_tokens
    ADD CONSTRAINT rejoin_tokens_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;
ALTER TABLE ONLY room_players
    ADD CONSTRAINT room_players_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;
ALTER TABLE ONLY room_seats
    ADD CONSTRAINT room_seats_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;
ALTER TABLE ONLY room_spectators
    ADD CONSTRAINT room_spectators_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id) ON DELETE CASCADE;
