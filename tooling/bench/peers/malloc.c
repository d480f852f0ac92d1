/* Exports of whatever malloc the module was linked with. */
#include <stdlib.h>

#define EXPORT __attribute__((used, visibility("default")))

EXPORT void *block_alloc(size_t bytes) { return malloc(bytes); }
EXPORT void block_free(void *block) { free(block); }
