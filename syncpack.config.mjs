// Versions live in the catalog of pnpm-workspace.yaml; our own packages refer to each other with workspace:^.
export default {
  source: ["package.json", "packages/*/package.json", "apps/*/package.json", "tooling/*/package.json"],
  versionGroups: [
    { label: "Peers state a range on purpose", dependencyTypes: ["peer"], isIgnored: true },
    { label: "Own packages", dependencies: ["@kmem/**"], dependencyTypes: ["prod", "dev"], pinVersion: "workspace:^" },
    { label: "Outside packages come from the catalog", dependencies: ["**"], dependencyTypes: ["prod", "dev"], pinVersion: "catalog:" },
  ],
};
