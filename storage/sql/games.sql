-- The games of the deployment, as the processes that load them say.

-- name: say_games
-- The games that :said_by has loaded. The lists of those of whom nothing was heard for an hour are forgotten.
WITH forgotten AS (
    DELETE FROM game_lists WHERE seen_at < now() - interval '1 hour' AND said_by <> :said_by
)
INSERT INTO game_lists (said_by, games, taken, fault) VALUES (:said_by, :games::json, :taken::integer, :fault)
ON CONFLICT (said_by) DO UPDATE
SET games = excluded.games, taken = excluded.taken, fault = excluded.fault, said_at = now(), seen_at = now()

-- name: games_still_so
-- They are as :said_by said. No row: that was forgotten.
UPDATE game_lists SET seen_at = now() WHERE said_by = :said_by RETURNING said_by

-- name: games_said
-- Whether anybody ever said which games there are.
SELECT FROM game_lists LIMIT 1

-- name: game_lists
-- The lists of those who live, or, where none does, of the one of whom something was heard last; the newest last.
SELECT games, taken, fault FROM game_lists
WHERE seen_at > now() - interval '10 seconds'
   OR said_by = (SELECT said_by FROM game_lists ORDER BY seen_at DESC, said_by LIMIT 1)
ORDER BY said_at, said_by

-- name: no_games_said
-- :said_by ends in order: where another lives, its list goes with it.
DELETE FROM game_lists WHERE said_by = :said_by
AND EXISTS (SELECT FROM game_lists WHERE said_by <> :said_by AND seen_at > now() - interval '10 seconds')
