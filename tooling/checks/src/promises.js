// What an example's `// -> value` comments turn into; see withChecks().
import assert from "node:assert/strict";
import { format, inspect } from "node:util";

/** The comment as a JavaScript value, or undefined when it is not one. */
function parsed(text) {
  try {
    return { value: new Function(`"use strict"; return (${text});`)() };
  } catch {
    return undefined;
  }
}

/** An expression's value is what the comment says, as a literal or as Node would print it. */
export function __value(where, text, actual) {
  const expected = parsed(text);
  if (expected === undefined) assert.equal(inspect(actual), text, where);
  else assert.deepEqual(actual, expected.value, `${where}: the docs say ${text}, the code gives ${inspect(actual)}`);
}

/** console.log prints exactly the line of the comment. */
export function __printed(where, text, ...args) {
  assert.equal(format(...args), text, where);
}
