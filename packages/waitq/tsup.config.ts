import { library } from "@kmem/tsup-config";

export default library({ index: "src/index.ts", host: "src/host/index.ts" });
