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

int
main(int argc, char *argv[])
{
    int                    fd;
    char                   *addr, *at, *end;
    size_t                 size;
    ssize_t                stored;
    struct stat            st;
    struct mincore_region  region;

    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        exit(EXIT_FAILURE);
    }

    fd = open(argv[1], O_RDWR);
    if (fd == -1 || fstat(fd, &st) == -1)
        err(EXIT_FAILURE, "%s", argv[1]);
    size = st.st_size;

    addr = mmap(NULL, size, PROT_READ | PROT_WRITE,
                MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
    if (addr == MAP_FAILED && errno == EOPNOTSUPP)
        addr = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_SHARED, fd, 0);
    if (addr == MAP_FAILED)
        err(EXIT_FAILURE, "mmap");
    end = addr + size;

    for (at = addr; at < end; at = (char *) (uintptr_t) region.end) {
        do {
            stored = mincore2(at, end - at, &region, 1,
                              MINCORE_REGIONS | MINCORE_PERSIST);
        } while (stored == -1 && errno == EINTR);
        if (stored == -1)
            err(EXIT_FAILURE, "mincore2");

        printf("0x%llx to 0x%llx: %s\n",
               region.start - (uintptr_t) addr,
               region.end - (uintptr_t) addr,
               region.state & MINCORE_PERSIST ?
               "persistence-safe" : "not persistence-safe: msync");
    }

    exit(EXIT_SUCCESS);
}
