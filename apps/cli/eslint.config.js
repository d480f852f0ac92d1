import { app } from "@kmem/eslint-config";

export default app(import.meta.dirname);
