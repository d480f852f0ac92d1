/* Exports of whatever malloc the module was linked with; mimalloc's under its own names. */
#include <stdlib.h>

#ifdef MIMALLOC
#include <mimalloc.h>
#define malloc mi_malloc
#define realloc mi_realloc
#define free mi_free
#endif

#define EXPORT __attribute__((used, visibility("default")))

EXPORT void *block_alloc(size_t bytes) { return malloc(bytes); }
EXPORT void *block_resize(void *block, size_t bytes) { return realloc(block, bytes); }
EXPORT void block_free(void *block) { free(block); }
