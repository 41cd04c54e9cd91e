build/shim/src/state.o: src/state.c src/internal.h include/mincore2.h \
 build/shim/include/mincore2/linux-mincore.h
src/internal.h:
include/mincore2.h:
build/shim/include/mincore2/linux-mincore.h:
