#include "exec/keeper/reserve.h"

#include <fcntl.h>

#include <sys/stat.h>

#include "state/base/buf.h"
#include "state/base/fd.h"

static int open_reserve(const char *state_dir)
{
    struct buf path = {0};

    buf_printf(&path, "%s/keeper.reserve", state_dir);
    int fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    buf_deinit(&path);
    return fd;
}

bool reserve_take(const char *state_dir)
{
    CLEANUP(fd_closep) int fd = open_reserve(state_dir);

    if (fd < 0)
        return false;
    /* fallocate(2) itself: where a file system can't, zeros written by the library are no promise.
     */
    if (fallocate(fd, 0, 0, RESERVE_BYTES) == 0)
        return true;
    DISREGARD(ftruncate(fd, 0)); /* half of it would be missing to others and no use to us */
    return false;
}

bool reserve_give_up(const char *state_dir)
{
    CLEANUP(fd_closep) int fd = open_reserve(state_dir);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && ftruncate(fd, 0) == 0;
}
