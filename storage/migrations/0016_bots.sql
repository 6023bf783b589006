-- part: indexes
-- The seats of bots: the process that plays for them asks for these once a second.
DROP INDEX CONCURRENTLY IF EXISTS room_seats_bots;
CREATE INDEX CONCURRENTLY room_seats_bots ON room_seats (room_id) WHERE user_id LIKE 'bot:%';
