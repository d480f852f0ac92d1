import { contracts } from "@kmem/eslint-config";

export default contracts(import.meta.dirname);
