/**
 * Map of physical memory, one character a frame, 64 frames a line.
 *
 * ```
 *   x·[][──]######··
 *   | | |   |     two free blocks of one page that are no buddies
 *   | | |   used
 *   | | free blocks of 2 and of 4 pages
 *   | free block of one page
 *   never handed out
 * ```
 */
import type { Pfn, ZoneState } from '@kmem/contracts';
import type { Colors } from './terminal.js';

/** Who holds a frame that is not free. */
export type Holder = 'kernel' | 'user' | 'nobody';

const FRAMES_PER_LINE = 64;
const SIGNS: Readonly<Record<Holder, string>> = { kernel: '#', user: 'u', nobody: 'x' };

/**
 * Draws the frames of a zone as plain characters.
 *
 * @param zone - the zone; its free blocks are drawn as blocks.
 * @param holderOf - who holds a frame that is in no free block.
 * @returns one character a frame of the span.
 */
export function frameSigns(zone: ZoneState, holderOf: (pfn: Pfn) => Holder): string {
  const blocks = new Map(freeBlocks(zone));
  let signs = '';
  while (signs.length < zone.spanned) {
    const pfn = zone.start_pfn + signs.length;
    const order = blocks.get(pfn);
    signs += order === undefined ? SIGNS[holderOf(pfn)] : blockSigns(2 ** order);
  }
  return signs;
}

function freeBlocks(zone: ZoneState): [pfn: Pfn, order: number][] {
  return Object.entries(zone.free).flatMap(([order, lists]) =>
    Object.values(lists).flatMap((pfns) => pfns.map((pfn): [Pfn, number] => [pfn, Number(order)])),
  );
}

function blockSigns(frames: number): string {
  return frames === 1 ? '·' : `[${'─'.repeat(frames - 2)}]`;
}

/**
 * Lays the characters of a map out in lines.
 *
 * @param signs - from {@link frameSigns}.
 * @param colors - colours.
 * @returns the lines.
 */
export function drawFrameMap(signs: string, colors: Colors): string[] {
  const lines = signs.match(new RegExp(`.{1,${FRAMES_PER_LINE}}`, 'g')) ?? [];
  return lines.map((line) =>
    line
      .replace(/#+/g, (run) => colors.red(run))
      .replace(/u+/g, (run) => colors.blue(run))
      .replace(/[·[\]─]+/g, (run) => colors.green(run))
      .replace(/x+/g, (run) => colors.dim(run)),
  );
}
