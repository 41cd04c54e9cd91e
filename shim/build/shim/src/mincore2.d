build/shim/src/mincore2.o: src/mincore2.c src/internal.h \
 include/mincore2.h build/shim/include/mincore2/linux-mincore.h \
 src/number.h
src/internal.h:
include/mincore2.h:
build/shim/include/mincore2/linux-mincore.h:
src/number.h:
