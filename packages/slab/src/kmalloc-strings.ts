/**
 * What is made of kmalloc and kfree: cleared memory, arrays, memory that grows, copies, strings (slab spec 11).
 *
 * Copies and strings need memory with bytes behind it; without, addresses are handed out and nothing is copied.
 */
import { __GFP_ZERO, KernelBug, NULL, ZERO_SIZE_PTR, type Gfp, type NodeId, type PhysAddr, type PhysicalMemory } from '@kmem/contracts';
import type { KmallocCore } from './kmalloc.js';

/** Bytes looked at or copied at a time: a page never crosses a piece of memory. */
const CHUNK = 4096;

/** The derived calls. */
export interface KmallocStrings {
  /**
   * Takes cleared memory.
   *
   * @param sizeBytes - as for kmalloc.
   * @param gfp - as for kmalloc.
   * @returns as kmalloc.
   * @context as kmalloc.
   * @kernelName kzalloc
   */
  readonly kzalloc: (sizeBytes: number, gfp: Gfp) => PhysAddr;

  /**
   * Takes cleared memory from a node.
   *
   * @param sizeBytes - as for kmalloc.
   * @param gfp - as for kmalloc.
   * @param node - as for kmallocNode.
   * @returns as kmalloc.
   * @context as kmalloc.
   * @kernelName kzalloc_node
   */
  readonly kzallocNode: (sizeBytes: number, gfp: Gfp, node: NodeId) => PhysAddr;

  /**
   * Takes memory for an array.
   *
   * @param count - items.
   * @param sizeBytes - bytes of an item.
   * @param gfp - as for kmalloc.
   * @returns as kmalloc; `NULL` when the product is more than any address can reach.
   * @throws KernelBug `BAD_SIZE` when one of them is not an integer from 0 on.
   * @context as kmalloc.
   * @kernelName kmalloc_array
   */
  readonly kmallocArray: (count: number, sizeBytes: number, gfp: Gfp) => PhysAddr;

  /**
   * Takes cleared memory for an array.
   *
   * @param count - items.
   * @param sizeBytes - bytes of an item.
   * @param gfp - as for kmalloc.
   * @returns as kmallocArray.
   * @context as kmalloc.
   * @kernelName kcalloc
   */
  readonly kcalloc: (count: number, sizeBytes: number, gfp: Gfp) => PhysAddr;

  /**
   * Takes memory for an array from a node.
   *
   * @param count - items.
   * @param sizeBytes - bytes of an item.
   * @param gfp - as for kmalloc.
   * @param node - as for kmallocNode.
   * @returns as kmallocArray.
   * @context as kmalloc.
   * @kernelName kmalloc_array_node
   */
  readonly kmallocArrayNode: (count: number, sizeBytes: number, gfp: Gfp, node: NodeId) => PhysAddr;

  /**
   * Takes cleared memory for an array from a node.
   *
   * @param count - items.
   * @param sizeBytes - bytes of an item.
   * @param gfp - as for kmalloc.
   * @param node - as for kmallocNode.
   * @returns as kmallocArray.
   * @context as kmalloc.
   * @kernelName kcalloc_node
   */
  readonly kcallocNode: (count: number, sizeBytes: number, gfp: Gfp, node: NodeId) => PhysAddr;

  /**
   * Changes the size of memory, in place where it has room.
   *
   * @param addr - what one of the family returned; `NULL` and `ZERO_SIZE_PTR` make it a kmalloc.
   * @param sizeBytes - new size; 0 gives the memory back.
   * @param gfp - as for kmalloc. `__GFP_ZERO` clears what lies behind the new size, and what is new.
   * @returns where the memory is now; `NULL` when there is none: the old one stays.
   * @throws KernelBug as kmalloc and kfree.
   * @context as kmalloc.
   * @kernelName krealloc
   */
  readonly krealloc: (addr: PhysAddr, sizeBytes: number, gfp: Gfp) => PhysAddr;

  /**
   * Changes the number of items of an array.
   *
   * @param addr - as for krealloc.
   * @param count - items.
   * @param sizeBytes - bytes of an item.
   * @param gfp - as for krealloc.
   * @returns as krealloc and kmallocArray.
   * @context as kmalloc.
   * @kernelName krealloc_array
   */
  readonly kreallocArray: (addr: PhysAddr, count: number, sizeBytes: number, gfp: Gfp) => PhysAddr;

  /**
   * Clears all of the memory, and gives it back.
   *
   * @param addr - as for kfree.
   * @throws KernelBug as kfree.
   * @context any but NMI.
   * @kernelName kfree_sensitive
   */
  readonly kfreeSensitive: (addr: PhysAddr) => void;

  /**
   * Copies memory into new memory.
   *
   * @param from - first byte.
   * @param sizeBytes - bytes.
   * @param gfp - as for kmalloc.
   * @returns as kmalloc.
   * @context as kmalloc.
   * @kernelName kmemdup
   */
  readonly kmemdup: (from: PhysAddr, sizeBytes: number, gfp: Gfp) => PhysAddr;

  /**
   * Copies memory into new memory and ends it with a zero byte.
   *
   * @param from - first byte, or `NULL`.
   * @param sizeBytes - bytes without the one that is added.
   * @param gfp - as for kmalloc.
   * @returns as kmalloc; `NULL` for `NULL`.
   * @context as kmalloc.
   * @kernelName kmemdup_nul
   */
  readonly kmemdupNul: (from: PhysAddr, sizeBytes: number, gfp: Gfp) => PhysAddr;

  /**
   * Copies a string.
   *
   * @param from - first byte of a string that ends with a zero byte, or `NULL`.
   * @param gfp - as for kmalloc.
   * @returns as kmalloc; `NULL` for `NULL`.
   * @throws KernelBug `NO_BACKING` when there are no bytes to look for the end in.
   * @context as kmalloc.
   * @kernelName kstrdup
   */
  readonly kstrdup: (from: PhysAddr, gfp: Gfp) => PhysAddr;

  /**
   * Copies the beginning of a string.
   *
   * @param from - first byte, or `NULL`.
   * @param most - bytes at most, without the zero byte.
   * @param gfp - as for kmalloc.
   * @returns as kmalloc; `NULL` for `NULL`.
   * @throws KernelBug `NO_BACKING` as kstrdup.
   * @context as kmalloc.
   * @kernelName kstrndup
   */
  readonly kstrndup: (from: PhysAddr, most: number, gfp: Gfp) => PhysAddr;

  /**
   * Writes a text, in UTF-8 and with a zero byte at its end, into new memory. The text is put together before the call.
   *
   * @param gfp - as for kmalloc.
   * @param text - the text.
   * @returns as kmalloc.
   * @context as kmalloc.
   * @kernelName kasprintf
   */
  readonly kasprintf: (gfp: Gfp, text: string) => PhysAddr;
}

/**
 * Makes the derived calls.
 *
 * @param family - the calls they are made of.
 * @param memory - RAM, or null for addresses alone.
 * @returns the calls.
 * @context any.
 */
export function createKmallocStrings(family: KmallocCore, memory: PhysicalMemory | null): KmallocStrings {
  const { kmalloc, kmallocNode, kfree, ksize } = family;
  const hasBytes = memory !== null && memory.backing !== 'none';

  function kzalloc(sizeBytes: number, gfp: Gfp): PhysAddr {
    return kmalloc(sizeBytes, gfp | __GFP_ZERO);
  }

  function kzallocNode(sizeBytes: number, gfp: Gfp, node: NodeId): PhysAddr {
    return kmallocNode(sizeBytes, gfp | __GFP_ZERO, node);
  }

  function kmallocArrayNode(count: number, sizeBytes: number, gfp: Gfp, node: NodeId): PhysAddr {
    const bytes = arrayBytes(count, sizeBytes);
    return bytes === Infinity ? NULL : kmallocNode(bytes, gfp, node);
  }

  function kcallocNode(count: number, sizeBytes: number, gfp: Gfp, node: NodeId): PhysAddr {
    return kmallocArrayNode(count, sizeBytes, gfp | __GFP_ZERO, node);
  }

  function kmallocArray(count: number, sizeBytes: number, gfp: Gfp): PhysAddr {
    const bytes = arrayBytes(count, sizeBytes);
    return bytes === Infinity ? NULL : kmalloc(bytes, gfp);
  }

  function kcalloc(count: number, sizeBytes: number, gfp: Gfp): PhysAddr {
    return kmallocArray(count, sizeBytes, gfp | __GFP_ZERO);
  }

  function krealloc(addr: PhysAddr, sizeBytes: number, gfp: Gfp): PhysAddr {
    if (sizeBytes === 0) {
      kfree(addr);
      return ZERO_SIZE_PTR;
    }
    const room = ksize(addr);
    if (room >= sizeBytes) {
      if ((gfp & __GFP_ZERO) !== 0) memory?.fill(addr + sizeBytes, room - sizeBytes, 0);
      return addr;
    }
    const to = kmalloc(sizeBytes, gfp);
    if (to === NULL || room === 0) return to;
    copy(addr, to, room);
    kfree(addr);
    return to;
  }

  function kreallocArray(addr: PhysAddr, count: number, sizeBytes: number, gfp: Gfp): PhysAddr {
    const bytes = arrayBytes(count, sizeBytes);
    return bytes === Infinity ? NULL : krealloc(addr, bytes, gfp);
  }

  function kfreeSensitive(addr: PhysAddr): void {
    const room = ksize(addr);
    if (room > 0) memory?.fill(addr, room, 0);
    kfree(addr);
  }

  function kmemdup(from: PhysAddr, sizeBytes: number, gfp: Gfp): PhysAddr {
    const to = kmalloc(sizeBytes, gfp);
    if (to !== NULL) copy(from, to, sizeBytes);
    return to;
  }

  function kmemdupNul(from: PhysAddr, sizeBytes: number, gfp: Gfp): PhysAddr {
    if (from === NULL) return NULL;
    const to = kmalloc(sizeBytes + 1, gfp);
    if (to === NULL) return NULL;
    copy(from, to, sizeBytes);
    memory?.fill(to + sizeBytes, 1, 0);
    return to;
  }

  function kstrdup(from: PhysAddr, gfp: Gfp): PhysAddr {
    return kstrndup(from, Infinity, gfp);
  }

  function kstrndup(from: PhysAddr, most: number, gfp: Gfp): PhysAddr {
    return from === NULL ? NULL : kmemdupNul(from, lengthOf(from, most), gfp);
  }

  function kasprintf(gfp: Gfp, text: string): PhysAddr {
    const bytes = utf8(text);
    const to = kmalloc(bytes.length + 1, gfp);
    if (to === NULL || !hasBytes) return to;
    for (let done = 0; done < bytes.length; done += CHUNK) {
      const part = bytes.subarray(done, done + CHUNK);
      memory.view(to + done, part.length).set(part);
    }
    memory.fill(to + bytes.length, 1, 0);
    return to;
  }

  function copy(from: PhysAddr, to: PhysAddr, sizeBytes: number): void {
    if (!hasBytes) return;
    for (let done = 0; done < sizeBytes; ) {
      // Neither side may leave its page.
      const most = Math.min(CHUNK - ((from + done) % CHUNK), CHUNK - ((to + done) % CHUNK), sizeBytes - done);
      memory.view(to + done, most).set(memory.view(from + done, most));
      done += most;
    }
  }

  /** Bytes before the zero byte, `most` at most. */
  function lengthOf(from: PhysAddr, most: number): number {
    if (!hasBytes) throw new KernelBug('NO_BACKING', `the string at ${String(from)} has no bytes`, { addr: from });
    let length = 0;
    while (length < most) {
      const addr = from + length;
      const part = memory.view(addr, Math.min(CHUNK - (addr % CHUNK), most - length, memory.sizeBytes - addr));
      const end = part.indexOf(0);
      if (end >= 0) return length + end;
      length += part.length;
    }
    return length;
  }

  const ofNodes = { kzallocNode, kmallocArrayNode, kcallocNode };
  return { ...ofNodes, kzalloc, kmallocArray, kcalloc, krealloc, kreallocArray, kfreeSensitive, kmemdup, kmemdupNul, kstrdup, kstrndup, kasprintf };
}

/** Bytes of an array: Infinity when no address reaches so far, NaN, which kmalloc reports, when a factor is wrong. */
function arrayBytes(count: number, sizeBytes: number): number {
  if (!(Number.isInteger(count) && count >= 0 && Number.isInteger(sizeBytes) && sizeBytes >= 0)) return NaN;
  const bytes = count * sizeBytes;
  return bytes <= Number.MAX_SAFE_INTEGER ? bytes : Infinity;
}

/** Encodes a text; half of a pair alone becomes U+FFFD. */
function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of text) {
    let code = char.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
  }
  return Uint8Array.from(bytes);
}
