// `pnpm bench`: builds the peers, runs every case in a process of its own and prints the ratios.
//
//   node src/main.js [--json FILE] [CASE...]
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cases } from "./cases.js";
import { LARGEST_SPREAD, quantile, ROUNDS } from "./measure.js";
import { objectContestants } from "./object-contestants.js";
import { buildPeers, compilerVersions } from "./peers.js";

const BOOT = "boot-64g";
const BOOTS = 5;
const bootTargets = { bootMs: 2000, peakMib: 500 };
const FOOTPRINT = "object-footprint";
const footprintTargets = { "@kmem/slab kmalloc": 0.69, "@kmem/heap fine": 0.86 };
const GROWTH = "vmalloc-growth";

const known = [...Object.keys(cases), FOOTPRINT, GROWTH, BOOT];

function options() {
  const { values, positionals } = parseArgs({ options: { json: { type: "string" } }, allowPositionals: true });
  for (const name of positionals) {
    if (!known.includes(name)) throw new Error(`no case ${name}; expected ${known.join(", ")}`);
  }
  return { json: values.json, names: positionals.length > 0 ? positionals : known };
}

const child = (script, ...args) =>
  execFileSync(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args], { encoding: "utf8", maxBuffer: 2 ** 26 });

const number = (x) => (x >= 1000 ? x.toFixed(0) : x.toPrecision(3));
const percent = (share) => `${(share * 100).toFixed(0)} %`;

function printCase({ name, title, ours, limit, limitSpread, ratios, nsPerStep, figures, notRun }) {
  console.log(`\n${name}: ${title}`);
  console.log(`  ${ROUNDS} rounds; the limit, ${limit}, spreads over ${percent(limitSpread)}`);
  for (const { other, median, p10, p90, target, verdict } of ratios) {
    const line = [`ours / ${other}`.padEnd(34), `${number(median)} x`.padStart(10), `(${number(p10)} to ${number(p90)})`.padEnd(20)];
    line.push(`${number(nsPerStep[ours])} ns / ${number(nsPerStep[other])} ns`.padEnd(22));
    if (target !== undefined) line.push(`target <= ${target}: ${verdict}`);
    console.log(`  ${line.join(" ").trimEnd()}`);
  }
  printNotRun(notRun);
  for (const [other, { failures }] of Object.entries(figures)) {
    if (failures > 0) console.log(`  ${other}: ${failures} requests failed; its figure says nothing`);
  }
}

function boot() {
  const runs = Array.from({ length: BOOTS }, () => JSON.parse(child("boot.js")));
  const worst = Object.fromEntries(Object.keys(bootTargets).map((key) => [key, Math.max(...runs.map((run) => run[key]))]));
  return { name: BOOT, targets: bootTargets, worst, runs };
}

function printBoot({ worst, runs }) {
  const says = (key) => (worst[key] <= bootTargets[key] ? "met" : "missed");
  const times = runs.map((run) => run.bootMs);
  console.log(`\n${BOOT}: two nodes, 64 GiB, sparse memory, ${runs[0].managedPages} pages; the worst of ${BOOTS} processes`);
  console.log(`  boot ${number(worst.bootMs)} ms (median ${number(quantile(times, 0.5))})   target <= ${bootTargets.bootMs} ms: ${says("bootMs")}`);
  console.log(
    `  peak memory ${number(worst.peakMib)} MiB, of which Node before the boot ${number(runs[0].nodeMib)}   target <= ${bootTargets.peakMib} MiB: ${says("peakMib")}`,
  );
}

function footprint(missing) {
  const shares = {};
  const notRun = {};
  for (const [name, { make, needs, slow }] of Object.entries(objectContestants)) {
    const reason = slow ?? missing[needs];
    if (reason !== undefined) notRun[name] = reason;
    else if (make(64).oneSize !== true) shares[name] = JSON.parse(child("footprint.js", name));
  }
  return { name: FOOTPRINT, targets: footprintTargets, shares, notRun };
}

function printFootprint({ name, targets, shares, notRun }) {
  console.log(`\n${name}: the churn of objects, most bytes asked for at a time over bytes of the 4 KiB pages they ever lay in`);
  for (const [other, { share }] of Object.entries(shares)) {
    const target = targets[other];
    const says = target === undefined ? "" : `   target >= ${target}: ${share >= target ? "met" : "missed"}`;
    console.log(`  ${other.padEnd(34)} ${share.toFixed(3)}${says}`);
  }
  printNotRun(notRun);
}

function growth() {
  return { name: GROWTH, ...JSON.parse(child("vmalloc-growth.js")) };
}

function printGrowth({ name, rows }) {
  const [first] = rows;
  console.log(`\n${name}: one range of addresses freed and one taken, by how many there are; growth is against ${first.live} of them`);
  console.log("  ranges       tree   growth   log2    two searches   growth   tree / searches   sorted list   list / tree");
  for (const { live, tree, list, limit } of rows) {
    const growths = [tree / first.tree, Math.log2(live) / Math.log2(first.live), limit / first.limit].map((x) => x.toFixed(2));
    const cells = [[live, 9], [`${number(tree)} ns`, 10], [growths[0], 8], [growths[1], 6], [`${number(limit)} ns`, 15], [growths[2], 8], [`${number(tree / limit)} x`, 17]];
    if (list !== null) cells.push([`${number(list)} ns`, 13], [`${number(list / tree)} x`, 13]);
    console.log(`  ${cells.map(([cell, width]) => String(cell).padStart(width - 2)).join("  ")}`);
  }
}

function printNotRun(notRun) {
  for (const [other, reason] of Object.entries(notRun)) console.log(`  ${other.padEnd(34)} not run (${reason})`);
}

/** Cases that are not timed in turn: what runs them, what prints them. */
const special = { [FOOTPRINT]: [footprint, printFootprint], [GROWTH]: [growth, printGrowth], [BOOT]: [boot, printBoot] };

try {
  const { json, names } = options();
  const missing = buildPeers();
  const machine = { node: process.version, cpu: `${cpus().length} x ${cpus()[0].model}`, load: loadavg()[0], compilers: compilerVersions() };
  console.log(`Node ${machine.node}, ${machine.cpu}, load ${machine.load.toFixed(1)}; ${machine.compilers.join("; ") || "no compilers"}`);
  console.log(`Ratios are our time over the other's: median of ${ROUNDS} interleaved rounds (middle 80 %). Above ${percent(LARGEST_SPREAD)} spread of the limit nothing is concluded.`);
  child("check.js", JSON.stringify(missing));
  const results = [];
  for (const name of names) {
    process.stderr.write(`${name} ...\n`);
    const [run, print] = special[name] ?? [() => JSON.parse(child("run-case.js", name, JSON.stringify(missing))), printCase];
    const result = run(missing);
    print(result);
    results.push(result);
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ machine, results }, null, 1)}\n`);
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 2;
}
