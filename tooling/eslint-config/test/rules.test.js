// The two rules of our own, form by form.
import { RuleTester } from "eslint";
import tseslint from "typescript-eslint";
import { describe, test } from "vitest";
import { documentedExports } from "../rules/documented-exports.js";
import { explainedCast } from "../rules/explained-cast.js";

RuleTester.describe = describe;
RuleTester.it = test;
RuleTester.itOnly = test.only;

const tester = new RuleTester({ languageOptions: { parser: tseslint.parser } });

tester.run("explained-cast", explainedCast, {
  valid: [
    "const a = [1, 2] as const;",
    "// the table above holds only frames\nconst a = n as Pfn;",
    "const a = n as Pfn; // a frame: checked above",
    "/* checked */ const a = n as Pfn;",
    "f(\n  // checked by the caller\n  n as Pfn,\n);",
    "// checked by the caller\nreturnIt(\n  1,\n  n as Pfn,\n);",
    "class A {\n  // set by the constructor's caller\n  b = n as Pfn;\n}",
    "// both hold\nconst a = n as unknown as Pfn;",
    "const a = { b: 1 } satisfies B;",
  ],
  invalid: [
    { code: "const a = n as Pfn;", errors: 1 },
    { code: "const a = <Pfn>n;", errors: 1 },
    { code: "// about something else\n\nconst a = n as Pfn;", errors: 1 },
    { code: "// eslint-disable-next-line eqeqeq\nconst a = n as Pfn;", errors: 1 },
    { code: "const a = n as unknown as Pfn;", errors: 1 },
    { code: "const a = (n as Pfn) + (m as Pfn);", errors: 2 },
  ],
});

const missing = (...names) => names.map((name) => ({ messageId: "missing", data: { name } }));

tester.run("documented-exports", documentedExports, {
  valid: [
    "const a = 1; function b() {} class C { d = 1 }",
    "/** A. */\nexport const a = 1;",
    "/** A. */\nconst a = 1;\nexport { a };",
    "export { a } from './a.js'; export type { B } from './b.js';",
    "/** F. */\nexport function f(a: number): void;\nexport function f(a: string): void;\nexport function f(): void {}",
    "/** C. */\nexport class C { #a = 1; private b = 1; protected c = 1; constructor() {} override d() {} }",
    "/** C. */\nexport class C {\n  /** A. */\n  get a() { return 1; }\n  set a(v) {}\n}",
    "/** I. */\nexport interface I {\n  /** A. */\n  a: number;\n  /** B. */\n  b(): void;\n  [key: string]: unknown;\n}",
    "/** E. */\nexport enum E {\n  /** A. */\n  A,\n}",
    "/** D. */\nexport default function () {}",
  ],
  invalid: [
    { code: "export const a = 1, b = 2;", errors: missing("a, b") },
    { code: "// not a doc comment\nexport const a = 1;", errors: missing("a") },
    { code: "/* nor this */\nexport function f() {}", errors: missing("f") },
    { code: "const a = 1;\nexport { a };", errors: missing("a") },
    { code: "export type T = number;", errors: missing("T") },
    { code: "export default class {}", errors: missing("default") },
    { code: "/** I. */\nexport interface I { a: number; b(): void }", errors: missing("I.a", "I.b") },
    { code: "/** T. */\nexport type T = { a: number };", errors: missing("T.a") },
    { code: "/** C. */\nexport class C { constructor(a: number) {} m() {} static s = 1; readonly p = 1; }", errors: missing("C.constructor", "C.m", "C.s", "C.p") },
    { code: "/** E. */\nexport enum E { A }", errors: missing("E.A") },
  ],
});
