/*
 * buddy.c as a native program that runs the same loops as the others and times itself.
 *
 *   native-buddy                         reads commands from stdin, answers one line each
 *   churn SLOTS OPS                      then OPS 32-bit slots and OPS 32-bit orders as raw words; answers "ok"
 *   pair ORDER                           the other loop: one block taken and given back at once; answers "ok"
 *   run N                                N steps of the loop chosen last; answers "NANOSECONDS FAILURES"
 */
#include "buddy.c"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint32_t slots, ops, *which, *orders, *held, *held_order, at, failures, pair_order;
static volatile uint32_t sink;

static void churn(uint32_t steps) {
  while (steps--) {
    uint32_t slot = which[at], order = orders[at];
    if (held[slot] != 0) block_free(held[slot], held_order[slot]);
    uint32_t frame = block_alloc(order);
    if (frame == 0) failures++;
    held[slot] = frame;
    held_order[slot] = order;
    at = at + 1 == ops ? 0 : at + 1;
  }
}

static void pair(uint32_t steps) {
  while (steps--) {
    uint32_t frame = block_alloc(pair_order);
    sink = frame;
    block_free(frame, pair_order);
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void) {
  char line[64];
  int churning = 0;
  uint32_t steps;
  block_init();
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "churn %u %u", &slots, &ops) == 2) {
      which = malloc(ops * sizeof *which);
      orders = malloc(ops * sizeof *orders);
      held = calloc(slots, sizeof *held);
      held_order = calloc(slots, sizeof *held_order);
      if (fread(which, sizeof *which, ops, stdin) != ops || fread(orders, sizeof *orders, ops, stdin) != ops) return 1;
      churning = 1;
      puts("ok");
    } else if (sscanf(line, "pair %u", &pair_order) == 1) {
      churning = 0;
      puts("ok");
    } else if (sscanf(line, "run %u", &steps) == 1) {
      double start = now();
      if (churning) churn(steps);
      else pair(steps);
      printf("%.0f %u\n", now() - start, failures);
    } else {
      return 1;
    }
    fflush(stdout);
  }
  return 0;
}
