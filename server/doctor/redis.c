#include <inttypes.h>
#include <string.h>

#include "server/doctor/report.h"
#include "state/redis_probe.h"

#define MEND_POLICY "redis-cli CONFIG SET maxmemory-policy noeviction (and in redis.conf)"
#define SKEW_MAX_MS 2000

/* The same rule as at the start of the server: what evicts keys without a TTL first … or any. */
static bool is_safe(const char *policy)
{
    return strcmp(policy, "noeviction") == 0 || strncmp(policy, "volatile-", 9) == 0;
}

void doctor_check_redis(struct doctor *d)
{
    struct redis_facts f;

    if (!d->config->redis_url)
        return doctor_ok(d, "Redis", "none is configured: this server is alone");
    redis_probe(d->config, &f);
    if (!f.is_reached)
        return doctor_fail(d, "Redis", "check redis.url, and that it runs: redis-cli -u … ping",
                           "it can't be reached: %s", f.error);
    doctor_ok(d, "Redis", "is reached, version %s", *f.version ? f.version : "unknown");
    if (!*f.policy)
        doctor_warn(d, "Redis memory", "let this user run INFO, or look yourself",
                    "its maxmemory-policy can't be read");
    else if (is_safe(f.policy))
        doctor_ok(d, "Redis memory", "maxmemory-policy is %s", f.policy);
    else
        doctor_warn(d, "Redis memory", MEND_POLICY,
                    "maxmemory-policy is %s: it may throw away what executions still need",
                    f.policy);
    if (f.has_time && (f.skew_ms > SKEW_MAX_MS || f.skew_ms < -SKEW_MAX_MS))
        doctor_warn(d, "Redis clock", "timedatectl set-ntp true, on both machines",
                    "it differs from ours by %" PRId64 " ms", f.skew_ms);
}
