/*
 * The floor of the mirror: the elements of lists that are in Redis, pushed again one by one to a
 * list of the same sizes, pipelined with 256 on their way, by hiredis and nothing else.
 *   floor_redis SOCKET KEY...        prints {"events":…,"bytes":…,"seconds":…,"mb_s":…}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "tests/bench/samples.h"

#define PAGE   1000
#define WINDOW 256

struct elements {
    redisReply **pages; /* owned: each an array */
    size_t n_pages;
};

static redisReply *answer(redisContext *c)
{
    void *reply = NULL;
    if (redisGetReply(c, &reply) != REDIS_OK || ((redisReply *)reply)->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "floor_redis: %s\n", reply ? ((redisReply *)reply)->str : c->errstr);
        exit(1);
    }
    return reply;
}

static void read_list(redisContext *c, const char *key, struct elements *e)
{
    for (unsigned long at = 0;; at += PAGE) {
        redisAppendCommand(c, "LRANGE %s %lu %lu", key, at, at + PAGE - 1);
        redisReply *page = answer(c);
        if (page->elements == 0) {
            freeReplyObject(page);
            return;
        }
        e->pages = realloc(e->pages, (e->n_pages + 1) * sizeof(redisReply *));
        if (!e->pages)
            abort();
        e->pages[e->n_pages++] = page;
    }
}

static void push(redisContext *c, const redisReply *element)
{
    const char *argv[] = {"RPUSH", "floor", element->str};
    const size_t len[] = {5, 5, element->len};
    redisAppendCommandArgv(c, 3, argv, len);
}

int main(int argc, char **argv)
{
    redisContext *c = argc > 2 ? redisConnectUnix(argv[1]) : NULL;
    struct elements e = {0};
    size_t n = 0, bytes = 0, under_way = 0;

    if (!c || c->err) {
        fprintf(stderr, "floor_redis: %s\n", c ? c->errstr : "usage: floor_redis SOCKET KEY...");
        return c ? 1 : 2;
    }
    for (int i = 2; i < argc; i++)
        read_list(c, argv[i], &e);
    uint64_t begin = bench_now_us();
    for (size_t p = 0; p < e.n_pages; p++) {
        for (size_t i = 0; i < e.pages[p]->elements; i++) {
            push(c, e.pages[p]->element[i]);
            bytes += e.pages[p]->element[i]->len;
            n++;
            if (++under_way == WINDOW)
                for (; under_way > WINDOW / 2; under_way--)
                    freeReplyObject(answer(c));
        }
    }
    for (; under_way > 0; under_way--)
        freeReplyObject(answer(c));
    double s = (double)(bench_now_us() - begin) / 1e6;
    redisAppendCommand(c, "DEL floor");
    freeReplyObject(answer(c));
    printf("{\"events\":%zu,\"bytes\":%zu,\"seconds\":%.4f,\"mb_s\":%.1f}\n", n, bytes, s,
           (double)bytes / s / 1e6);
    for (size_t p = 0; p < e.n_pages; p++)
        freeReplyObject(e.pages[p]);
    free(e.pages);
    redisFree(c);
    return 0;
}
