/** Giving a range back to a tree whose ranges merge when they touch (vmalloc spec 3.6). */
import { END, releaseNode, type RangeNodes } from './range-nodes.js';
import type { RangeTree } from './range-tree.js';

/**
 * Adds a range to a tree and merges it with its neighbours.
 *
 * @remarks
 * The neighbour above takes it in first; the neighbour below then takes in whatever there is, so that of three the lowest stays. Which
 * nodes stay where decides the tree's shape.
 *
 * @param nodes - the nodes.
 * @param tree - the tree; no range of it overlaps the new one.
 * @param node - a node that is in no tree. It is released when a neighbour takes it in.
 */
export function giveBack(nodes: RangeNodes, tree: RangeTree, node: number): void {
  const { words } = nodes;
  const first = words[node];
  const below = tree.floor(first);
  const above = below === 0 ? tree.first() : tree.next(below);
  let merged = node;
  if (above !== 0 && words[above] === words[node + END]) {
    words[above] = first;
    tree.resized(above);
    releaseNode(nodes, node);
    merged = above;
  }
  if (below !== 0 && words[below + END] === first) {
    if (merged === above) tree.erase(above);
    words[below + END] = words[merged + END];
    tree.resized(below);
    releaseNode(nodes, merged);
  } else if (merged === node) {
    tree.insert(node);
  }
}
