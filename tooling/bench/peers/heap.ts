// AssemblyScript's own heap, two-level segregated fit, behind the names of malloc.c.
export function block_alloc(bytes: usize): usize {
  return heap.alloc(bytes);
}
export function block_resize(block: usize, bytes: usize): usize {
  return heap.realloc(block, bytes);
}
export function block_free(block: usize): void {
  heap.free(block);
}
