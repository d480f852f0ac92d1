import { composition } from "@kmem/eslint-config";

export default composition(import.meta.dirname);
