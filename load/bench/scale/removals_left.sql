-- Rooms that are still to be removed, and the rows of the log for each room that there was.
SELECT count(*) FILTER (WHERE finished_at IS NULL) AS rooms, avg(rows_before)::float8 AS rows FROM removals
