/**
 * Recordings of scripted scenarios: what a driver was told to do on a real kernel, and what then happened.
 *
 * ```
 * {"sc":NAME,"ev":"begin", ...,"a":{"jiffies0":"4294896073","doc":...}}
 * {"sc":NAME,"ev":"script","a":{"steps":[...], resources ...}}
 * {"sc":NAME,"ev":EVENT,"ctx":..,"pc":..,"irqoff":..,"cpu":..,"j":..,"task":..,"a":{...}}    one line an event
 * {"sc":NAME,"ev":"end", ...}
 * ```
 *
 * Every line is read with its number, so that a difference can name it.
 */
import { JsonLine, type JsonObject } from './json-line.js';
import { splitLines } from './recording-meta.js';
import { numberOf } from './step-kinds.js';

/** What the machine does not decide: when processes call, of which nothing is recorded, and how wall-clock time passes. */
const UNDECIDED_TIME = ['j'];

/** One line: an event, as recorded. */
export interface ScenarioLine {
  /** Line in the file, from 1. */
  readonly line: number;
  /** What happened. */
  readonly ev: string;
  /** All members. */
  readonly members: JsonObject;
  /** What stands in member `a`. */
  readonly a: JsonObject;
}

/** One scenario. */
export interface Scenario {
  /** Its name. */
  readonly name: string;
  /** Absolute jiffy from which `j` counts. */
  readonly jiffies0: number;
  /** What the driver was told. */
  readonly script: JsonObject;
  /** All lines but the script, `begin` first. */
  readonly lines: readonly ScenarioLine[];
  /** CPUs of the machine. */
  readonly nrCpus: number;
  /** Members of lines that say nothing about the kernel. */
  readonly ignored: readonly string[];
}

/** A file of scenarios. */
export interface ScenarioRecording {
  /** The scenarios that have a script. */
  readonly scenarios: readonly Scenario[];
  /** Lines of rows and scenarios without one, by name. */
  readonly others: ReadonlyMap<string, readonly JsonLine[]>;
}

/**
 * Tells whether a text is such a recording.
 *
 * @param text - the text.
 * @returns true when it begins like one.
 */
export function isScenarioRecording(text: string): boolean {
  return text.startsWith('{"sc":');
}

/**
 * Reads a recording.
 *
 * @param name - name of the file for errors.
 * @param text - the file.
 * @returns the scenarios in file order.
 * @throws RecordingError when a line is not as it should be.
 */
export function readScenarios(name: string, text: string): ScenarioRecording {
  const byName = new Map<string, JsonLine[]>();
  splitLines(text).forEach((content, index) => {
    const line = new JsonLine(name, index + 1, content);
    const sc = line.string(line.object(line.value, [])['sc'], ['sc']);
    const known = byName.get(sc);
    if (known === undefined) byName.set(sc, [line]);
    else known.push(line);
  });
  const scenarios: Scenario[] = [];
  const others = new Map<string, readonly JsonLine[]>();
  for (const [sc, lines] of byName) {
    const scenario = readScenario(sc, lines);
    if (scenario === null) others.set(sc, lines);
    else scenarios.push(scenario);
  }
  return { scenarios, others };
}

function readScenario(name: string, lines: readonly JsonLine[]): Scenario | null {
  let script: JsonObject | null = null;
  let jiffies0 = 0;
  const events: ScenarioLine[] = [];
  for (const line of lines) {
    const members = line.object(line.value, []);
    if (!('ev' in members)) return null;
    const ev = line.string(members['ev'], ['ev']);
    const a = line.object(members['a'] ?? {}, ['a']);
    if (ev === 'script') {
      line.array(a['steps'], ['a', 'steps']);
      script = a;
      continue;
    }
    if (ev === 'begin') jiffies0 = readJiffies(line, a['jiffies0'], 'jiffies0');
    events.push({ line: line.number, ev, members, a });
  }
  if (script === null || events[0]?.ev !== 'begin') return null;
  const nrCpus = numberOf(script, 'cpus', 1);
  const ignored = 'device' in script || nrCpus > 1 ? UNDECIDED_TIME : [];
  return { name, jiffies0, script, lines: events, nrCpus, ignored };
}

/**
 * Reads a jiffy.
 *
 * @param line - where it stands.
 * @param value - a decimal string.
 * @param member - the member of `a` it is.
 * @returns the jiffy.
 */
export function readJiffies(line: JsonLine, value: unknown, member: string): number {
  const jiffies = Number(line.string(value, ['a', member]));
  if (!Number.isSafeInteger(jiffies)) line.fail(['a', member], 'a whole number as a string');
  return jiffies;
}
