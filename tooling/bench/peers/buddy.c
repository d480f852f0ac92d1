/*
 * A plain buddy allocator: 65536 frames, blocks of 1 to 1024, merged at once. No zones, no migrate types, no
 * per-CPU lists, no reference counts, no checks: what is left when everything that makes a kernel's page
 * allocator is taken out. Compiled to wasm and, through native-buddy.c, to native code.
 *
 *   next, prev   frames 0 .. 65535, then one list head for each order; every list is a ring through its head
 *   state        0, or order + 1 for the first frame of a free block
 */
#include <stdint.h>

#define EXPORT __attribute__((used, visibility("default")))
#define FRAMES 65536u
#define TOP 10u

static uint32_t next[FRAMES + TOP + 1], prev[FRAMES + TOP + 1];
static uint8_t state[FRAMES];

static void insert(uint32_t frame, uint32_t order) {
  uint32_t head = FRAMES + order, first = next[head];
  next[frame] = first;
  prev[frame] = head;
  prev[first] = frame;
  next[head] = frame;
  state[frame] = (uint8_t)(order + 1);
}

static void take_out(uint32_t frame) {
  next[prev[frame]] = next[frame];
  prev[next[frame]] = prev[frame];
  state[frame] = 0;
}

/* Merges as far as the buddies are free. */
EXPORT void block_free(uint32_t frame, uint32_t order) {
  while (order < TOP) {
    uint32_t buddy = frame ^ (1u << order);
    if (state[buddy] != order + 1) break;
    take_out(buddy);
    if (buddy < frame) frame = buddy;
    order++;
  }
  insert(frame, order);
}

/* First frame, or 0: frame 0 is never handed out. */
EXPORT uint32_t block_alloc(uint32_t order) {
  uint32_t from = order;
  while (from <= TOP && next[FRAMES + from] == FRAMES + from) from++;
  if (from > TOP) return 0;
  uint32_t frame = next[FRAMES + from];
  take_out(frame);
  while (from > order) {
    from--;
    insert(frame + (1u << from), from);
  }
  return frame;
}

EXPORT void block_init(void) {
  for (uint32_t order = 0; order <= TOP; order++) next[FRAMES + order] = prev[FRAMES + order] = FRAMES + order;
  for (uint32_t frame = 0; frame < FRAMES; frame++) state[frame] = 0;
  for (uint32_t frame = 1u << TOP; frame < FRAMES; frame += 1u << TOP) insert(frame, TOP);
  for (uint32_t order = 0; order < TOP; order++) insert(1u << order, order);
}
