/*
 * The main() of a fuzz target that is built without libFuzzer: feeds it each file of its corpus
 * once, as TAP. tests/fuzz/fuzz_<name> reads tests/fuzz/corpus/<name>/; with arguments it reads
 * these files instead, to look at one input. A target that finds something aborts.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "state/base/buf.h"
#include "state/base/fd.h"

#define INPUT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A target may have one. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static bool replay(unsigned n, const char *path)
{
    CLEANUP(free_p) char *text = NULL;
    size_t len;

    int r = file_read(path, INPUT_MAX, &text, &len);
    if (r < 0) {
        printf("not ok %u - %s: %s\n", n, path, strerror(-r));
        return false;
    }
    /* Exactly as large as the input, so that a sanitizer sees a step beyond it. */
    CLEANUP(free_p) uint8_t *data = xcalloc(1, len ? len : 1);
    memcpy(data, text, len);
    const char *slash = strrchr(path, '/');
    (void)LLVMFuzzerTestOneInput(data, len);
    printf("ok %u - %s\n", n, slash ? slash + 1 : path);
    (void)fflush(stdout);
    return true;
}

static int is_input(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static bool replay_corpus(const char *program)
{
    CLEANUP(buf_deinit) struct buf dir = {0};
    const char *top = getenv("top_srcdir"), *name = strstr(program, "fuzz_");
    struct dirent **files;
    bool ok = true;

    for (const char *next; name && (next = strstr(name + 1, "fuzz_"));)
        name = next;
    buf_printf(&dir, "%s/tests/fuzz/corpus/%s", top ? top : ".",
               name ? name + strlen("fuzz_") : program);
    int n = scandir(dir.data, &files, is_input, alphasort);
    if (n <= 0) {
        printf("1..1\nnot ok 1 - no corpus in %s\n", dir.data);
        return false;
    }
    printf("1..%d\n", n);
    for (int i = 0; i < n; i++) {
        CLEANUP(buf_deinit) struct buf path = {0};
        buf_printf(&path, "%s/%s", dir.data, files[i]->d_name);
        ok = replay((unsigned)i + 1, path.data) && ok;
        free(files[i]);
    }
    free(files);
    return ok;
}

int main(int argc, char **argv)
{
    bool ok = true;

    if (LLVMFuzzerInitialize)
        (void)LLVMFuzzerInitialize(&argc, &argv);
    if (argc < 2)
        return replay_corpus(argv[0]) ? 0 : 1;
    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++)
        ok = replay((unsigned)i, argv[i]) && ok;
    return ok ? 0 : 1;
}
