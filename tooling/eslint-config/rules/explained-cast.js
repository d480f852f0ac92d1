// `x as T` switches the type checker off for a moment, so it carries a comment that says why it holds.

/** The nearest enclosing statement or class member: a comment above it speaks for the casts inside. */
function enclosing(node) {
  let at = node;
  while (at.parent && !/Statement$|Declaration$|Definition$|^Program$/.test(at.type)) at = at.parent;
  return at.type === "Program" ? node : at;
}

const isConst = (type) => type.type === "TSTypeReference" && type.typeName.type === "Identifier" && type.typeName.name === "const";

export const explainedCast = {
  meta: {
    type: "suggestion",
    docs: { description: "Require a comment that says why a type assertion holds." },
    schema: [],
    messages: { unexplained: "Say why this cast holds, in a comment on its line or the line above." },
  },
  create(context) {
    const comments = context.sourceCode
      .getAllComments()
      .filter((c) => c.type !== "Shebang" && !/^\s*(eslint|@ts-|prettier|v8 ignore)/.test(c.value));

    const explained = (from, to) => comments.some((c) => c.loc.end.line >= from - 1 && c.loc.start.line <= to);

    function check(node) {
      if (isConst(node.typeAnnotation)) return;
      // In `x as unknown as T` the outer cast is the one to explain.
      if (node.parent.type === "TSAsExpression") return;
      if (explained(node.loc.start.line, node.loc.end.line)) return;
      const line = enclosing(node).loc.start.line;
      if (explained(line, line)) return;
      context.report({ node, messageId: "unexplained" });
    }

    return { TSAsExpression: check, TSTypeAssertion: check };
  },
};
