import { unit } from "@kmem/vitest-config";

export default unit();
