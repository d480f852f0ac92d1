// Every exported name, and every public member of an exported interface or class, has a doc comment.

const isDoc = (comment) => comment !== undefined && comment.type === "Block" && comment.value.startsWith("*");

/** The name of an interface or class member, or undefined when it is computed. */
function memberName(member) {
  if (member.computed || member.key === undefined) return undefined;
  return member.key.type === "Identifier" ? member.key.name : String(member.key.value);
}

function isPublic(member) {
  if (member.accessibility === "private" || member.accessibility === "protected") return false;
  if (member.key?.type === "PrivateIdentifier" || member.override || member.type === "StaticBlock") return false;
  // A constructor without parameters has nothing to say.
  return !(member.kind === "constructor" && member.value.params.length === 0);
}

export const documentedExports = {
  meta: {
    type: "suggestion",
    docs: { description: "Require a doc comment on exported declarations and their public members." },
    schema: [],
    messages: { missing: "'{{name}}' is exported and needs a doc comment (/** ... */)." },
  },
  create(context) {
    const { sourceCode } = context;
    const documented = (node) => isDoc(sourceCode.getCommentsBefore(node).at(-1));

    /** Names that a class takes from the interfaces it implements: their docs are inherited. */
    function inherited(node) {
      const services = sourceCode.parserServices;
      const names = new Set();
      if (!services?.program) return names;
      for (const clause of node.implements ?? []) {
        for (const property of services.getTypeAtLocation(clause).getProperties()) names.add(property.name);
      }
      return names;
    }

    function need(node, name) {
      if (!documented(node)) context.report({ node, loc: node.loc.start, messageId: "missing", data: { name } });
    }

    function needMembers(members, owner, known = new Set()) {
      const seen = new Set();
      for (const member of members) {
        const name = memberName(member);
        // One doc comment is enough for a row of overloads, or a getter with its setter.
        if (name === undefined || known.has(name) || seen.has(name) || !isPublic(member)) continue;
        seen.add(name);
        need(member, `${owner}.${name}`);
      }
    }

    /** `anchor` is the node that the doc comment stands before: the export statement, or the declaration itself. */
    function checkDeclaration(declaration, anchor) {
      if (declaration.type === "VariableDeclaration") {
        need(anchor, declaration.declarations.map((d) => sourceCode.getText(d.id)).join(", "));
        return;
      }
      const name = declaration.id?.name ?? "default";
      need(anchor, name);
      if (declaration.type === "TSInterfaceDeclaration") needMembers(declaration.body.body, name);
      if (declaration.type === "ClassDeclaration") needMembers(declaration.body.body, name, inherited(declaration));
      if (declaration.type === "TSTypeAliasDeclaration" && declaration.typeAnnotation.type === "TSTypeLiteral") {
        needMembers(declaration.typeAnnotation.members, name);
      }
      if (declaration.type === "TSEnumDeclaration") {
        for (const member of declaration.body.members) need(member, `${name}.${sourceCode.getText(member.id)}`);
      }
    }

    return {
      Program(program) {
        const local = new Map();
        const overloads = new Set();
        for (const statement of program.body) {
          const named = statement.type.endsWith("Declaration") ? [statement.id, ...(statement.declarations ?? []).map((d) => d.id)] : [];
          for (const id of named) if (id?.name !== undefined && !local.has(id.name)) local.set(id.name, statement);
        }
        for (const statement of program.body) {
          if (statement.type === "ExportDefaultDeclaration" && statement.declaration.type.endsWith("Declaration")) {
            checkDeclaration(statement.declaration, statement);
          }
          if (statement.type !== "ExportNamedDeclaration" || statement.source) continue;
          const { declaration } = statement;
          if (declaration) {
            const name = declaration.id?.name;
            const isFunction = declaration.type === "TSDeclareFunction" || declaration.type === "FunctionDeclaration";
            if (isFunction && overloads.has(name)) continue;
            if (isFunction) overloads.add(name);
            checkDeclaration(declaration, statement);
          }
          for (const specifier of statement.specifiers) {
            const found = local.get(specifier.local.name);
            if (found) checkDeclaration(found, found);
          }
        }
      },
    };
  },
};
