#include "pf.h"
int random_crash(const char *list) { (void)list; return 0; }
