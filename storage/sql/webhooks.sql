-- Where the feed is sent to.

-- name: add_webhook
INSERT INTO webhooks (name, url, game, whole, secret, place, most_tries)
SELECT :name, :url, :game, :whole, :secret, :place, :most_tries WHERE (SELECT count(*) FROM webhooks) < :most::integer
RETURNING name

-- name: webhooks
SELECT name, url, game, whole, most_tries, tries, failed, created_at, delivered_at,
       (SELECT count(*) FROM dead_letters d WHERE d.webhook = w.name) AS dead
FROM webhooks w ORDER BY name

-- name: remove_webhook
DELETE FROM webhooks WHERE name = :name RETURNING name

-- name: webhooks_due
-- Those to which something may be sent at :now, and the first dead letter that is to be tried again.
SELECT w.name, w.url, w.game, w.whole, w.secret, w.place, w.most_tries, w.tries, d.number, d.place AS dead_place,
       d.updates
FROM webhooks w
LEFT JOIN LATERAL (
    SELECT number, place, updates FROM dead_letters WHERE webhook = w.name AND again ORDER BY number LIMIT 1
) d ON true
WHERE w.next_at <= :now OR d.number IS NOT NULL ORDER BY w.name

-- name: webhook_secret
UPDATE webhooks SET secret = :secret WHERE name = :name

-- name: webhook_delivered
UPDATE webhooks SET place = :place, delivered_at = coalesce(:at, delivered_at), tries = 0, next_at = 0, failed = NULL
WHERE name = :name RETURNING name

-- name: webhook_failed
UPDATE webhooks SET place = :place, tries = :tries, next_at = :next_at, failed = :failed
WHERE name = :name RETURNING name

-- name: webhook_gives_up
-- The batch that begins at :place is dead, and delivery goes on from :next.
WITH hook AS (
    UPDATE webhooks SET place = :next, tries = 0, next_at = 0, failed = :failed WHERE name = :name RETURNING name
)
INSERT INTO dead_letters (webhook, at, place, updates, failed)
SELECT name, :at, :place, :updates, :failed FROM hook
RETURNING number

-- name: dead_letters
SELECT number, at, updates, failed, again FROM dead_letters WHERE webhook = :name ORDER BY number LIMIT :most

-- name: retry_dead_letters
-- All of a webhook's, or the one of that number.
UPDATE dead_letters SET again = true
WHERE webhook = :name AND (:number::bigint IS NULL OR number = :number) RETURNING number

-- name: dead_letter_delivered
DELETE FROM dead_letters WHERE number = :number

-- name: dead_letter_failed
UPDATE dead_letters SET again = false, failed = :failed WHERE number = :number
