#include "server/mcp/confirm.h"

#include <stdio.h>
#include <string.h>

#include <sys/random.h>

#include "server/mcp/confirm_rules.h"
#include "server/mcp/jsonrpc.h"
#include "server/mcp/request_hash.h"
#include "state/base/buf.h"
#include "state/base/log.h"
#include "state/base/utf8.h"

#define KEY           "confirm" /* of the question, and of its one field */
#define SHOWN_MAX     2000      /* bytes of a command that a question shows */
#define NONCE_BYTES   16
#define NONCE_HEX     (2 * NONCE_BYTES)
#define PAYLOAD_CHARS (NONCE_HEX + 1 + SHA256_HEX) /* "<nonce>.<hash of the arguments>" */

enum answer { ANSWER_NONE, ANSWER_YES, ANSWER_NO };

void confirm_deinit(struct confirm *c)
{
    free(c->rule);
    c->rule = NULL;
}

static void note(const struct confirm *c, const char *what)
{
    LOG_INFO("confirmation", LOG_STR("answer", what), LOG_STR("rule", c->rule),
             LOG_STR("principal", c->spec->principal));
}

/* ---- the question ---- */

static char *question(const struct confirm *c)
{
    size_t len = strlen(c->spec->command), shown = utf8_cut(c->spec->command, len, SHOWN_MAX);
    struct buf b = {0};

    buf_printf(&b, "The operator wants this confirmed before it runs (%s):\n\n%.*s%s\n\nin %s",
               c->rule, (int)shown, c->spec->command, shown < len ? " …" : "", c->spec->cwd);
    return buf_steal(&b);
}

static cJSON *elicitation(const struct confirm *c, bool has_mode)
{
    CLEANUP(free_p) char *message = question(c);
    cJSON *params = cJSON_CreateObject();

    if (has_mode)
        cJSON_AddStringToObject(params, "mode", "form");
    cJSON_AddStringToObject(params, "message", message);
    cJSON *schema = cJSON_AddObjectToObject(params, "requestedSchema");
    cJSON_AddStringToObject(schema, "type", "object");
    cJSON *field = cJSON_AddObjectToObject(cJSON_AddObjectToObject(schema, "properties"), KEY);
    cJSON_AddStringToObject(field, "type", "boolean");
    cJSON_AddStringToObject(field, "title", "Run it");
    cJSON *required = cJSON_AddArrayToObject(schema, "required");
    cJSON_AddItemToArray(required, cJSON_CreateString(KEY));
    return params;
}

/* An ElicitResult. What is none of its forms is no answer. */
static enum answer read_answer(const cJSON *result)
{
    const char *action = NULL;
    bool is_yes = false;

    if (!json_get_str(result, "action", &action))
        return ANSWER_NONE;
    if (strcmp(action, "decline") == 0 || strcmp(action, "cancel") == 0)
        return ANSWER_NO;
    if (strcmp(action, "accept") != 0 || !json_get_bool(json_get(result, "content"), KEY, &is_yes))
        return ANSWER_NONE;
    return is_yes ? ANSWER_YES : ANSWER_NO;
}

/* ---- refusals ---- */

static void refuse_no(const struct confirm *c)
{
    note(c, "no");
    mcp_reply_tool_error(c->rq,
                         "The user did not confirm this command, which the operator's %s wants "
                         "confirmed: nothing was started. Ask the user what to do instead",
                         c->rule);
}

static char *cannot_ask(const struct confirm *c)
{
    struct buf b = {0};

    buf_printf(&b,
               "The operator's %s wants this command confirmed, and this client can't be asked (it "
               "declares no capability \"elicitation\"): nothing was started. Use a client that "
               "can, another command, or have the operator change that rule",
               c->rule);
    return buf_steal(&b);
}

/* ---- 2026-07-28 ---- */

static void make_payload(const struct confirm *c, const char nonce[NONCE_HEX + 1],
                         char ret[PAYLOAD_CHARS + 1])
{
    char hash[SHA256_HEX + 1];

    request_hash(c->arguments, NULL, hash);
    (void)snprintf(ret, PAYLOAD_CHARS + 1, "%s.%s", nonce, hash);
}

/* nonce: "" for a new one. */
static void ask_by_result(const struct confirm *c, const char *nonce)
{
    char payload[PAYLOAD_CHARS + 1], fresh[NONCE_HEX + 1];
    unsigned char random[NONCE_BYTES];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        abort(); /* getrandom(2): so few bytes are never cut short */
    for (int i = 0; i < NONCE_BYTES; i++)
        (void)snprintf(fresh + 2 * (size_t)i, 3, "%02x", random[i]);
    make_payload(c, *nonce ? nonce : fresh, payload);
    CLEANUP(free_p) char *state = mcp_state_sign(c->rq, payload);
    cJSON *requests = cJSON_CreateObject();
    cJSON *ask = cJSON_AddObjectToObject(requests, KEY);
    cJSON_AddStringToObject(ask, "method", "elicitation/create");
    cJSON_AddItemToObject(ask, "params", elicitation(c, true));
    note(c, "asked");
    mcp_reply_input_required(c->rq, requests, state);
}

/* The nonce of a state that we signed for just this call. */
static bool read_nonce(const struct confirm *c, char ret[NONCE_HEX + 1])
{
    CLEANUP(free_p) char *got = mcp_state_verify(c->rq);
    char wanted[PAYLOAD_CHARS + 1];

    if (!got || strlen(got) != PAYLOAD_CHARS)
        return false;
    memcpy(ret, got, NONCE_HEX);
    ret[NONCE_HEX] = '\0';
    make_payload(c, ret, wanted);
    return strcmp(got, wanted) == 0;
}

/* A confirmation that is sent again starts nothing again. */
static void start_once(struct confirm *c, const char *nonce)
{
    struct buf key = {0};

    note(c, "yes");
    if (c->spec->idempotency_key)
        return;
    buf_printf(&key, KEY ":%s", nonce);
    c->spec->idempotency_key = buf_steal(&key);
    c->spec->request_hash = xcalloc(1, SHA256_HEX + 1);
    request_hash(c->arguments, NULL, c->spec->request_hash);
}

static enum confirm_verdict ask_modern(struct confirm *c)
{
    char nonce[NONCE_HEX + 1] = "";

    if (!mcp_request_client_has(c->rq, "elicitation")) {
        CLEANUP(free_p) char *text = cannot_ask(c);
        cJSON *data = cJSON_CreateObject();
        cJSON_AddObjectToObject(cJSON_AddObjectToObject(data, "requiredCapabilities"),
                                "elicitation");
        mcp_reply_error(c->rq, JSONRPC_MISSING_CAPABILITY, text, data);
        return CONFIRM_ANSWERED;
    }
    if (mcp_request_state(c->rq) && !read_nonce(c, nonce)) {
        mcp_reply_error(c->rq, JSONRPC_INVALID_PARAMS,
                        "requestState is none of ours, has expired, or belongs to another call: "
                        "call again without it",
                        NULL);
        return CONFIRM_ANSWERED;
    }
    switch (*nonce ? read_answer(mcp_input_response(c->rq, KEY)) : ANSWER_NONE) {
    case ANSWER_YES:
        start_once(c, nonce);
        return CONFIRM_GO;
    case ANSWER_NO:
        refuse_no(c);
        return CONFIRM_ANSWERED;
    case ANSWER_NONE:
        break;
    }
    ask_by_result(c, nonce);
    return CONFIRM_ANSWERED;
}

/* ---- before ---- */

static void on_result(struct mcp_request *rq, const cJSON *result, void *arg)
{
    struct confirm *c = arg;
    enum answer answer = result ? read_answer(result) : ANSWER_NONE;

    if (answer == ANSWER_YES)
        note(c, "yes");
    else if (answer == ANSWER_NO)
        refuse_no(c);
    else
        mcp_reply_tool_error(rq,
                             "Nobody confirmed this command, which the operator's %s wants "
                             "confirmed: the client gave no answer that says yes or no. Nothing "
                             "was started",
                             c->rule);
    c->on_answer(c->arg, answer == ANSWER_YES);
}

static enum confirm_verdict ask_legacy(struct confirm *c)
{
    if (mcp_ask(c->rq, "elicitation/create", elicitation(c, false), on_result, c)) {
        note(c, "asked");
        return CONFIRM_WAIT;
    }
    CLEANUP(free_p) char *text = cannot_ask(c);
    mcp_reply_tool_error(c->rq, "%s", text);
    return CONFIRM_ANSWERED;
}

enum confirm_verdict confirm_ask(struct confirm *c)
{
    c->rule = confirm_rule_find(c->config, c->spec);
    if (!c->rule)
        return CONFIRM_GO;
    return mcp_request_is_modern(c->rq) ? ask_modern(c) : ask_legacy(c);
}
