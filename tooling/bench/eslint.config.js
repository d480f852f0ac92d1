import { tooling } from "@kmem/eslint-config";

export default tooling();
