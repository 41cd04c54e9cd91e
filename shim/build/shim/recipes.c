#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <mincore2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE  23
#endif

#define LARGE  ((size_t) 2 << 20)

/* Map the file at a multiple of LARGE; with MAP_SYNC if possible. */
static void *
map_aligned(int fd, size_t size)
{
    void  *at, *area;

    area = mmap(NULL, size + LARGE, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED)
        err(EXIT_FAILURE, "mmap");
    area = (char *) area + (-(uintptr_t) area & (LARGE - 1));

    at = mmap(area, size, PROT_READ | PROT_WRITE,
              MAP_FIXED | MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
    if (at == MAP_FAILED && errno == EOPNOTSUPP)
        at = mmap(area, size, PROT_READ | PROT_WRITE,
                  MAP_FIXED | MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        err(EXIT_FAILURE, "mmap");
    return at;
}

/* Have all pages these bits? Not if in doubt. */
static int
all_have(void *addr, size_t size, unsigned int bits)
{
    ssize_t                stored;
    struct mincore_region  region;

    do {
        stored = mincore2(addr, size, &region, 1,
                          MINCORE_REGIONS | bits);
    } while (stored == -1 && errno == EINTR);
    return stored == 1 && (region.state & bits) == bits &&
           region.end >= (uintptr_t) addr + size;
}

/* The bytes that are mapped by PMD entries, or by larger ones. */
static size_t
large_bytes(void *addr, size_t size)
{
    size_t                 sum = 0;
    uint64_t               at = (uintptr_t) addr, end = at + size;
    ssize_t                stored;
    struct mincore_region  region;

    while (at < end) {
        do {
            stored = mincore2((void *) (uintptr_t) at, end - at,
                              &region, 1,
                              MINCORE_REGIONS | MINCORE_LEVEL);
        } while (stored == -1 && errno == EINTR);
        if (stored != 1)
            err(EXIT_FAILURE, "mincore2");
        if ((region.state & MINCORE_LEVEL) >= MINCORE_PMD)
            sum += region.end - at;
        at = region.end;
    }
    return sum;
}

int
main(int argc, char *argv[])
{
    int          fd;
    void         *addr;
    size_t       size;
    struct stat  st;

    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        exit(EXIT_FAILURE);
    }

    fd = open(argv[1], O_RDWR);
    if (fd == -1 || fstat(fd, &st) == -1)
        err(EXIT_FAILURE, "%s", argv[1]);
    size = st.st_size;

    addr = map_aligned(fd, size);
    if (madvise(addr, size, MADV_POPULATE_WRITE) == -1)
        warn("write faults will be taken later");

    if (!all_have(addr, size, MINCORE_PERSIST))
        puts("durable by: msync");
    else if (all_have(addr, size, MINCORE_PERSIST | MINCORE_WRITABLE))
        puts("durable by: cache write-back, without write faults");
    else
        puts("durable by: cache write-back");

    if (mincore2_supported())
        printf("large entries: %zu of %zu bytes\n",
               large_bytes(addr, size), size);

    exit(EXIT_SUCCESS);
}
