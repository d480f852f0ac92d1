// A process of its own for one case: `node src/run-case.js NAME MISSING`, prints the result as JSON.
import { runCase } from "./cases.js";

const [name, missing] = process.argv.slice(2);
console.log(JSON.stringify(await runCase(name, JSON.parse(missing))));
