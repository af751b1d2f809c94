#pragma once
/*
 * Replicas that died, and what they ran. Every replica beats into one sorted set (by Redis' clock)
 * and looks there for others that have not for redis.heartbeat_ttl. What one ran that stays so for
 * redis.grace, while we look on, is declared lost, by whoever comes first:
 *
 *   its heartbeat is still missing, and the record is still the text that was read  ─► new text
 *
 * is one script, so it happens once. In Redis a final status never changes (mirror.h): a replica
 * that was only paused, or cut off, is told so when it comes back, and ends the execution as lost
 * (service_fenced()). What is in our own name in Redis and not in our state directory, is lost as
 * well: the directory was replaced. Reactor thread only.
 */
struct peers;
struct lost;

struct lost *lost_new(struct peers *p);
struct lost *lost_free(struct lost *l); /* Redis has been freed before */
void lost_up(struct lost *l);           /* Redis can be asked (again) */
void lost_tick(struct lost *l);         /* once a second */
