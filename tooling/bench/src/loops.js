// What is timed. Each loop is compiled anew for its contestant, so that no allocator runs on code that the
// compiler has fitted to another one.
let copies = 0;

/** A function of `names` that shares no code with any other, whatever its text. */
export const compile = (body, ...names) => new Function(...names, `/* ${copies++} */ ${body}`);

const freeCall = (contestant, address, request) => `free(${address}${contestant.sized ? `, ${request}` : ""})`;

/** One block of a size taken and given back at once; a step is a pair. */
export function pairLoop(contestant, size) {
  const body = `
    let address = 0;
    return (steps) => {
      for (let i = 0; i < steps; i++) {
        address = alloc(request);
        ${freeCall(contestant, "address", "request")};
      }
      return address > 0 ? 0 : steps;
    };`;
  return compile(body, "alloc", "free", "request")(contestant.alloc, contestant.free, contestant.request(size));
}

/** Blocks of one size stacked up and given back from the top; a step is one block. */
export function stackLoop(contestant, size, height) {
  const body = `
    return (steps) => {
      let failures = 0;
      for (let done = 0; done < steps; done += ${height}) {
        for (let k = 0; k < ${height}; k++) held[k] = alloc(request);
        for (let k = ${height} - 1; k >= 0; k--) {
          if (held[k] <= 0) failures++;
          else ${freeCall(contestant, "held[k]", "request")};
        }
      }
      return failures;
    };`;
  const make = compile(body, "alloc", "free", "request", "held");
  return make(contestant.alloc, contestant.free, contestant.request(size), new Int32Array(height));
}

/** One block resized from size to size; a step is one resize. */
export function resizeLoop(contestant, sizes) {
  const body = `
    return (steps) => {
      for (let i = 0; i < steps; i++) address = resize(address, sizes[i & ${sizes.length - 1}]);
      return address === first ? 0 : steps;
    };`;
  const first = contestant.alloc(contestant.request(Math.max(...sizes)));
  return compile(`let address = first; ${body}`, "resize", "sizes", "first")(contestant.resize, Uint32Array.from(sizes), first);
}

/** A churn; a step gives one block back and takes one. */
export function churnLoop(contestant, { slots, slot, size }) {
  const requests = Uint32Array.from(size, contestant.request);
  const body = `
    let at = 0;
    return (steps) => {
      let failures = 0;
      for (let i = 0; i < steps; i++) {
        const s = slot[at];
        const request = requests[at];
        const old = held[s];
        if (old > 0) ${freeCall(contestant, "old", "heldRequest[s]")};
        const address = alloc(request);
        if (address <= 0) failures++;
        held[s] = address;
        heldRequest[s] = request;
        at = at + 1 === ${slot.length} ? 0 : at + 1;
      }
      return failures;
    };`;
  const make = compile(body, "alloc", "free", "slot", "requests", "held", "heldRequest");
  return make(contestant.alloc, contestant.free, slot, requests, new Int32Array(slots), new Uint32Array(slots));
}

/** Single pages taken 64 at a time, by one call where there is one, and given back one by one; a step is one page. */
export function bulkLoop(contestant) {
  const nr = 64;
  const pages = new Int32Array(nr);
  const take = contestant.allocBulk === undefined ? `for (let k = 0; k < ${nr}; k++) pages[k] = alloc(request);` : `pages.fill(-1); allocBulk(${nr}, pages);`;
  const body = `
    return (steps) => {
      let failures = 0;
      for (let done = 0; done < steps; done += ${nr}) {
        ${take}
        for (let k = 0; k < ${nr}; k++) {
          if (pages[k] <= 0) failures++;
          else ${freeCall(contestant, "pages[k]", "request")};
        }
      }
      return failures;
    };`;
  const make = compile(body, "alloc", "free", "allocBulk", "request", "pages");
  return make(contestant.alloc, contestant.free, contestant.allocBulk, contestant.request(0), pages);
}
