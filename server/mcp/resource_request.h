#pragma once
/* A request about a resource of an execution, by the files that serve it. Home thread. */
#include "server/mcp/exec_request.h"
#include "server/mcp/file_list.h"
#include "server/mcp/file_read.h"
#include "server/mcp/file_walk.h"
#include "server/mcp/resource_uri.h"
#include "state/base/buf.h"

struct resource_request {
    struct exec_request er; /* first */
    struct resource_uri uri;
    char *uri_text;        /* owned; as asked for */
    char *prefix;          /* owned; completion: what values are to begin with */
    struct file_root root; /* owned; files: of the workspace */
    struct file_reader *reader;
    struct file_walk *walk;
    struct file_list list; /* all owned */
    uint64_t size;         /* of the file */
    const char *mime_type; /* constant */
};

struct resource_request *resource_request_new(struct mcp_request *rq, void *pack_arg);
/* What a call of it came back with instead of CALL_OK. */
void resource_refuse_call(struct resource_request *r, const struct call *c);

/* A part of something, and how to read on. */
struct resource_part {
    const struct buf *bytes;
    uint64_t offset, size; /* where it begins, and of the whole */
    uint64_t next;         /* where it goes on; UINT64_MAX: it does not */
    const char *mime_type; /* when it is text, or whole and a type of its own */
};
/* Answers with it, and with a word where the rest is when it is cut short. */
void resource_reply_part(struct resource_request *r, const struct resource_part *part);
/* The first of a result's contents. */
cJSON *resource_contents(const char *uri, const char *mime_type, cJSON **ret_result);
/* At most so many bytes of the range are read for one answer. */
uint64_t resource_most(const struct resource_request *r);

/* resource_file.c: answers, and ends the request. */
void resource_file_read(struct resource_request *r, const struct execution_view *v);
/* The same for completion/complete of a path: uri.id and prefix are set. */
void resource_file_complete(struct resource_request *r, const struct execution_view *v);
