/*
 * mcp-execd-conformance: the core and the HTTP server with the fixture pack instead of the
 * product's tools. It takes the flags of mcp-execd, prints the port it got, and ends on TERM or
 * INT.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "server/http/http.h"
#include "server/mcp/mcp.h"
#include "state/base/log.h"
#include "tests/conformance/pack_conformance.h"

extern char **environ;

static int run(const struct config *c, struct mcp *m, const sigset_t *signals)
{
    const struct exchange_route routes[] = {
        {.path = "/mcp", .handle = mcp_serve, .arg = m},
        {.path = "/mcp/sse", .handle = mcp_serve_sse, .arg = m},
        {.path = "/sse", .handle = mcp_serve_sse, .arg = m},
    };
    const struct http_options o = {
        .config = c,
        .routes = routes,
        .n_routes = ARRAY_LEN(routes),
        .auth = {.is_open = true},
    };
    CLEANUP(free_p) char *error = NULL;
    struct http *http;
    int r = http_new(&o, &http, &error);

    if (r < 0) {
        fprintf(stderr, "%s\n", error ? error : strerror(-r));
        return r;
    }
    r = http_start(http);
    if (r == 0) {
        printf("port %u\n", http_port(http));
        (void)fflush(stdout);
        int signo;
        (void)sigwait(signals, &signo);
        mcp_drain(m);
        http_stop(http);
    }
    http_free(http);
    return r;
}

int main(int argc, char **argv)
{
    struct config *c;
    struct sessions *sessions;
    sigset_t signals;

    enum config_action action = config_load(argc, argv, environ, &c);
    if (action != CONFIG_RUN)
        return action == CONFIG_EXIT_OK ? 0 : 2;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);

    const struct log_options log = {.to_stderr = true, .level = (enum log_level)c->log_level};
    int r = log_open(&log);
    if (r == 0)
        r = sessions_new(c->state_dir, c->replica_id, c->max_sessions, c->session_ttl_ms,
                         &sessions);
    if (r < 0) {
        fprintf(stderr, "mcp-execd-conformance: %s: %s\n", c->state_dir, strerror(-r));
        return 1;
    }
    struct mcp_pack *pack = pack_conformance_new();
    const struct mcp_pack *packs[] = {pack};
    struct mcp *m = mcp_new(&(struct mcp_options){.config = c,
                                                  .sessions = sessions,
                                                  .packs = packs,
                                                  .n_packs = ARRAY_LEN(packs),
                                                  .name = "mcp-execd-conformance",
                                                  .title = "Conformance fixtures",
                                                  .version = MCP_EXECD_VERSION});
    r = run(c, m, &signals);
    mcp_free(m);
    pack_conformance_free(pack);
    sessions_free(sessions);
    log_close();
    config_free(c);
    return r < 0 ? 1 : 0;
}
